"""What a card gets wrong. Each module has functions from a subject to defects, and a tuple of them."""
