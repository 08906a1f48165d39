"""What a registry answers, read in pieces or up to a limit."""

import re
from collections.abc import Iterator

import requests

from flagrelease.adapters.registry.body import CHUNK
from flagrelease.errors import PublishError
from flagrelease.oci.untrusted import JSON_LIMIT, json_object


def stream(response: requests.Response) -> Iterator[bytes]:
    """The answer's body in pieces of at most 1 MiB, as it came over the wire.

    Raises:
        PublishError: it is compressed, which nobody asked for.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PublishError("the registry compresses an answer that was asked for as it is")
    yield from response.iter_content(CHUNK)


def limited(response: requests.Response, what: str) -> bytes:
    """A small answer whole.

    Raises:
        PublishError: it is compressed, or larger than a manifest may be; `what` names it.
    """
    found = bytearray()
    for piece in stream(response):
        found += piece
        if len(found) > JSON_LIMIT:
            raise PublishError(f"{what}: the answer has more than {JSON_LIMIT} bytes")
    return bytes(found)


def reason(response: requests.Response) -> str:
    """The code of the distribution specification's error list; not its message, which may repeat a secret."""
    try:
        errors = json_object(limited(response, "an error"), "an error").get("errors")
    except (PublishError, requests.RequestException):
        return ""
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return f" {code}" if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else ""
