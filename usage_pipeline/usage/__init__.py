"""The daily tables: usage by project, API key, user, model and workflow node."""
