"""The document of the seed coverage, made from `docs/seeds/*.yaml` and the recipes.

`python -m tests.recipes.seed_document --update` writes it anew.
"""

import re
import sys
from collections.abc import Iterator

from flagrelease.domain.bundle import Defect, Variant
from flagrelease.domain.everything import Everything
from flagrelease.domain.published import Published
from tests.recipes.seed_coverage import COVERAGE, ROOT, Carriers, Entry, Seed, read_seeds

DOCUMENT = ROOT / "docs" / "seeds.md"

_HEAD = """\
# What carries the seeds

This project began with five published texts, the seeds: two model cards, one note and two manuals. Each line of them is
accounted for here: the recipe key or the rendered command that carries its facts, or why nothing does. The seeds are no
part of the project; only line numbers and the facts are. `tests/recipes/test_seed_coverage.py` looks each fact up.

This file is made from `docs/seeds/*.yaml` and the recipes by `python -m tests.recipes.seed_document --update`. Whoever
has the seeds can hold the lists against them with `python -m tests.recipes.seed_text FOLDER`.

"Later" means that the fact belongs to an issue that is not closed yet, and that nothing carries it so far. "Instead" is
what we do about a defect of the seed. A fact may be spelled in another way where it is carried.
"""

_CONTRADICTIONS = """\
## Where the seeds contradict themselves or reality

These are the defects that the bundles' recipes record.
"""

_PUBLISHED = """\
### Published scores

Published scores are kept as they were printed. They are shown and never decide; the gate measures both sides.
"""

_CHIPS = """\
### What the seeds leave open about the chips' toolchains
"""

_DROPPED = """\
## What the published commands have and ours leave out
"""

_SHOWN = 8
"""Facts of one entry that are written out; the rest are counted."""


def document() -> str:
    """The whole document."""
    carriers = Carriers()
    everything = carriers.catalogue.everything()
    seeds = read_seeds()
    parts = [_HEAD, _counts(seeds)]
    parts += [_seed(seed, carriers) for seed in seeds]
    parts += [_CONTRADICTIONS, *_defects(everything, seeds), _PUBLISHED, _published(everything)]
    parts += [_CHIPS, _open(everything), _DROPPED, *_dropped(everything)]
    return "\n".join(parts)


# One seed ---------------------------------------------------------------------------------------------


def _counts(seeds: list[Seed]) -> str:
    rows = []
    for seed in seeds:
        facts = [entry for entry in seed.entries if not entry.prose]
        carried = sum(bool(entry.carriers("recipe", "rendered")) for entry in facts)
        defects = sum(bool(entry.carriers("defect")) for entry in facts)
        later = sum(bool(entry.carriers("later")) for entry in facts)
        refused = sum(entry.not_carried is not None for entry in facts)
        rows.append([seed.seed, seed.title, *map(str, (seed.lines, len(facts), carried, defects, later, refused))])
    heads = ["seed", "", "lines", "entries", "carried", "defects", "later", "not carried"]
    return _table(heads, rows)


def _seed(seed: Seed, carriers: Carriers) -> str:
    rows = [[e.lines, _facts(e), "<br>".join(_where(e, carriers))] for e in seed.entries if not e.prose]
    prose = ", ".join(entry.lines for entry in seed.entries if entry.prose)
    table = _table(["lines", "what", "where it is, or why not"], rows)
    return f"## {seed.seed}: {seed.title}\n\n{table}\nWithout a fact, {seed.lines} lines in all: {prose}.\n"


def _facts(entry: Entry) -> str:
    shown = [_code(token) for token in entry.tokens[:_SHOWN]]
    more = f" and {len(entry.tokens) - _SHOWN} more" if len(entry.tokens) > _SHOWN else ""
    return f"{_cell(entry.what or '')}: {', '.join(shown)}{more}" if shown else _cell(entry.what or "")


def _where(entry: Entry, carriers: Carriers) -> Iterator[str]:
    for kind, reference in entry.carriers():
        match kind:
            case "recipe":
                file, _, key = reference.removeprefix("recipes/").partition("#")
                yield f"{_code(file.removesuffix('.yaml'))} {_code(key)}"
            case "rendered":
                what, _, cell = reference.partition(" of ")
                yield f"{what.replace('-', ' ')} of {_code(cell)}"
            case "defect":
                yield f"Instead: {_cell(carriers.defect(reference).instead)}"
            case "later":
                yield f"Later, {reference}."
    if entry.not_carried:
        yield f"Not carried: {_cell(entry.not_carried)}."


# What is wrong with them ------------------------------------------------------------------------------


def _variants(everything: Everything) -> Iterator[tuple[str, Variant]]:
    for cell in everything.cells():
        yield f"{cell.chip}/{cell.model}/{cell.variant}", everything.variant(cell)


def _defects(everything: Everything, seeds: list[Seed]) -> Iterator[str]:
    """One table a seed; a defect of several bundles is there once, and under each seed that it is about."""
    for seed in seeds:
        found: dict[Defect, None] = {}
        for _, variant in _variants(everything):
            found |= {defect: None for defect in variant.defects if f"seed {seed.seed}:" in defect.source}
        rows = [[_lines(defect.source, seed.seed), _cell(defect.what), _cell(defect.instead)] for defect in found]
        yield f"### Seed {seed.seed}\n\n{_table(['lines', 'what', 'instead'], rows)}"
    others = {d: None for _, v in _variants(everything) for d in v.defects if "seed " not in d.source}
    rows = [[_cell(defect.source), _cell(defect.what), _cell(defect.instead)] for defect in others]
    yield f"### By other facts\n\n{_table(['source', 'what', 'instead'], rows)}"


def _lines(source: str, seed: str) -> str:
    here, *others = sorted(re.split("; ", source), key=lambda part: not part.startswith(f"seed {seed}:"))
    return "; ".join([here.removeprefix(f"seed {seed}:"), *others])


def _published(everything: Everything) -> str:
    tables: dict[tuple[str, str], Published] = dict(sorted(everything.published.items()))
    rows = [
        [_code(f"{chip}/{name}"), _lines_of(table.source), _cell(defect)]
        for (chip, name), table in tables.items()
        for defect in table.defects
    ]
    return _table(["table", "seed", "what"], rows)


def _lines_of(source: str) -> str:
    return source.removeprefix("seed ")


def _open(everything: Everything) -> str:
    """Notes of the toolchain generations that are made from a seed."""
    used = dict.fromkeys((cell.chip, everything.variant(cell).sdk) for cell in everything.cells())
    generations = [(chip, name, everything.chips[chip].sdks[name]) for chip, name in used]
    rows = [[_code(chip), _code(name), _cell(sdk.note)] for chip, name, sdk in generations if sdk.note]
    return _table(["chip", "generation", "what"], [row for row in rows if "eed 0" in row[2]])


def _dropped(everything: Everything) -> Iterator[str]:
    for name, variant in _variants(everything):
        if variant.container.dropped:
            rows = [[_code(option), _cell(reason)] for option, reason in variant.container.dropped.items()]
            yield f"### {name}\n\n{_table(['option', 'why not'], rows)}"


# Markdown ---------------------------------------------------------------------------------------------


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """A text inside a table: no cell's end, no tag, no line's end."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the document, or say that it would be another."""
    if arguments == ["--update"]:
        DOCUMENT.write_text(document())
        return 0
    if DOCUMENT.read_text() == document():
        return 0
    sys.stderr.write(f"{DOCUMENT.name} is not what {COVERAGE} and the recipes give: run this with --update\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
