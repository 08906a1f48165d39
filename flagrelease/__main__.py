"""`python -m flagrelease`."""

from flagrelease.cli.app import main

main()
