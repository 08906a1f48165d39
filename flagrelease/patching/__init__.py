"""Vendor patches as text and values: what a diff would do, what is refused, what a check found. Pure."""
