"""Patch sets of vendors: found and read, made, applied, checked."""
