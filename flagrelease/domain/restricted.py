"""What a vendor hands out itself: who to ask, and for what."""

from pydantic import Field

from flagrelease.domain.value import Text, Value


class Restricted(Value):
    """A part that only its owner gives out. `fields` are what the request has to state; `…_zh` is in Chinese."""

    what: Text
    contact: Text
    fields: tuple[Text, ...] = ()
    what_zh: Text | None = None
    fields_zh: tuple[Text, ...] = ()
    source: Text = Field(description="where this is stated")
