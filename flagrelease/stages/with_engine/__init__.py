"""The first five stages of a bundle that an image engine builds: same names, same order, same folders.

What its lock leaves open does not stop them before the build: they go as far as they can, and say what is missing.
"""
