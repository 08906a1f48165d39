"""What would be done, and what a change touches: pure functions over recipes and locks."""
