"""Recipe → lock: looks up what a recipe leaves open, and keeps every pin whose question is still the same."""
