"""What is measured against its limit in the same run: `make bench` does all of it; each module also runs by itself."""
