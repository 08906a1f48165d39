"""Content on this machine's disks, by digest."""
