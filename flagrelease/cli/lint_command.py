"""All recipes are read, and held against each other and against what chips and engines can do; PATH limits the report.

A finding is silenced only by a waiver in the variant it is about, with reason, owner and date; docs/lint.md says how.
With errors it ends with 3.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.named_patches import series_at
from flagrelease.adapters.recipes.places import Trees
from flagrelease.cli.kept_counts import kept
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import Settings, settings
from flagrelease.domain.patch_series import SERIES_FILE
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.formats.lookup import nearest
from flagrelease.formats.positions import Path as Key
from flagrelease.formats.positions import printable
from flagrelease.lint.fixes import mended
from flagrelease.lint.judge import judge
from flagrelease.lint.near import did_you_mean
from flagrelease.lint.power import Count
from flagrelease.lint.project import Project
from flagrelease.lint.registry import BY_ID, RULES
from flagrelease.lint.report import Finding, Place, Report, counted, report_of
from flagrelease.lint.sarif import sarif as as_sarif
from flagrelease.lint.views import PatchFolder
from flagrelease.lint.words import explained, listed

_ROUNDS = 5
"""A fix may uncover another one: a file that was no recipe has findings of its own afterwards."""


def rule_ids(incomplete: str) -> list[str]:
    """What a shell completes the beginning of a rule's id to."""
    return [one for one in BY_ID if one.startswith(incomplete.upper())]


Paths = Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Only these files and folders.")]
Sarif = Annotated[bool, typer.Option("--sarif", help="Print a SARIF 2.1.0 log on stdout, for code review.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")]
Fix = Annotated[bool, typer.Option("--fix", help="Mend what can be mended without a decision, then look again.")]
Explain = Annotated[
    str | None, typer.Option("--explain", metavar="RULE", help="Say what a rule is about.", autocompletion=rule_ids)
]
ListRules = Annotated[bool, typer.Option("--list", help="List the rules; * marks those that cannot be waived.")]
Today = Annotated[
    datetime | None, typer.Option("--today", formats=["%Y-%m-%d"], help="Judge dates as of this day (default: today).")
]


def lint(
    paths: Paths = None,
    strict: Strict = False,
    fix: Fix = False,
    json: Json = False,
    sarif: Sarif = False,
    explain: Explain = None,
    list_rules: ListRules = False,
    today: Today = None,
    recipes: Recipes = None,
) -> None:
    """Print one finding a line, with a hint below it."""
    if explain is not None:
        _print(explained_rule(explain))
    elif list_rules:
        _print(listed(RULES))
    elif json and sarif:
        raise typer.BadParameter("wanted --json or --sarif, found both")
    else:
        chosen, day = settings(recipes=recipes), today.date() if today else datetime.now(tz=UTC).date()
        report = _fixed(chosen, paths or (), day) if fix else _looked(chosen, paths or (), day)
        _show(report, json=json, sarif=sarif)
        _stop_at_errors(report, strict=strict)


def explained_rule(rule: str) -> Iterable[str]:
    """The rule in words. Raises BadParameter with the nearest ids."""
    found = BY_ID.get(rule.upper())
    if found is None:
        raise typer.BadParameter(f"there is no rule {rule}; {did_you_mean(rule.upper(), BY_ID)}")
    return explained(found)


@dataclass(frozen=True, kw_only=True)
class _Scope:
    """Which recipes the report is about, and what it calls them: as they were given on the command line."""

    recipes: Path
    given: tuple[tuple[Path, Path], ...]

    def covers(self, file: str) -> bool:
        """Whether a recipe is one of them, or below one of them."""
        return not self.given or self._giver(self.recipes / file) is not None

    def shown(self, path: Path) -> str:
        """What the report calls a file."""
        giver = self._giver(path)
        if giver is None:
            return printable(str(path))
        given, whole = giver
        return printable(str(given / path.resolve().relative_to(whole)))

    def _giver(self, path: Path) -> tuple[Path, Path] | None:
        if not self.given:
            return None
        place = path.resolve()
        covering = [one for one in self.given if place.is_relative_to(one[1])]
        return max(covering, key=lambda one: len(one[1].parts), default=None)


