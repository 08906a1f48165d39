"""The stages of a release, one verb a file. No stage imports another."""

ORDER = (
    "resolve",
    "fetch",
    "patch",
    "render",
    "build",
    "smoke_kernels",
    "smoke_serving",
    "evaluate",
    "publish",
)
"""The order they run in; folders of a run are numbered by it."""
