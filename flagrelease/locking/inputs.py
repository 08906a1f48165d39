"""A lock as a list of inputs, whichever kind it is: what `plan`, `diff`, `impact` and `lock` itself speak about."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flagrelease.domain.lock import InputKind, Lock, LockedWeights, PartialLock
from flagrelease.formats.canonical import sha256_of


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input by its recipe key. `version` is what people call it by, `pin` its hash, digest or commit."""

    key: str
    kind: InputKind
    name: str
    version: str
    pin: str
    size: int
    status: Literal["locked", "restricted", "unresolved"] = "locked"
    reason: str = ""


def inputs_of(lock: Lock | PartialLock) -> tuple[Input, ...]:
    """Every input of the bundle, in the order of its lock."""
    return _partial(lock) if isinstance(lock, PartialLock) else _whole(lock)


def _partial(lock: PartialLock) -> tuple[Input, ...]:
    return tuple(
        Input(
            key=one.key,
            kind=one.kind,
            name=one.name,
            version=one.pin or one.status,
            pin=one.pin or "",
            size=one.size or 0,
            status=one.status,
            reason=f"ask {one.contact}" if one.status == "restricted" else one.reason or "",
        )
        for one in lock.inputs
    )


def _whole(lock: Lock) -> tuple[Input, ...]:
    base = (
        Input(key=f"base.{p.name}", kind="base", name=p.name, version=p.version, pin=p.sha256, size=p.size)
        for p in lock.base.packages
    )
    wheels = (
        Input(key=f"wheels.{w.project}", kind="wheel", name=w.project, version=w.version, pin=w.sha256, size=w.size)
        for w in lock.wheels
    )
    files = (
        Input(
            key=f"files.{f.file.path}", kind="component", name=f.file.template, version=f.template_sha256[:12],
            pin=f.template_sha256, size=0,
        )
        for f in lock.files
    )  # fmt: skip
    datasets = (
        Input(
            key=f"gate.{d.task}", kind="dataset", name=d.file.path, version=d.file.sha256[:12], pin=d.file.sha256,
            size=d.file.size,
        )
        for d in lock.datasets
    )  # fmt: skip
    harnesses = (
        Input(
            key=f"harnesses.{one.harness.name}", kind="harness", name=one.harness.title, version=one.harness.version,
            pin=sha256_of(one), size=0,
        )
        for one in lock.harnesses
    )  # fmt: skip
    baseline = (
        Input(key="reference", kind="baseline", name=one.path, version=one.sha256[:12], pin=one.sha256, size=0)
        for one in (lock.baseline,)
        if one
    )
    weights = (*_weights("weights", lock.weights), *_weights("smoke.second_model", lock.second_model))
    return (*base, *wheels, *_components(lock), *files, *weights, *datasets, *harnesses, *baseline)


def _components(lock: Lock) -> Iterator[Input]:
    for one in lock.components:
        repository = f"{one.source.repository} at {one.commit[:12]}"
        yield Input(
            key=f"components.{one.name}", kind="component", name=repository, version=one.commit, pin=one.commit, size=0
        )
        if one.patches:
            name = f"patches of {one.patches.chip} on {one.name} at {one.commit[:12]}"
            yield Input(
                key=f"components.{one.name}.patches", kind="patches", name=name, version=one.patches.series[:12],
                pin=one.patches.series, size=0,
            )  # fmt: skip


def _weights(key: str, weights: LockedWeights) -> tuple[Input, ...]:
    return tuple(
        Input(
            key=f"{key}.{f.path}", kind="weights", name=f"{weights.model}: {f.path}", version=f.sha256[:12],
            pin=f.sha256, size=f.size,
        )
        for f in weights.files
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Move:
    """One input that two locks differ in; an empty side means that it is not there."""

    key: str
    name: str
    before: str
    after: str


def moves_between(before: Lock | PartialLock | None, after: Lock | PartialLock) -> tuple[Move, ...]:
    """What changed, in the order of `after`; what is gone comes last."""
    old = {one.key: one for one in inputs_of(before)} if before else {}
    new = {one.key: one for one in inputs_of(after)}
    changed = [
        Move(key=key, name=one.name, before=_said(old.get(key)), after=_said(one))
        for key, one in new.items()
        if key not in old or (old[key].pin, old[key].status) != (one.pin, one.status)
    ]
    gone = [Move(key=key, name=one.name, before=_said(one), after="") for key, one in old.items() if key not in new]
    return (*changed, *gone)


def _said(one: Input | None) -> str:
    if one is None:
        return ""
    if one.status != "locked":
        return f"{one.status}: {one.reason}"
    return one.version if one.version == one.pin else f"{one.version} ({one.pin[:19]})"
