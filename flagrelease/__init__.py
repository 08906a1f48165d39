"""flagrelease: a release pipeline that turns a chip + model recipe into a bundle with proof."""

__version__ = "0.1.0"
