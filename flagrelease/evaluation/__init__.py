"""Benchmarks: what is asked, how it is asked, and how an answer is scored."""
