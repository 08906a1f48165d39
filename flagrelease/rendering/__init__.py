"""From recipe, lock and parts to a Dockerfile: pure functions."""
