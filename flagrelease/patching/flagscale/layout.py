"""Which folders of `hardware/` hold patches, and of which generation each is.

1: `<device>/<8 digits>/<8 digits>.patch`, a mailbox. 2: `<device>/<backend>/diff.patch` or `<7 digits>.patch`, one
diff. 3: `<device>/<backend>/<path of the file>.patch`, a diff a file. Each may end in `.encrypted`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from flagrelease.formats.positions import quoted
from flagrelease.patching.flagscale.backends import BACKENDS
from flagrelease.patching.flagscale.findings import Findings

Generation: TypeAlias = Literal[1, 2, 3]

ENCRYPTED: Final = ".encrypted"
DIFF_YAML: Final = "diff.yaml"
_PATCH: Final = re.compile(r"(?P<of>.+)\.patch(\.encrypted)?\Z", re.DOTALL)
_BASE: Final = re.compile(r"[0-9a-f]{8}\Z")
_WHOLE: Final = re.compile(r"(diff|[0-9a-f]{7})\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}\Z")
_BESIDE: Final = re.compile(r"(README|LICENSE)([._-].*)?\Z")


@dataclass(frozen=True, kw_only=True)
class PatchPath:
    """A patch's path below hardware/, and what its name says that it is of: a file, a base commit, or `diff`."""

    path: str
    of: str

    @property
    def is_encrypted(self) -> bool:
        """Whether FlagScale's tool encrypted it."""
        return self.path.endswith(ENCRYPTED)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A folder of patches: `<device>/<backend>`, or `<device>/<8 digits>` in generation 1."""

    device: str
    name: str
    generation: Generation
    patches: tuple[PatchPath, ...]
    yaml: str | None

    @property
    def folder(self) -> str:
        """Its place below hardware/."""
        return f"{self.device}/{self.name}"

    @property
    def backend(self) -> str:
        """Whose changes they are, by the folder."""
        return "FlagScale" if self.generation == 1 else self.name


def units(paths: Iterable[str], findings: Findings, *, generation: Generation | None = None) -> list[Unit]:
    """Every folder of patches, sorted. What is none, or is unclear, is told."""
    folders: dict[tuple[str, str], list[str]] = {}
    for path in sorted(paths):
        parts = path.split("/")
        if len(parts) > 2:  # noqa: PLR2004 - device, folder, file
            folders.setdefault((parts[0], parts[1]), []).append("/".join(parts[2:]))
        elif _PATCH.match(parts[-1]):
            findings.tell("outside-backend", path, f"a patch in {'hardware/' if len(parts) == 1 else parts[0]}")
    found = [_unit(device, name, files, findings, generation) for (device, name), files in folders.items()]
    return [one for one in found if one]


def _unit(device: str, name: str, files: Sequence[str], findings: Findings, asked: Generation | None) -> Unit | None:
    folder = f"{device}/{name}"
    patches = [PatchPath(path=f"{folder}/{file}", of=found["of"]) for file in files if (found := _PATCH.match(file))]
    if not patches and DIFF_YAML not in files:
        return None
    if not (_NAME.match(device) and _NAME.match(name)):
        findings.tell("bad-name", folder, quoted(folder), folder=folder)
        return None
    if not _BASE.match(name) and name not in BACKENDS:
        findings.tell("unknown-backend", folder, quoted(name), folder=folder)
        return None
    number, why = _generation(name, patches, asked)
    if number is None:
        findings.tell("unclear-generation", folder, why, folder=folder)
        return None
    if asked not in (None, number):
        findings.tell("other-generation", folder, f"generation {number}", folder=folder, wanted=f"generation {asked}")
        return None
    yaml = _yaml(patches, files) if number > 1 else None
    _check_files(folder, files, yaml, findings)
    for of, count in Counter("the whole" if number < 3 else one.of for one in patches).items():  # noqa: PLR2004
        if count > 1:
            findings.tell("two-patches", folder, f"{count} of {of}", folder=folder)
    if number > 1 and yaml is None:
        findings.tell("no-diff-yaml", folder, "none", folder=folder)
    return Unit(
        device=device,
        name=name,
        generation=number,
        patches=tuple(patches),
        yaml=f"{folder}/{yaml}" if yaml else None,
    )


def _generation(name: str, patches: Sequence[PatchPath], asked: Generation | None) -> tuple[Generation | None, str]:
    """The generation, or why none."""
    if not patches:
        return None, f"{DIFF_YAML} without a patch"
    if _BASE.match(name):
        if all(_BASE.match(one.of) for one in patches):
            return 1, ""
        return None, "a folder named for a commit, as of generation 1, with patches named for files"
    whole = [one for one in patches if _WHOLE.match(one.of)]
    files = len(patches) - len(whole)
    if asked == 3 or not whole:  # noqa: PLR2004 - the generation
        return 3, ""
    if not files:
        return 2, ""
    return None, f"{whole[0].of}.patch, as of generation 2, and patches of {files} files, as of generation 3"


def _yaml(patches: Sequence[PatchPath], files: Sequence[str]) -> str | None:
    """`diff.yaml`, or the one that is named as the one patch is."""
    named = [DIFF_YAML, *(f"{one.of}.yaml" for one in patches[:1] if _WHOLE.match(one.of))]
    return next((name for name in named if name in files), None)


def _check_files(folder: str, files: Sequence[str], yaml: str | None, findings: Findings) -> None:
    for file in files:
        if file != yaml and not _PATCH.match(file) and not _BESIDE.match(file):
            findings.tell("stray-file", f"{folder}/{file}", "another file", folder=folder)
