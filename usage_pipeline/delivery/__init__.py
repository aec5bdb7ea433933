"""From an alert in the outbox to a channel's acceptance: one module a channel, each attempt on record."""
