"""The components of a draft: from cloned repositories and from stated versions, with where each is stated."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.component import CommitPrefix, GitRef, IndexSource
from flagrelease.domain.source import RepoId
from flagrelease.formats.fits import fits
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.card import Clone, of_way
from flagrelease.importing.stated import Stated
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Block, Gap, Note, Pair


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A component that cards speak of: its title, where its source is, and the project of its wheel, if it is one."""

    title: str
    repository: str
    project: str = ""


_KNOWN: Final = {
    "flagtree": _Known(title="FlagTree", repository="flagos-ai/flagtree", project="flagtree"),
    "flaggems": _Known(title="FlagGems", repository="flagos-ai/FlagGems"),
    "flagcx": _Known(title="FlagCX", repository="flagos-ai/FlagCX"),
    "flagscale": _Known(title="FlagScale", repository="flagos-ai/FlagScale"),
    "vllm": _Known(title="vLLM", repository="vllm-project/vllm", project="vllm"),
    "vllm-plugin-fl": _Known(title="vllm-plugin-FL", repository="flagos-ai/vllm-plugin-FL"),
}
_EMPTY: Final = frozenset({"0.0", "0.0.0"})
_FORGES: Final = {"github.com": "github", "gitcode.com": "gitcode", "gitee.com": "gitee"}
_HOST: Final = re.compile(r"(?:https?://|git@|ssh://git@)([\w.-]{1,100})[:/]")


def components(subject: Subject, way: str) -> Iterator[Pair]:
    """`components`, where the card speaks of any."""
    stated = _stated_in(subject, way)
    clones = {_name(one): one for one in of_way(subject.card.clones, way) if _name(one)}
    pairs = []
    for name in (*_KNOWN, *(name for name in clones if name not in _KNOWN)):
        if name in clones:
            patches = list(_patches(subject, way)) if name == "flagscale" else []
            pairs.append(Pair(name, [*_cloned(clones[name], stated.get(name), subject), *patches]))
        elif name in stated:
            pairs.append(Pair(name, _stated(name, stated[name], subject)))
    if pairs:
        yield Pair("components", pairs)


def _stated_in(subject: Subject, way: str) -> dict[str, Stated]:
    """The first whole version of each component. Of several ways, each has what its image's name says."""
    in_image = {one.component for one in subject.card.stated if way and one.way == way and one.where == "image name"}
    found: dict[str, Stated] = {}
    for one in of_way(subject.card.stated, way):
        known = found.get(one.component)
        is_here = not in_image & _KNOWN.keys() or one.component in in_image
        is_better = known is None or (known.short and not one.short) or known.value in _EMPTY
        if one.component in _KNOWN and one.value and is_here and is_better:
            found[one.component] = one
    return found


def _patches(subject: Subject, way: str) -> Iterator[Pair]:
    """The vendor's patch set, as FlagScale's own tool is called."""
    for command in of_way(subject.card.commands, way):
        if not any(word.endswith("unpatch.py") for word in command.words):
            continue
        options = dict(zip(command.words, command.words[1:], strict=False))
        base, device = options.get("--commit-id", options.get("--commit", "")), options.get("--device-type", "")
        if fits(CommitPrefix, base) and subject.chip:
            yield Pair("patches", [
                Pair("chip", subject.chip.name),
                Pair("base", base),
                *([Pair("device_type", sentence(device))] if device else []),
                *([Pair("note", "encrypted; the card has a key of its own")] if "--key-path" in options else []),
            ], f"line {command.line}")  # fmt: skip
            return


def _name(clone: Clone) -> str:
    last = clone.repository.rpartition("/")[2].lower()
    name = {"flagscale": "flagscale", "vllm-plugin-fl": "vllm-plugin-fl"}.get(last, last)
    return name if re.fullmatch(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", name) and fits(RepoId, clone.repository) else ""


def _cloned(clone: Clone, stated: Stated | None, subject: Subject) -> Block:
    known = _KNOWN.get(_name(clone))
    host = _HOST.match(clone.url)
    forge = _FORGES.get(host[1], "") if host else ""
    source: list[Pair | Gap | Note] = [Pair("kind", "git")]
    if forge not in ("", "github"):
        source.append(Pair("forge", forge))
    elif not forge:
        source.append(Note(f"TODO forge: {clone.url} is on none that is known"))
    source.append(Pair("repository", clone.repository))
    if fits(CommitPrefix, clone.ref):
        source.append(Pair("commit", clone.ref))
    elif clone.ref and fits(GitRef, clone.ref):
        source.append(Pair("branch", clone.ref, "a branch or a tag; give its commit"))
    else:
        source.append(Note("commit: the card names none, so the lock cannot hold one"))
    return [
        *([Pair("title", known.title)] if known else []),
        *([Pair("version", sentence(stated.value))] if stated else []),
        Pair("source", source),
        Pair("provenance", _where(subject, clone.line)),
    ]


def _stated(name: str, stated: Stated, subject: Subject) -> Block:
    known = _KNOWN[name]
    wheel = {"kind": "index", "project": known.project, "version": stated.value}
    if known.project and fits(IndexSource, wheel):
        source = [Pair(key, value) for key, value in wheel.items()]
        note = "taken as a wheel; the card does not say how it came into the image"
    else:
        source = [Pair("kind", "git"), Pair("repository", known.repository)]
        note = "the card names no commit"
    return [
        Pair("title", known.title),
        Pair("version", sentence(stated.value)),
        Pair("source", source, note),
        Pair("provenance", _where(subject, stated.line)),
    ]


def _where(subject: Subject, line: int) -> str:
    return f"card {sentence(subject.card.source)}:{line}"
