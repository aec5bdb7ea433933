"""A small, honest Dify made by code, and the demo that runs the whole job on it."""
