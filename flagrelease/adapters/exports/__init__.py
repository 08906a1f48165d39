"""Exports on a disk: a bundle's image with its stages as one archive, written, and read without believing it."""
