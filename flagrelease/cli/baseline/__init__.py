"""What stands below `flagrelease baseline`, one command a file; each is imported when it is called."""
