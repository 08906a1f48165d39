"""Images by their digest, out of registries and image layouts, into the store."""
