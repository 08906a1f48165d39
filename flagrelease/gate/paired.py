"""Statistics of two sides answering the same right-or-wrong items.

The formulas are in `flagrelease.gate.statistics`; this module names those that the verdict and lint use.
"""

from flagrelease.gate.statistics.paired_binary import p_damage, tango_interval
from flagrelease.gate.statistics.sample_size import items_for_margin

__all__ = ["items_for_margin", "p_damage", "tango_interval"]
