"""Samples and made-up files of harnesses, read through the public door."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flagrelease.adapters.result_files import ResultFiles
from flagrelease.domain.answers import Record
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources

SAMPLES = Path(__file__).parent / "samples"


def read(path: Path | str, *, column: str = "") -> tuple[Record, ...]:
    """The records of a file or folder; a text is a place among the samples."""
    return records_of(Sources(ResultFiles(SAMPLES / path), column=column))


def one(path: Path | str, *, metric: str = "", task: str = "", column: str = "") -> Record:
    """The only record, or the only one of that metric and task."""
    found = [
        record
        for record in read(path, column=column)
        if metric in ("", record.facts.metric) and task in ("", record.facts.task)
    ]
    assert len(found) == 1, [record.facts.metric for record in found]
    return found[0]


def folder(root: Path, files: Mapping[str, str | bytes | Any]) -> Path:
    """A folder of these files: texts and bytes as they are, everything else as JSON."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return root
