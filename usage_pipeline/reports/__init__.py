"""The report of a day, week or month: one typed document, written in the formats that people and tools take."""
