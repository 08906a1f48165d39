"""Rules about recipes: each a small function over all of them, with the defect it comes from."""
