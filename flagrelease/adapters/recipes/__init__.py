"""The recipe folder."""
