"""Where the page of a bundle lies."""

from typing import Final

PAGE: Final = "gate.html"
"""Its name beside the card, in the bundle's folder."""
