"""Harnesses: each in an environment of its own, as a program of its own, with work that outlives a kill."""
