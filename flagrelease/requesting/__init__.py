"""The mail that asks a vendor for what only the vendor gives out."""
