"""What the benchmark tasks need of a model that answers, be it a server or a reference stack."""

from flagrelease.ports import Completions, Continuation, RequestFailedError, RequestRejectedError

__all__ = ["Completions", "Continuation", "RequestFailedError", "RequestRejectedError"]
