"""The gate's word as people read it: a page, and a few lines of Markdown."""
