"""Sealed patches: the envelope, keys, recipients, and one signature over a whole set. Pure: bytes in, bytes out.

The format is written down in docs/sealed-patches.md. Only `primitives` and `flagscale` import `cryptography`.
"""
