"""Recipe files to values: one that extends another is read on top of it, and every fault is told at its place.

Good files take the quick way, or are found in the cache. The tree with its positions is made for the others, to say
what is wrong, and for whoever asks for it.
"""

import contextlib
import gc
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from flagrelease.adapters.recipes.cache import Kept, ParseCache
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.characters import JSON_LIMIT, YAML_LIMIT, too_long
from flagrelease.formats.inherit import EXTENDS, extend, extend_within, near, size_of, too_large
from flagrelease.formats.inherit_quick import extend_plain, extend_plain_within, size_of_plain
from flagrelease.formats.positions import Fault, Node, Scalar, UnreadableError, plain, printable, quoted
from flagrelease.formats.quick import DoubtfulError, Plain, quick_plain, quick_value
from flagrelease.formats.strict import read_yaml, refuse, value_of
from flagrelease.formats.yaml_tree import MAX_NODES

V = TypeVar("V", bound=Value)

_AHEAD: Final = 32 << 20
"""Bytes that are read before they are needed: some thousand recipes."""


class Reader:
    """Reads recipe files of one folder tree. `within` is the mapping whose entries may extend each other."""

    def __init__(self, recipes: Path, cache: ParseCache | None = None) -> None:
        self.recipes = recipes
        self._cache = cache
        self._ahead: dict[Path, bytes] = {}

    @contextmanager
    def ahead(self, paths: Iterable[Path]) -> Iterator[None]:
        """Be quick about many files: read them now, one after the other, and look for no garbage until they are values.

        Values are many objects and never a circle: afterwards they count as old, or the next look would go through all
        of them. A file that cannot be read is told when its value is asked for.
        """
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            self._read_ahead(paths)
            yield
        finally:
            self._ahead.clear()
            if was_enabled:
                gc.freeze()
                gc.unfreeze()
                gc.enable()

    def _read_ahead(self, paths: Iterable[Path]) -> None:
        room = _AHEAD
        for path in paths:
            with contextlib.suppress(RecipeError):
                self._ahead[path] = file_bytes(path)
                room -= len(self._ahead[path])
            if room < 0:
                return

    def value(self, path: Path, kind: type[V], *, within: str = "") -> V:
        """The value that a recipe file spells, with those it extends. Raises RecipeError with every fault."""
        files = _Files(path, self._ahead.get(path))
        if self._cache is None:
            return self._read(files, kind, within)[0]
        key = self._cache.key(kind, within, files.content())
        kept = self._cache.get(key)
        value = _kept_value(kept, kind, files) if kept else None
        if value is None:
            value, spelled = self._read(files, kind, within)
            self._cache.put(key, Kept(spelled.encode(), files.others()))
        return value

    def tree(self, path: Path, kind: type[Value], *, within: str = "") -> tuple[Node, list[Fault]]:
        """The file as a tree on top of those it extends, with what is wrong so far. Raises RecipeError."""
        return self._tree(_Files(path), kind, within)

    def shown(self, path: Path) -> str:
        """What messages call the file: as a person in the current folder would."""
        return printable(str(path))

    def _read(self, files: "_Files", kind: type[V], within: str) -> tuple[V, str]:
        """The value, and the JSON that spells it."""
        try:
            checked = quick_value(_quick(files, kind, within), kind)
        except DoubtfulError:
            root, faults = self._tree(files, kind, within)
            value = value_of(root, kind, source=self.shown(files.path), faults=faults)
            return value, json.dumps(plain(root))
        return checked.value, checked.spelled

    def _tree(self, files: "_Files", kind: type[Value], within: str) -> tuple[Node, list[Fault]]:
        faults: list[Fault] = []
        sizes: list[int] = []

        def read(content: bytes, path: Path) -> Node:
            root, found = read_yaml(content, kind, source=self.shown(path))
            faults.extend(found)
            sizes.append(size_of(root, MAX_NODES))
            if sum(sizes) > MAX_NODES:
                raise too_large(root.at, "")
            return root

        def other(name: str, asked_by: Scalar) -> Node:
            path = files.find(name)
            if path is None:
                text = f"there is no recipe {quoted(name)}{near(name, (n for n in files.names() if n != files.name))}"
                raise UnreadableError(Fault(asked_by.at, EXTENDS, text))
            return read(files.content(name), path)

        try:
            root = extend(read(files.content(), files.path), files.name, other)
            root = extend_within(root, within) if within else root
        except UnreadableError as stop:
            refuse([*faults, stop.fault], kind, self.shown(files.path))
        return root, faults


