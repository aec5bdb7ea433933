"""The warehouse: connections, the embedded server, migrations."""
