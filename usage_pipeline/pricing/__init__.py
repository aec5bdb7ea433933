"""What an event cost when the source does not say, and what that is in the configuration's currency."""
