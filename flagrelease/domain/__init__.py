"""Frozen values that the stages pass on. They import nothing of ours but each other."""
