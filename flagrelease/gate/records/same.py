"""Whether both sides were asked the same, in the same way."""

from collections.abc import Callable, Iterator
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.gate.records.asked import canonical_metric
from flagrelease.gate.records.check import Sides, check, cut, named

UNKNOWN_HARNESS: Final = "table"
"""What the record of a plain table has in its place."""

_Reads = tuple[tuple[str, Callable[[Record], object]], ...]

_DATASET: Final[_Reads] = (
    ("the dataset", lambda one: one.facts.dataset.id),
    ("the dataset's revision", lambda one: one.facts.dataset.revision),
    ("the split", lambda one: one.facts.dataset.split),
    ("the number of items of the dataset", lambda one: one.facts.dataset.items),
)


def _differing(sides: Sides, reads: _Reads) -> Iterator[str]:
    """What both sides state, and differently. What one of them leaves out is `unstated`."""
    for what, read in reads:
        before, after = read(sides.reference), read(sides.target)
        if before is not None and after is not None and before != after:
            yield f"{what} is {cut(before)} on the reference and {cut(after)} on the target"


@check("other-harness", "invalid", "another harness than the policy was written for")
def other_harness(sides: Sides) -> Iterator[str]:
    """Two harnesses on two sides make no comparison at all; a plain table does not say whose scores it has."""
    for side, one in sides.both:
        found = one.facts.harness.name
        if found not in (sides.asked.harness, UNKNOWN_HARNESS):
            yield f"the policy wants the scores of {sides.asked.harness}, the {side} has those of {cut(found)}"


@check("other-harness-version", "invalid", "the harness, or its configuration of the task, differs")
def other_harness_version(sides: Sides) -> Iterator[str]:
    """Its version and, where both keep one, the hash of what it says of the task."""
    return _differing(
        sides,
        (
            ("the harness's version", lambda one: one.facts.harness.version),
            ("the SHA-256 of the task's configuration", lambda one: one.facts.harness.config_sha256),
        ),
    )


@check("other-dataset", "invalid", "another dataset, revision, split or number of items")
def other_dataset(sides: Sides) -> Iterator[str]:
    """Where the sides ran over other items, the fingerprint differs too; `item-differs` then says which."""
    found = list(_differing(sides, _DATASET))
    found += _other_than_drawn(sides)
    yield from found
    if not found and not _documents(sides):
        yield from _differing(sides, (("the dataset's fingerprint", lambda one: one.facts.dataset.fingerprint),))


def _other_than_drawn(sides: Sides) -> Iterator[str]:
    """Of a task that is asked here the policy says which items were drawn, and from where."""
    if (own := sides.asked.own) is None:
        return
    for side, one in sides.both:
        if one.answers is None:
            continue
        drawn, split = one.facts.dataset.fingerprint, one.facts.dataset.split
        if drawn != sides.asked.selection:
            yield f"the policy draws {sides.asked.selection}, the {side} has {cut(drawn or 'items of its own')}"
        if split != own.dataset.split:
            yield f"the policy wants the split {own.dataset.split}, the {side} has {cut(split or 'none')}"


def _documents(sides: Sides) -> bool:
    """Whether items can be compared one by one, which says more than a hash over all of them."""
    return all(side.answers is not None and any(side.answers.documents) for _, side in sides.both)


@check("item-differs", "invalid", "an item has one id and two contents")
def item_differs(sides: Sides) -> Iterator[str]:
    """By the hash that the harness keeps of each document."""
    if changed := _changed(sides, "documents"):
        yield f"{named(changed)} {'has' if len(changed) == 1 else 'have'} another content on the target"


@check("prompt-differs", "invalid", "the same item was asked in other words")
def prompt_differs(sides: Sides) -> Iterator[str]:
    """By the hash, or the text, of each prompt."""
    if changed := _changed(sides, "prompts"):
        yield f"the prompts of {named(changed)} differ between the sides"


