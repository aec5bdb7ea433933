"""What deploy/ holds: how the program is run by others."""
