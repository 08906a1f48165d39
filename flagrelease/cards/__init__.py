"""Cards: what a bundle's user reads, written from evidence."""
