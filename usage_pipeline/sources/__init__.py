"""Where usage is read from: one module a kind of source, all filling the same staging tables."""
