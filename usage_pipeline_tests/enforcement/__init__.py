"""Actions at Dify: planned, carried out, undone, told."""
