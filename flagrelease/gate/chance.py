"""Whether a model knows anything about a task; the test itself is in `flagrelease.gate.statistics.chance`."""

from flagrelease.gate.statistics.chance import p_above_chance

__all__ = ["p_above_chance"]
