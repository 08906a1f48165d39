"""The gate's statistics: pure functions of numbers, one subject a file, each with the source of its formula.

Scores, differences, margins and rates are fractions throughout: 0.03 is 3 points. A difference is target − reference,
so a loss is negative. Every level is one-sided unless its name says `confidence`, which is two-sided.

`paired_binary`, `aggregates`, `chance`, `multiplicity`, `suite`, `sample_size`, `rule` and `order` need the standard
library alone, since a build with nothing to do may not wait for scipy to be imported. The others import numpy and
scipy.
"""
