"""What was published, where, and by whose word."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from flagrelease.domain.value import Digest, Sha256, Text, Value
from flagrelease.domain.verdict import Waiver

Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
"""A tag by the OCI distribution specification."""

Reference = Annotated[
    str,
    StringConstraints(
        pattern=r"^([A-Za-z0-9._:/\[\]-]+@sha256:[0-9a-f]{64}|oci:/[^\x00-\x1f\x7f:]*:[A-Za-z0-9_][A-Za-z0-9._-]*)$",
        max_length=2000,
    ),
]
"""An image as stock tools name it: `HOST/REPO@DIGEST`, or `oci:FOLDER:TAG` with the folder's absolute path."""


class Published(Value):
    """One target that took the image under a tag, and gave it back by digest."""

    status: Literal["published"] = "published"
    target: Text
    reference: Reference
    tag: Tag
    digest: Digest
    bytes_sent: int = Field(ge=0)


class Release(Value):
    """An image at all its targets, as one verdict let it through.

    `figures_sha256` is the hash of what that verdict decided and measured; `waivers` say who let a HOLD through, why,
    and until when.
    """

    image: Digest
    decision: Literal["GO", "HOLD"]
    figures_sha256: Sha256
    waivers: tuple[Waiver, ...] = ()
    published: tuple[Published, ...] = Field(min_length=1)
    finished: datetime

    @model_validator(mode="after")
    def _is_of_one_image(self) -> "Release":
        named = {*(each.digest for each in self.published), *(waiver.image for waiver in self.waivers)}
        if named != {self.image}:
            raise ValueError("it is about several images")
        if (self.decision == "HOLD") != bool(self.waivers):
            raise ValueError("wanted a waiver for a HOLD, and only for that")
        return self
