"""Recipes as they were at a git revision: read from its objects into a temporary folder, without a checkout."""

import difflib
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.patch_series import SERIES_FILE
from flagrelease.errors import FlagReleaseError, RecipeError, ToolError

if TYPE_CHECKING:
    from git import Repo

_RECIPES, _TEMPLATES, _PATCHES = "recipes", "dockerfiles", "patches"
_SHA1_DIGITS = 40
_NOT_FOUND = 1
_FILE_LIMIT = 64 << 20
_TOTAL_LIMIT = 512 << 20
_FILE_MODES = {"100644", "100755", "100664"}
_NOT_READ = ("schema/", "probes/")
"""Below the recipe folder: large or generated, and not looked at by what compares revisions."""


class _Blob(NamedTuple):
    mode: str
    id: str
    size: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A revision while it is laid out. `files` has the ids of its files by their path from the project's folder."""

    asked: str
    commit: str
    catalogue: Catalogue
    files: Mapping[str, str]
    folder: Path
    prefix: str

    def shown(self, text: str) -> str:
        """A text with the temporary folder in it, as git would write it: `HEAD~1:recipes/chips/cpu.yaml`."""
        return text.replace(f"{self.folder}/", f"{self.asked}:{self.prefix}")


@contextmanager
def at_revision(
    recipes: Path,
    asked: str,
    *,
    since: bool = False,
    folders: Collection[str] = (_RECIPES, _TEMPLATES, _PATCHES),
    cache: ParseCache | None = None,
) -> Iterator[Revision]:
    """The recipe folder at a revision, for as long as the block lasts.

    Args:
        recipes: The recipe folder in the working tree.
        asked: Anything that git understands as a commit.
        since: Take the commit at which HEAD left that revision, which is what a change request changes.
        folders: Folders beside the recipes whose files' ids are wanted.
        cache: What recipe files were read as before.

    Raises:
        RecipeError: there is no such revision, or no recipe folder in it, or its tree is not sane.
        ToolError: git is not on this machine, or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="flagrelease-") as text, repository(recipes) as (repo, prefix):
        folder = Path(text).resolve()
        commit = _commit(repo, asked)
        if since:
            commit = _left_at(repo, commit, asked)
        names = {_RECIPES: recipes.resolve().name, **{name: name for name in folders if name != _RECIPES}}
        files = {}
        budget = _TOTAL_LIMIT
        for name, real in names.items():
            for blob in _blobs(repo, commit, f"{prefix}{real}", asked):
                path = f"{name}{blob.path.removeprefix(f'{prefix}{real}')}"
                files[path] = blob.id
                if _is_read(path):
                    budget -= _write(repo, blob, folder / path, asked, budget)
        if not (folder / _RECIPES / "chips").is_dir():
            raise RecipeError(f"wanted a recipe folder in `{asked}`, found no `{prefix}{names[_RECIPES]}/chips/` there")
        catalogue = Catalogue(folder / _RECIPES, cache)
        found = Revision(
            asked=asked, commit=commit, catalogue=catalogue, files=files, folder=folder, prefix=prefix
        )  # fmt: skip
        try:
            yield found
        except FlagReleaseError as error:
            raise type(error)(found.shown(error.message), hint=found.shown(error.hint), log=error.log) from error


def working_files(recipes: Path, folders: Iterable[str]) -> Mapping[str, str]:
    """The ids that git would give the files of the working tree, by path from the project's folder.

    Computed here, so that neither the index nor what git ignores has a say.
    """
    files = {}
    for name in folders:
        top = recipes if name == _RECIPES else recipes.resolve().parent / name
        for path in sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                data = path.read_bytes()
                digest = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
                files[f"{name}/{path.relative_to(top).as_posix()}"] = digest.hexdigest()
    return files


@contextmanager
def repository(recipes: Path) -> Iterator[tuple["Repo", str]]:
    """The repository around the recipe folder, and the project's place in it: empty, or with a slash at its end."""
    try:
        import git  # noqa: PLC0415 - it looks for the program when it is imported
    except ImportError as error:
        hint = "install git; without it, compare recipes that lie side by side"
        raise ToolError("wanted git on this machine, found none", hint=hint) from error
    folder = recipes.resolve()
    try:
        repo = git.Repo(folder, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        hint = "run this in a clone of the project, or leave out the revision"
        raise RecipeError(f"wanted a git repository around `{recipes}`, found none", hint=hint) from error
    with repo:
        top = Path(repo.working_tree_dir or folder).resolve()
        if top == folder:
            hint = "put it into a folder of the repository"
            raise RecipeError(f"wanted the recipe folder below the repository's top, found it is `{top}`", hint=hint)
        place = folder.parent.relative_to(top).as_posix()
        try:
            yield repo, "" if place == "." else f"{place}/"
        except git.GitCommandError as error:
            said = str(error.stderr).strip().removeprefix("stderr: ").strip("'").splitlines() or [str(error.status)]
            hint = " ".join(" ".join(said[1:]).split())
            raise ToolError(f"git refuses in `{top}`: {said[0]}", hint=hint) from error


def _commit(repo: "Repo", asked: str) -> str:
    from git import GitCommandError  # noqa: PLC0415 - as above

    names = sorted({"HEAD", *(ref.name for ref in repo.references)})
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(f'`{name}`' for name in near)}? " if near else ""
    unknown = RecipeError(
        f"wanted a git revision, found no {asked!a} in `{repo.working_tree_dir}`",
        hint=f"{meant}a shallow clone has only its newest commits: fetch the one that is wanted",
    )
    if asked.startswith("-") or not asked.isprintable():
        raise unknown  # git would take it for an option
    try:
        commit = str(repo.git.rev_parse("--verify", "--quiet", f"{asked}^{{commit}}"))
    except GitCommandError as error:
        if error.status != _NOT_FOUND:
            raise
        raise unknown from error
    if len(commit) != _SHA1_DIGITS:
        raise ToolError(f"`{repo.working_tree_dir}` has objects named by SHA-256, which GitPython cannot read")
    return commit


