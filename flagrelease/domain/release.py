"""What was published, and where."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from flagrelease.domain.value import Digest, Text, Value


class Published(Value):
    """One target that took the image and gave it back by digest."""

    status: Literal["published"] = "published"
    target: Text
    reference: Text
    digest: Digest
    bytes_sent: int = Field(ge=0)


class Release(Value):
    """An image at all its targets."""

    image: Digest
    published: tuple[Published, ...] = Field(min_length=1)
    finished: datetime
