"""Smoke suites: does what was built work at all?"""
