"""Recipes and locks of an older schema version, lifted to the current one: pure, text to text."""
