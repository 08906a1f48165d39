"""series.yaml as it is read, and as it is written: every key on its line, in the order of the schema."""

from collections.abc import Iterable
from pathlib import Path

from flagrelease.domain.patch_series import Series
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import decode_yaml
from flagrelease.formats.yaml_text import Plain, spelled


def read_series(data: bytes, path: Path) -> Series:
    """What a set says of itself.

    Args:
        data: Its series.yaml.
        path: Where that lies, in the folder `<component>/<base>/<chip>` of the set.

    Raises:
        RecipeError: it cannot be read, or is that of another folder.
    """
    series = decode_yaml(data, Series, source=str(path))
    if series.folder != "/".join(path.parts[-4:-1]):
        raise RecipeError(f"{path}: wanted the set of its folder, found {series.folder}", hint="move the folder there")
    return series


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
