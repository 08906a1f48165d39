"""The base of every value and the strings that are checked once and then trusted."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Value(BaseModel):
    """A frozen value: unknown keys are refused, nothing is converted from another type."""

    # Not regex_engine="python-re": its `$` lets a line end pass, so "sha256:…\n" would be a digest.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$", max_length=80)]
"""A chip, model, variant, task: lower case, digits, single `.`, `_` or `-` inside."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hexadecimal digits."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""An OCI digest (OCI image spec, descriptor.md) with the one algorithm we write."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
"""A sentence for people: no control characters, so it cannot disturb a terminal or a card."""

# A part of a path that is neither `.` nor `..`, spelled without look-ahead, which pydantic's engine does not have.
_CHARACTER = r"[^\x00-\x1f\x7f\\/]"
_FIRST = r"[^\x00-\x1f\x7f\\/.]"
_PART = rf"({_FIRST}{_CHARACTER}*|\.{_FIRST}{_CHARACTER}*|\.\.{_CHARACTER}+)"

RelativePath = Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART})*$", max_length=1024)]
"""A path below some folder: not absolute, no `.` or `..` part, no control character."""

AbsolutePath = Annotated[str, StringConstraints(pattern=rf"^(/{_PART})+$", max_length=1024)]
"""A path inside an image: absolute, no `.` or `..` part, no control character."""
