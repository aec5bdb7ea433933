"""The one bounded HTTP client: time and size limits, Retry-After, redaction, address rules."""
