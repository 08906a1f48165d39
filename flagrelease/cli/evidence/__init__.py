"""What stands below `flagrelease evidence`, one command a file; each is imported when it is called."""