def _scope(catalogue: Catalogue, paths: Sequence[Path]) -> _Scope:
    """Raises RecipeError for a path that no recipe is at or below."""
    scope = _Scope(recipes=catalogue.recipes, given=tuple((path, path.resolve()) for path in paths))
    files = [file.resolve() for file, _ in catalogue.files()] if paths else []
    for given, whole in scope.given:
        if not any(file.is_relative_to(whole) for file in files):
            raise RecipeError(
                f"wanted a recipe, or a folder with recipes, below `{catalogue.recipes}`, found `{given}`",
                hint="name a file or folder of recipes; --recipes names another recipe folder",
            )
    return scope


def _looked(chosen: Settings, paths: Sequence[Path], day: date) -> Report:
    cache = ParseCache(chosen.home)
    catalogue = Catalogue(chosen.recipes, cache)
    scope = _scope(catalogue, paths)
    trees = Trees(catalogue)

    def locate(file: str, key: Key) -> Place:
        path = catalogue.recipes / file
        at = nearest(trees.tree(path), key)[0].key_at
        return Place(file=scope.shown(Path(at.source) if at.source else path), line=at.line, column=at.column)

    judged = judge(_project(catalogue, day, kept(cache)))
    return report_of(
        (one for one in judged if scope.covers(one.found.file)),
        locate,
        shown=lambda file: scope.shown(catalogue.recipes / file),
        recipes=sum(scope.covers(path.relative_to(catalogue.recipes).as_posix()) for path, _ in catalogue.files()),
    )


def _project(catalogue: Catalogue, day: date, count: Count) -> Project:
    return Project(
        recipes=catalogue.everything(),
        today=day,
        folder=printable(str(catalogue.recipes)),
        templates=_files_below(catalogue.templates),
        baselines=_files_below(catalogue.recipes / "baselines"),
        harness_files=_files_below(catalogue.recipes / "harnesses"),
        patch_sets=tuple(_patch_folders(catalogue.patches)),
        passing=count,
    )


def _patch_folders(patches: Path) -> Iterator[PatchFolder]:
    for path in sorted(patches.glob(f"*/*/*/{SERIES_FILE}")):
        component, base, chip = path.parts[-4:-1]
        try:
            yield PatchFolder(component=component, base=base, chip=chip, series=series_at(path))
        except RecipeError as error:
            yield PatchFolder(component=component, base=base, chip=chip, fault=error.message)


def _files_below(folder: Path) -> frozenset[str]:
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _fixed(chosen: Settings, paths: Sequence[Path], day: date) -> Report:
    report = _looked(chosen, paths, day)
    for _ in range(_ROUNDS):
        if not _mend(chosen, report):
            break
        report = _looked(chosen, paths, day)
    return report


def _mend(chosen: Settings, report: Report) -> bool:
    """Mend what can be, each file at once. Whether anything was."""
    by_file: dict[str, list[Finding]] = {}
    for one in report.findings:
        if one.fix is not None:
            by_file.setdefault(one.file, []).append(one)
    changed = False
    for file, findings in by_file.items():
        path = (chosen.recipes / file).resolve()
        before = path.read_bytes().decode()
        after, made = mended(before, [one.fix for one in findings if one.fix])
        if made:
            write_durably(path, after.encode())
            changed = True
        for one in findings:
            if one.fix in made:
                sys.stderr.write(f"mended: {one.place.file}:{one.place.line}: {one.rule.id} {one.text}\n")
    return changed


def _show(report: Report, *, json: bool, sarif: bool) -> None:
    if json:
        sys.stdout.write(pretty_json(report.data()).decode())
    elif sarif:
        sys.stdout.write(pretty_json(as_sarif(report, RULES)).decode())
    else:
        for one in report.findings:
            _print(one.lines())
    sys.stderr.write(f"{report.summary()}\n")


def _stop_at_errors(report: Report, *, strict: bool) -> None:
    errors, warnings = report.count("error"), report.count("warning") if strict else 0
    if errors + warnings:
        first = next(one.rule.id for one in report.findings if one.severity != "note")
        what = counted(errors, "error") + (f" and {counted(warnings, 'warning')}" if strict else "")
        hint = f"`flagrelease lint --explain {first}` says why; a variant may waive a rule, with reason, owner and date"
        raise RecipeError(f"the recipes have {what}", hint=hint)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
