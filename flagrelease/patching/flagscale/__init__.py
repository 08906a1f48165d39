"""What FlagScale's `hardware/` says, in its three generations, and where it contradicts itself. Pure: bytes in."""
