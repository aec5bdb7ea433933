"""Holds each day's events against the source's own sums and names the rows that do not fit."""
