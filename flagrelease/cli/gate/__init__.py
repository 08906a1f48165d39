"""What stands below `flagrelease gate`, one command a file; each is imported when it is called."""
