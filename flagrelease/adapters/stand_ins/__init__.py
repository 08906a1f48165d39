"""What takes the place of a vendor's parts in a rehearsal, made here, the same bytes on every machine."""
