"""FlagScale checkouts: their `hardware/` read from a folder or a commit, made into sets, and written back."""
