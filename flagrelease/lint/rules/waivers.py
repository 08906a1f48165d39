"""Waivers, and other exceptions with a date: none is for ever, and none is left behind."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from pydantic import JsonValue

from flagrelease.lint.found import Found
from flagrelease.lint.near import meant
from flagrelease.lint.project import Project
from flagrelease.lint.rule import EXAMPLE_DAY, rule
from flagrelease.lint.waiving import waivers_of

_LONGEST: Final = timedelta(days=366)


def _day(days: int) -> str:
    return (EXAMPLE_DAY + timedelta(days=days)).isoformat()


def _waiver(days: int, **more: JsonValue) -> JsonValue:
    return {"rule": "FR226", "reason": "the vendor's daemon", "owner": "somebody", "expires": _day(days)} | more


@rule(
    "FR901",
    "error",
    "a waiver that has expired",
    why=(
        "A waiver is a promise to look again. DLC's allow-lists of CVEs have a review date for the same reason; a "
        "slack of vllm-ascend was doubled instead, and stayed."
    ),
    hint="mend what it waives, or have its owner set a new date",
    bad={"variant.waivers": [_waiver(-1)]},
    good={"variant.waivers": [_waiver(30)], "variant.container.user": "0"},
    waivable=False,
)
def expired_waiver(project: Project) -> Iterator[Found]:
    """Waivers whose last day has passed; they silence nothing any more."""
    for one in project.variants:
        for index, waiver in enumerate(one.variant.waivers):
            if waiver.expires < project.today:
                text = f"the waiver of {waiver.rule} ended on {waiver.expires}; its owner is {waiver.owner}"
                yield one.found("waivers", index, "expires", text=text)


@rule(
    "FR902",
    "warning",
    "a waiver that silences nothing",
    why="What it waived has been mended or has moved. Left behind, it silences the next finding of that kind unseen.",
    hint="take it out, or correct its `rule` and `at`",
    bad={"variant.waivers": [_waiver(30)]},
    good={"variant.waivers": [_waiver(30)], "variant.container.user": "0"},
    waivable=False,
    after_waivers=True,
)
def idle_waiver(project: Project) -> Iterator[Found]:
    """Waivers that are in force and that no finding needed."""
    known = {(one.cell, one.index) for one in waivers_of(project) if one.waiver.expires >= project.today}
    for one in project.variants:
        for index, waiver in enumerate(one.variant.waivers):
            place = (one.cell, index)
            if place in known and place not in project.used_waivers and project.waivable.get(waiver.rule):
                at = f" at `{waiver.at}`" if waiver.at else ""
                yield one.found("waivers", index, text=f"there is no {waiver.rule}{at} to waive")


@rule(
    "FR903",
    "warning",
    "a waiver for longer than a year",
    why="A date that is far away is no date. Whoever wrote the reason will not be asked again while they know it.",
    hint="set a date within a year",
    bad={"variant.waivers": [_waiver(700)], "variant.container.user": "0"},
    good={"variant.waivers": [_waiver(300)], "variant.container.user": "0"},
    waivable=False,
)
def long_waiver(project: Project) -> Iterator[Found]:
    """Waivers that end more than a year from today."""
    for one in project.variants:
        for index, waiver in enumerate(one.variant.waivers):
            if waiver.expires - project.today > _LONGEST:
                text = f"the waiver of {waiver.rule} runs until {waiver.expires}"
                yield one.found("waivers", index, "expires", text=text)


@rule(
    "FR904",
    "error",
    "a waiver of no rule",
    why="A waiver of a rule that does not exist, or that cannot be waived, silences nothing and looks as if it did.",
    hint="`flagrelease lint --list` shows the rules, and which of them can be waived",
    bad={"variant.waivers": [_waiver(30, rule="FR999")]},
    good={"variant.waivers": [_waiver(30)], "variant.container.user": "0"},
    waivable=False,
    after_waivers=True,
)
def waiver_of_no_rule(project: Project) -> Iterator[Found]:
    """Rules by their ids."""
    for one in project.variants:
        for index, waiver in enumerate(one.variant.waivers):
            if waiver.rule not in project.waivable:
                near = " or ".join(meant(waiver.rule, project.waivable))
                text = f"there is no rule {waiver.rule}"
                yield one.found("waivers", index, "rule", text=text, hint=f"did you mean {near}?" if near else "")
            elif not project.waivable[waiver.rule]:
                yield one.found("waivers", index, "rule", text=f"{waiver.rule} cannot be waived")


@rule(
    "FR905",
    "error",
    "a deviation that has expired",
    why=(
        "A check of the serving smoke that a bundle is known not to pass is excused until a date. From then on the "
        "smoke fails; that is said here before a build finds out."
    ),
    hint="mend it, or have its owner set a new date",
    bad={"variant.smoke": {"second_model": {"model": "probe", "weights": "plain"}, "deviations": [{
        "check": "unknown-model", "observed": "200", "measured": {"status": 200.0}, "reason": "no switch",
        "owner": "somebody", "expires": _day(-1),
    }]}},
    good={"variant.smoke": {"second_model": {"model": "probe", "weights": "plain"}, "deviations": [{
        "check": "unknown-model", "observed": "200", "measured": {"status": 200.0}, "reason": "no switch",
        "owner": "somebody", "expires": _day(30),
    }]}},
    waivable=False,
)  # fmt: skip
def expired_deviation(project: Project) -> Iterator[Found]:
    """Deviations of the smoke whose last day has passed."""
    for one in project.variants:
        for index, deviation in enumerate(one.variant.smoke.deviations if one.variant.smoke else ()):
            if deviation.expires < project.today:
                text = (
                    f"the deviation of `{deviation.check}` ended on {deviation.expires}; its owner is {deviation.owner}"
                )
                yield one.found("smoke", "deviations", index, "expires", text=text)


@rule(
    "FR906",
    "warning",
    "a refusal that has to be looked at again",
    why=(
        "A cell that was tried and did not work is kept out of the matrix until a date, since drivers and engines move "
        "on. Past it, nobody knows whether the reason still holds."
    ),
    hint="try the cell again, then take the refusal out or set a new date",
    bad={"bundle.refused": [{"what": "w8a8", "why": "it hangs", "source": "tried", "expires": _day(-1)}]},
    good={"bundle.refused": [{"what": "w8a8", "why": "it hangs", "source": "tried", "expires": _day(90)}]},
    waivable=False,
)
def old_refusal(project: Project) -> Iterator[Found]:
    """`refused` entries whose date has passed."""
    for (chip, model), bundle in project.recipes.bundles.items():
        for index, refused in enumerate(bundle.refused):
            if _is_over(refused.expires, project.today):
                file, key = f"bundles/{chip}/{model}.yaml", ("refused", index, "expires")
                yield Found(file=file, key=key, text=f"`{refused.what}` was refused until {refused.expires}")


def _is_over(day: date | None, today: date) -> bool:
    return day is not None and day < today
