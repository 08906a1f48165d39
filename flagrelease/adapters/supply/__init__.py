"""Where locked files come from, and how they are fetched."""
