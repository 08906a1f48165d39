"""Evidence packs on a disk: written, and read without believing anything in them."""
