"""One outside thing a file: the only code that may import it."""
