"""How stand-ins were called in a rehearsal: lines of JSON that they wrote inside an image, or into a wheel."""

import zipfile
import zlib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from flagrelease.domain.engine_build import Call
from flagrelease.errors import BuildError

CALLS_FILE: Final = "/opt/flagrelease-rehearsal/calls.jsonl"
"""Where they are in an image; it is not there where no stand-in was called."""

IN_WHEEL: Final = "flagrelease-stand-in.jsonl"
"""The file in the `.dist-info` folder of a wheel that was built from a stand-in's tree."""

MOST_BYTES: Final = 4 << 20


def read_calls(content: bytes, where: str) -> tuple[Call, ...]:
    """Calls in the order they were made.

    Args:
        content: What the file holds; it comes out of an image, so nothing of it is believed.
        where: What messages call it.

    Raises:
        BuildError: it is too large, or a line is no call.
    """
    if len(content) > MOST_BYTES:
        raise BuildError(f"{where}: {len(content)} bytes of calls, wanted at most {MOST_BYTES}")
    calls = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            calls.append(Call.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise BuildError(f"{where}: line {number} is no call of a stand-in: {first['msg'][:300]}") from error
    return tuple(calls)


def calls_in_wheel(wheel: Path) -> tuple[Call, ...]:
    """The calls that built a wheel; none where it was built from something else. Raises BuildError where it is none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [one for one in archive.infolist() if one.filename.endswith(f".dist-info/{IN_WHEEL}")]
            content = b""
            for member in found[:1]:
                with archive.open(member) as stream:
                    content = stream.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise BuildError(f"{wheel.name} is not a wheel that can be read: {error}") from error
    return read_calls(content, wheel.name)
