"""Many tests at once; the corrections themselves are in `flagrelease.gate.statistics.multiplicity`."""

from flagrelease.gate.statistics.multiplicity import holm

__all__ = ["holm"]
