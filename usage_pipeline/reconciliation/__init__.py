"""Holds each day's events against the source's own sums, explains the difference, and names the rows that do not fit."""