def _changed(sides: Sides, column: str) -> list[str]:
    before, after = sides.reference.answers, sides.target.answers
    if before is None or after is None:
        return []
    known = dict(zip(before.ids, getattr(before, column), strict=True))
    found = (
        item
        for item, mark in zip(after.ids, getattr(after, column), strict=True)
        if mark and known.get(item, 0) not in (0, mark)
    )
    return list(dict.fromkeys(found))


@check("other-settings", "invalid", "generation arguments, seeds or limits differ")
def other_settings(sides: Sides) -> Iterator[str]:
    """Every setting that either side states."""
    before, after = sides.reference.facts.settings, sides.target.facts.settings
    for side, stated in (("reference", before), ("target", after)):
        kind = stated.get("kind")
        if sides.asked.own is not None and kind is not None and kind != sides.asked.own.kind:
            yield f"the policy wants the kind {sides.asked.own.kind}, the {side} has {cut(kind)}"
    if before and after:
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                here, there = cut(before.get(key, "not set")), cut(after.get(key, "not set"))
                yield f"{cut(key)} is {here} on the reference and {there} on the target"


@check("other-shots", "invalid", "another number of examples, or of runs, than the other side's or the policy's")
def other_shots(sides: Sides) -> Iterator[str]:
    """The policy's, where it states one."""
    shots = [(side, one.facts.shots) for side, one in sides.both]
    runs: list[tuple[str, int | None]] = [(side, one.facts.repeats) for side, one in sides.both]
    asked = sides.asked.repeats if sides.asked.repeats > 1 else None
    for what, wanted, found in (("shots", sides.asked.shots, shots), ("runs", asked, runs)):
        for side, number in found:
            if wanted is not None and number is not None and number != wanted:
                yield f"the policy wants {wanted} {what}, the {side} has {number}"
        (_, before), (_, after) = found
        if wanted is None and None not in (before, after) and before != after:
            yield f"the reference has {before} {what}, the target {after}"


@check("other-judge", "invalid", "the answers were judged by another model, or in other words")
def other_judge(sides: Sides) -> Iterator[str]:
    """The model, its version and its prompt."""
    return _differing(
        sides,
        (
            ("the judge", lambda one: one.facts.judge and one.facts.judge.model),
            ("the judge's version", lambda one: one.facts.judge and one.facts.judge.version),
            ("the SHA-256 of the judge's prompt", lambda one: one.facts.judge and one.facts.judge.prompt_sha256),
        ),
    )


@check("other-weights", "invalid", "the weights differ")
def other_weights(sides: Sides) -> Iterator[str]:
    """By digest. Their names may differ: a server may call its model anything."""
    return _differing(sides, (("the weights' SHA-256", lambda one: one.facts.weights_sha256),))


@check("other-metric", "invalid", "the metric, its direction or what it is out of is not the policy's")
def other_metric(sides: Sides) -> Iterator[str]:
    """A headline on another scale is rescaled by its stated scale; a metric where less is better is not turned."""
    yield from _differing(sides, (("the metric", lambda one: one.facts.metric and canonical_metric(one.facts.metric)),))
    for side, one in sides.both:
        if not one.facts.higher_is_better:
            yield f"less is better in the {side}'s metric {cut(one.facts.metric)}; a policy's margin is of a score"


_STATED: Final[_Reads] = (
    ("the harness's version", lambda one: one.facts.harness.version),
    ("the dataset or its items", lambda one: one.facts.dataset.id or _marks(one, "documents")),
    ("the prompts", lambda one: _marks(one, "prompts")),
    ("the settings", lambda one: one.facts.settings or None),
    ("the weights' SHA-256", lambda one: one.facts.weights_sha256),
)


@check("unstated", "note", "what has to be the same and neither side states, so that nothing could be compared")
def unstated(sides: Sides) -> Iterator[str]:
    """Most harnesses know nothing of the weights behind a server."""
    lacking = [what for what, read in _STATED if not read(sides.reference) and not read(sides.target)]
    if sides.asked.judged and sides.reference.facts.judge is None and sides.target.facts.judge is None:
        lacking.append("the judge")
    if lacking:
        yield f"neither side's files state {', '.join(lacking)}"


