"""Dify's console API over HTTP: logging in by any of its forms, calls that are paced, bounded and said in words."""