def _quick(files: "_Files", kind: type[Value], within: str) -> Plain:
    read_so_far: list[Plain] = []

    def read(content: bytes) -> Plain:
        read_so_far.append(quick_plain(content, kind))
        if len(read_so_far) > 1 and sum(size_of_plain(one, MAX_NODES) for one in read_so_far) > MAX_NODES:
            raise DoubtfulError
        return read_so_far[-1]

    def other(name: str) -> Plain:
        if files.find(name) is None:
            raise DoubtfulError
        return read(files.content(name))

    root = extend_plain(read(files.content()), files.name, other)
    return extend_plain_within(root, within) if within else root


def _kept_value(kept: Kept, kind: type[V], files: "_Files") -> V | None:
    """What is in the cache, when the files it extends are what they were."""
    for name, sha256 in kept.needs:
        if files.find(name) is None or files.sha256(name) != sha256:
            return None
    try:
        return kind.model_validate_json(kept.spelled, strict=True)
    except ValidationError:
        return None


class _Files:
    """One recipe file and those beside it that it may extend. Each is read once, so that all agree on what it holds.

    A chip or model is called by its bare name, a bundle or table by `<chip>/<name>`.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        self._own = file_bytes(path) if content is None else content
        self._others: dict[str, bytes] = {}

    @cached_property
    def _is_nested(self) -> bool:
        return self.path.parent.parent.name in {"bundles", "published"}

    @cached_property
    def name(self) -> str:
        """What others beside it call the file."""
        return f"{self.path.parent.name}/{self.path.stem}" if self._is_nested else self.path.stem

    def names(self) -> Iterator[str]:
        """Every name there is."""
        if not self._is_nested:
            yield from _stems(self.path.parent)
            return
        top = self.path.parent.parent
        for chip in _names(top):
            yield from (f"{chip}/{stem}" for stem in _stems(top / chip))

    def find(self, name: str) -> Path | None:
        """The file of that name. Names are compared, never joined to a path unseen: `..` leads nowhere."""
        if not self._is_nested:
            return self.path.parent / f"{name}.yaml" if name in _stems(self.path.parent) else None
        top = self.path.parent.parent
        chip, _, stem = name.partition("/")
        if chip not in _names(top) or stem not in _stems(top / chip):
            return None
        return top / chip / f"{stem}.yaml"

    def content(self, name: str = "") -> bytes:
        """The bytes of a file that is there; without a name, of the file itself. Raises RecipeError."""
        if not name or name == self.name:
            return self._own
        if name not in self._others:
            path = self.find(name)
            assert path is not None
            self._others[name] = file_bytes(path)
        return self._others[name]

    def sha256(self, name: str) -> str:
        """Of a file's bytes."""
        return hashlib.sha256(self.content(name)).hexdigest()

    def others(self) -> tuple[tuple[str, str], ...]:
        """Every other file that was read: its name and the SHA-256 of its bytes."""
        return tuple((name, self.sha256(name)) for name in self._others)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) if folder.is_dir() else contextlib.nullcontext(()) as entries:
        return sorted(entry.name for entry in entries)


def _stems(folder: Path) -> list[str]:
    return [name.removesuffix(".yaml") for name in _names(folder) if name.endswith(".yaml")]


def recipe_files(folder: Path) -> list[Path]:
    """Every recipe file below a folder, sorted by the parts of its path."""
    found = [f"{here}{os.sep}{name}" for here, _, names in os.walk(folder) for name in names if name.endswith(".yaml")]
    return [Path(path) for path in sorted(found, key=lambda path: path.replace(os.sep, "\0"))]


def file_bytes(path: Path) -> bytes:
    """What a recipe or lock holds. Raises RecipeError when it cannot be read, is no file, or is too large to be one."""
    limit = JSON_LIMIT if path.name.endswith(".json") else YAML_LIMIT
    try:
        # A pipe of that name would keep a plain open waiting for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            content = _all(descriptor, min(found.st_size, limit + 1)) if stat.S_ISREG(found.st_mode) else None
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RecipeError(f"{printable(str(path))}: wanted a file that can be read: {error.strerror}") from error
    if content is None:
        raise RecipeError(f"{printable(str(path))}: wanted a file that can be read: not a plain file")
    if len(content) > limit:
        raise RecipeError(too_long(limit, max(found.st_size, len(content))).line(printable(str(path))))
    return content


def _all(descriptor: int, size: int) -> bytes:
    """Up to so many bytes of a file."""
    content = os.read(descriptor, size)
    while 0 < len(content) < size and (more := os.read(descriptor, size - len(content))):
        content += more
    return content
