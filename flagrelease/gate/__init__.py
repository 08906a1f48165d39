"""The evaluation gate: statistics, integrity and verdict as pure functions of the policy and both sides' answers."""
