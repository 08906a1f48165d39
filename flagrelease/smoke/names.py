"""The names of the serving checks, for recipes that declare deviations from them: looking them up loads no suite."""

from typing import Final

SERVING: Final = (
    "ready",
    "models",
    "chat",
    "stream",
    "max-tokens",
    "stop-string",
    "bad-json",
    "empty-request",
    "wrong-type",
    "context-overflow",
    "unknown-model",
    "crosstalk",
    "stop",
    "reload",
    "second-model",
)
"""Every check in its order."""