def _left_at(repo: "Repo", commit: str, asked: str) -> str:
    from git import GitCommandError  # noqa: PLC0415 - as above

    try:
        return str(repo.git.merge_base(commit, "HEAD"))
    except GitCommandError as error:
        if error.status != _NOT_FOUND:
            raise
        raise RecipeError(
            f"wanted the commit at which HEAD left `{asked}`, found none that both have",
            hint="a shallow clone lacks it: fetch with full depth (`fetch-depth: 0` of actions/checkout)",
        ) from error


def _blobs(repo: "Repo", commit: str, folder: str, asked: str) -> Iterator[_Blob]:
    """The files below a folder. Raises RecipeError for a name that could lead out of it."""
    listed = str(repo.git.ls_tree("-r", "-l", "-z", "--full-tree", commit, "--", f"{folder}/"))
    for line in listed.split("\0"):
        if line:
            facts, _, path = line.partition("\t")
            mode, _, id_, size = facts.split()
            parts = path.split("/")
            if not path.isprintable() or any(part in ("", ".", "..") for part in parts):
                raise RecipeError(f"`{asked}` has a file name that no checkout may have: {path!a}")
            yield _Blob(mode=mode, id=id_, size=int(size) if size.isdigit() else 0, path=path)


def _is_read(path: str) -> bool:
    folder, _, below = path.partition("/")
    if folder == _TEMPLATES or (folder == _PATCHES and below.endswith(f"/{SERIES_FILE}")):
        return True
    wanted = below.startswith("baselines/") or PurePosixPath(below).suffix in (".yaml", ".json")
    return folder == _RECIPES and wanted and not below.startswith(_NOT_READ)


def _write(repo: "Repo", blob: _Blob, path: Path, asked: str, budget: int) -> int:
    """Write one file; return its size."""
    from git.exc import ODBError  # noqa: PLC0415 - as above

    if blob.mode not in _FILE_MODES:
        raise RecipeError(f"{asked}:{blob.path}: wanted a file, found a link or another repository")
    if blob.size > min(_FILE_LIMIT, budget):
        raise RecipeError(f"{asked}:{blob.path}: {blob.size:,} bytes are too many to compare recipes")
    try:
        content = repo.odb.stream(bytes.fromhex(blob.id)).read()
    except (ODBError, ValueError) as error:
        hint = "`git fsck` says more; a partial clone has to fetch it first"
        raise ToolError(f"{asked}:{blob.path}: git does not have its content", hint=hint) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise RecipeError(f"{asked}:{blob.path}: cannot be laid out: {error.strerror}") from error
    return blob.size
