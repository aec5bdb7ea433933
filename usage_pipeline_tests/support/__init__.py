"""What tests stand on: made-up companies, servers that fail, clocks, and plain accounts of the truth."""
