"""series.yaml as it is written: every key on its line, in the order of the schema."""

from collections.abc import Iterable

from flagrelease.domain.patch_series import Series
from flagrelease.formats.yaml_text import Plain, spelled


def series_yaml(series: Series) -> bytes:
    """The text that reads back as the series."""
    data = series.model_dump(mode="json", by_alias=True, exclude_none=True)
    patches = data.pop("patches")
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            lines.append(f"{key}: [{', '.join(spelled(item, in_flow=True) for item in value)}]")
        elif key != "whitespace" or value != "strict":
            lines.append(f"{key}: {_text(key, value)}")
    lines.append("patches:")
    for patch in patches:
        lines += _entry((key, value) for key, value in patch.items() if value is not False)
    return ("\n".join(lines) + "\n").encode()


def _entry(pairs: Iterable[tuple[str, Plain]]) -> list[str]:
    return [
        f"{'  - ' if number == 0 else '    '}{key}: {_text(key, value)}" for number, (key, value) in enumerate(pairs)
    ]


def _text(key: str, value: Plain) -> str:
    """A day stands without quotes: the reader takes it for one where one is wanted."""
    return str(value) if key == "date" else spelled(value)