@check("stated-by-one-side", "hold", "what has to be the same is stated by one side only")
def stated_by_one_side(sides: Sides) -> Iterator[str]:
    """What is left out on one side could be anything."""
    judge = (("the judge", lambda one: one.facts.judge),) if sides.asked.judged else ()
    reads: _Reads = (*_STATED, *judge)
    for side, one, other in sides.each_with_other:
        if lacking := [what for what, read in reads if read(other) and not read(one)]:
            yield f"the {side}'s files do not state {', '.join(lacking)}, the other side's do"


@check("same-answers", "note", "every answer is the same on both sides, word for word")
def same_answers(sides: Sides) -> Iterator[str]:
    """Two chips flip some per cent of the answers; none at all may be one run under two names."""
    before, after = sides.reference.answers, sides.target.answers
    if before is None or after is None or not all(before.said) or len(before) != len(after):
        return
    if dict(zip(before.ids, before.said, strict=True)) == dict(zip(after.ids, after.said, strict=True)):
        yield f"all {len(before):,} answers are the same, word for word: this may be one run under two names"


def _marks(record: Record, column: str) -> bool:
    return record.answers is not None and any(getattr(record.answers, column))


@check("other-precision", "note", "the sides compute in other precisions")
def other_precision(sides: Sides) -> Iterator[str]:
    """From one weights file a reference may well compute in more bits; the reader has to know."""
    return _differing(sides, (("the precision", lambda one: one.facts.precision),))


@check("other-image", "invalid", "the target's answers are of another image than the one that is judged")
def other_image(sides: Sides) -> Iterator[str]:
    """Only where an image is named. Answers that were asked here always say of which image they are."""
    found = sides.target.facts.image
    is_bound = found is not None or (sides.asked.own is not None and sides.target.answers is not None)
    if sides.image is not None and is_bound and found != sides.image:
        yield f"the target's answers are of {found or 'no image'}, the verdict is about {sides.image}"


@check("unbound", "hold", "an image is named and the target's files do not say that they are about it")
def unbound(sides: Sides) -> Iterator[str]:
    """Files of a harness say nothing of images; records of `evaluate` do."""
    if sides.image is not None and sides.target.facts.image is None and not list(other_image.look(sides)):
        yield f"nothing binds the target's answers to {sides.image}: run the harness against `flagrelease run`"


@check("reference-is-target", "hold", "both sides answered from one image, or are one file")
def reference_is_target(sides: Sides) -> Iterator[str]:
    """The very same bytes, or the very same image, show nothing, unless its switches were on and off."""
    before, after = ({(source.sha256, source.column) for source in one.facts.sources} for _, one in sides.both)
    # Two columns of one file are two sides; an aggregate decides nothing anyhow.
    if before and before == after and sides.has_items:
        yield "reference and target are the same files, byte for byte"
    elif (
        sides.reference.facts.image is not None
        and sides.reference.facts.image in (sides.target.facts.image, sides.image)
        and not _switched(sides)
    ):
        yield "reference and target answered from one image, so they show nothing about it"


def _switched(sides: Sides) -> bool:
    """Whether both sides name the same switches of the image, and their values differ."""
    before, after = sides.reference.facts.server, sides.target.facts.server
    if before is None or after is None or not before.switches:
        return False
    return before.switches.keys() == after.switches.keys() and before.switches != after.switches


@check("same-image-switched", "note", "both sides are one image, with switches on and off")
def same_image_switched(sides: Sides) -> Iterator[str]:
    """What was on and what was off, as the servers' own processes had it."""
    before, after = sides.reference.facts, sides.target.facts
    if before.image is not None and before.image == after.image and _switched(sides):
        assert before.server is not None
        assert after.server is not None
        told = (f"{name} {_set(after.server.switches[name])}" for name in sorted(after.server.switches))
        off = (f"{name} {_set(before.server.switches[name])}" for name in sorted(before.server.switches))
        yield f"one image answered with {', '.join(told)} on the target, {', '.join(off)} on the reference"


def _set(value: str | None) -> str:
    return "unset" if value is None else f"= {cut(value)}"
