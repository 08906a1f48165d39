"""JSON that a server or a folder gave us: limited in size and depth, checked before anything is believed."""

import json

from pydantic import TypeAdapter, ValidationError

from flagrelease.errors import PublishError
from flagrelease.oci.manifest import Descriptor

JSON_LIMIT = 4 << 20
"""Bytes of the largest manifest, index or answer that is read; the OCI distribution specification names this limit."""

_MOST_DESCRIPTORS = 10_000
_LIST = TypeAdapter(list[Descriptor])


def json_object(content: bytes, what: str) -> dict[str, object]:
    """The JSON object in `content`; `what` names it in the error.

    Raises:
        PublishError: too large, not JSON, nested too deep, not an object, or with a key twice.
    """
    if len(content) > JSON_LIMIT:
        raise PublishError(f"{what} has more than the {JSON_LIMIT} bytes that are read")
    try:
        value: object = json.loads(content, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        # Without `from`: the fault may quote a secret of a configuration file.
        raise PublishError(f"{what} is not JSON that can be read") from None
    if not isinstance(value, dict):
        raise PublishError(f"{what} is not a JSON object")
    return value


def descriptors(value: object, what: str) -> tuple[Descriptor, ...]:
    """A list of descriptors (OCI image specification, descriptor.md).

    Raises:
        PublishError: not a list, too long, or one of them is wrong.
    """
    if not isinstance(value, list) or len(value) > _MOST_DESCRIPTORS:
        raise PublishError(f"{what} holds no list of at most {_MOST_DESCRIPTORS} descriptors")
    try:
        return tuple(_LIST.validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        raise PublishError(f"{what} holds a descriptor that makes no sense at {place}: {first['msg'][:200]}") from error


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
