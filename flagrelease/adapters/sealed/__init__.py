"""Sealed sets and keys on a disk, and what keeps plain text off it."""
