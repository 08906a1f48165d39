"""Lines of a program's output: progress bars, secrets, and lines without an end."""

import io
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from flagrelease.adapters.output import lines_of

SECRET = b"s3cret-key-0123456789"


class Trickle(io.RawIOBase):
    """A stream that gives its bytes in the pieces that it was made of."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read1(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def lines(*pieces: bytes, secrets: Sequence[bytes] = (SECRET,)) -> list[bytes]:
    return list(lines_of(Trickle(pieces), secrets))  # type: ignore[arg-type]


def test_a_rewritten_line_is_a_line_each_time() -> None:
    assert lines(b"1 of 3\r2 of 3\r3 of 3\ndone\r\n") == [b"1 of 3\n", b"2 of 3\n", b"3 of 3\n", b"done\n"]


@given(st.integers(0, 140_000), st.integers(1_000, 40_000), st.integers(0, 3))
def test_a_secret_is_struck_out_wherever_it_stands_and_however_it_comes(at: int, step: int, ends: int) -> None:
    text = b"x" * at + SECRET + b"\n" * ends + SECRET + b"y" * 70_000
    said = b"".join(lines(*(text[i : i + step] for i in range(0, len(text), step))))
    assert SECRET not in said.replace(b"\n", b"")
    assert said.count(b"***") == 2


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_without_secrets_nothing_but_line_ends_is_changed(pieces: list[bytes]) -> None:
    said = b"".join(lines(*pieces, secrets=()))
    strip = bytes.maketrans(b"\r", b"\n")
    assert said.replace(b"\n", b"") == b"".join(pieces).translate(strip).replace(b"\n", b"")
