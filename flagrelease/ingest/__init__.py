"""Readers of harness output: each makes `flagrelease.evalrun/v2` records, and none decides anything."""
