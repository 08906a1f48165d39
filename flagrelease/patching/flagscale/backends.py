"""FlagScale's names for what it patches, and ours."""

from collections.abc import Mapping
from typing import Final

FLAGSCALE: Final = "FlagScale"

BACKENDS: Final[Mapping[str, str]] = {
    FLAGSCALE: "flagscale",
    "Megatron-LM": "megatron-lm",
    "Megatron-Energon": "megatron-energon",
    "vllm": "vllm",
    "sglang": "sglang",
    "llama.cpp": "llama.cpp",
    "omniinfer": "omniinfer",
    "verl": "verl",
}
"""FlagScale's backend, and the component that it is here. All but FlagScale itself are its submodules."""

TASKS: Final = ("train", "inference", "post_train")


def backend_of(component: str) -> str | None:
    """FlagScale's name of a component."""
    return next((backend for backend, name in BACKENDS.items() if name == component), None)


def submodule(backend: str) -> str:
    """Where FlagScale has the backend's own repository."""
    return f"third_party/{backend}"


def own_changes(backend: str) -> str:
    """Where FlagScale keeps what it changes in a backend itself."""
    return f"flagscale/backends/{backend}/"
