"""The commands on vendor patch sets, one a file; each is imported when it is called."""
