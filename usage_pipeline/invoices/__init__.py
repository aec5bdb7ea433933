"""Invoices of providers, held against what was counted."""
