"""The gate on records of any harness: which belong together, what speaks against them, and what they show."""
