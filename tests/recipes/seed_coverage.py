"""What carries each line of the seeds: `docs/seeds/*.yaml`, held against the recipes and what is rendered from them.

The seeds themselves are no part of this project. Whoever has them in a folder can hold the coverage against them:
`python -m tests.recipes.seed_text FOLDER`.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.places import Trees
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.bundle import Defect
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.value import Text, Value
from flagrelease.errors import RecipeError
from flagrelease.formats.lookup import entry_at, path_of
from flagrelease.formats.positions import Listing, Mapping, Node, Scalar, plain
from flagrelease.formats.strict import decode_yaml
from flagrelease.launch.container import run_command
from flagrelease.launch.server import inner_command, template_values
from flagrelease.launch.weights import download_command

ROOT = Path(__file__).parents[2]
COVERAGE = ROOT / "docs" / "seeds"

_RENDERED = re.compile(r"(?P<what>[a-z-]+) of (?P<chip>[^/ ]+)/(?P<model>[^/ ]+)/(?P<variant>[^/ ]+)")

Kind = Literal["recipe", "rendered", "defect", "later"]


class Entry(Value):
    """Facts of some lines, and what carries them: each carrier has all tokens, or `together` they have.

    `spelled` says how a token is written where it is carried.
    """

    lines: Annotated[str, Field(pattern=r"^\d+(-\d+)?(, \d+(-\d+)?)*$")]
    prose: bool = False
    what: Text | None = None
    tokens: tuple[Text, ...] = ()
    spelled: dict[Text, Text] = Field(default_factory=dict)
    together: bool = False
    carried_by: tuple[Annotated[dict[Kind, Text], Field(min_length=1, max_length=1)], ...] = ()
    not_carried: Text | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every line."""
        return tuple(numbers_in(self.lines))

    def carriers(self, *kinds: Kind) -> list[tuple[Kind, str]]:
        """Kind and reference of each carrier, of these kinds where some are named."""
        pairs = [pair for carrier in self.carried_by for pair in carrier.items()]
        return [(kind, reference) for kind, reference in pairs if not kinds or kind in kinds]


class Seed(Value):
    """One seed: `lines` is how many it has."""

    seed: Annotated[str, Field(pattern=r"^\d{3}$")]
    title: Text
    lines: Annotated[int, Field(ge=1)]
    entries: tuple[Entry, ...]


def numbers_in(lines: str) -> Iterator[int]:
    """The line numbers of `10, 45-47`."""
    for part in re.split(r", ?", lines):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def cited_lines(source: str, seed: str) -> set[int]:
    """The lines of a seed that a recipe's `source` names, as in `seed 000:10, 45; facts seed-audit`."""
    cited = re.findall(rf"\b{seed}:(\d+(?:-\d+)?(?:, ?\d+(?:-\d+)?(?!\d*:))*)", source)
    return {number for lines in cited for number in numbers_in(lines)}


def read_seeds() -> list[Seed]:
    """The coverage of every seed, sorted."""
    files = sorted(COVERAGE.glob("*.yaml"))
    return [decode_yaml(path.read_bytes(), Seed, source=path.relative_to(ROOT).as_posix()) for path in files]


class Carriers:
    """The recipes, as what a reference of the coverage leads to."""

    def __init__(self) -> None:
        self.catalogue = Catalogue(ROOT / "recipes")
        self._trees = Trees(self.catalogue)

    @cached_property
    def rendered(self) -> dict[str, str]:
        """Everything that is rendered of a bundle, by `docker-run of <chip>/<model>/<variant>`; filled on demand."""
        return {}

    def node(self, reference: str) -> tuple[str, Node]:
        """The last name and the value of `recipes/….yaml#key`. Raises LookupError where nothing is."""
        file, _, key = reference.partition("#")
        path = ROOT / file
        if not path.is_file():
            raise LookupError(f"there is no file {file}")
        steps = path_of(key)
        entry = entry_at(self._trees.tree(path), steps)
        if entry is None:
            raise LookupError(f"{file} has no {key}")
        return (str(steps[-1]) if isinstance(steps[-1], str) else ""), entry.node

    def words(self, kind: Kind, reference: str) -> list[str]:
        """What a token may be found in. Raises LookupError for a reference that leads nowhere."""
        if kind == "recipe":
            return list(_spellings(*self.node(reference)))
        if reference not in self.rendered:
            self.rendered[reference] = self._render(reference)
        return [self.rendered[reference]]

    def defect(self, reference: str) -> Defect:
        """A recorded defect. Raises LookupError for a reference that leads nowhere."""
        return Defect.model_validate(plain(self.node(reference)[1]))

    def _render(self, reference: str) -> str:
        found = _RENDERED.fullmatch(reference)
        if found is None:
            raise LookupError(f"{reference} names nothing that is rendered")
        what, *cell = found.groups()
        try:
            return render(self.catalogue, self.catalogue.recipe(*cell), what)
        except RecipeError as error:
            raise LookupError(f"{reference}: {error.message}") from error


def render(catalogue: Catalogue, recipe: Recipe, what: str) -> str:
    """One command or file of a bundle, as text."""
    match what:
        case "docker-run":
            return " ".join(run_command(recipe))
        case "inner-command":
            return " ".join(inner_command(recipe))
        case "download":
            return " ".join(download_command(recipe))
        case "flagscale-serve" | "flagscale-experiment":
            template = f"flagscale/{what.removeprefix('flagscale-')}.yaml.j2"
            text = (catalogue.templates / template).read_text()
            return SandboxedTemplates().fill(text, name=template, values=template_values(recipe))
        case _:
            raise LookupError(f"nothing is rendered by the name {what}")


def _spellings(name: str, node: Node) -> Iterator[str]:
    """Every text that a value holds: a key also as a variable, `KEY=value`, and as an option without a value."""
    match node:
        case Mapping(entries=entries):
            if name:
                yield name
            for key, entry in entries.items():
                yield from _spellings(key, entry.node)
        case Listing(items=items):
            texts = [text for item in items for text in _spellings("", item)]
            yield from (name, *texts, " ".join(texts))
        case Scalar(value=value, raw=raw):
            text = value if isinstance(value, str) else raw
            yield text
            if name:
                yield f"{name}={text}"
            if name and value is True:
                yield f"--{name.replace('_', '-')}"


def holds(texts: list[str], token: str) -> bool:
    """Whether a text has the token in it, not as a part of a longer word or number."""
    before = r"(?<![A-Za-z0-9])" if token[:1].isascii() and token[:1].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if token[-1:].isascii() and token[-1:].isalnum() else ""
    wanted = re.compile(f"{before}{re.escape(token)}{after}")
    return any(wanted.search(text) for text in texts)


# What can be wrong ------------------------------------------------------------------------------------


def uncovered(seed: Seed) -> list[int]:
    """Lines of the seed that no entry is about."""
    return sorted(set(range(1, seed.lines + 1)) - {number for entry in seed.entries for number in entry.numbers})


def malformed(seed: Seed) -> Iterator[str]:
    """Entries that do not say exactly one of: prose, carried by, not carried because."""
    factual = {number for entry in seed.entries if not entry.prose for number in entry.numbers}
    for entry in seed.entries:
        if entry.prose and factual & set(entry.numbers):
            yield f"{seed.seed}: prose, and yet with a fact: {sorted(factual & set(entry.numbers))}"
        ways = [entry.prose, bool(entry.carried_by), entry.not_carried is not None]
        if ways.count(True) != 1 or entry.prose is (entry.what is not None):
            yield f"{seed.seed}:{entry.lines}: wanted `prose`, or `what` with `carried_by` or `not_carried`"
        if entry.prose and entry.tokens:
            yield f"{seed.seed}:{entry.lines}: prose has no tokens"
        if set(entry.spelled) - set(entry.tokens):
            yield f"{seed.seed}:{entry.lines}: `spelled` names what is no token"
        if any(number > seed.lines for number in entry.numbers):
            yield f"{seed.seed}:{entry.lines}: the seed has {seed.lines} lines"
        if any(not re.fullmatch(r"issue [2-9]", reference) for _, reference in entry.carriers("later")):
            yield f"{seed.seed}:{entry.lines}: wanted `later: issue <n>`"


def not_held(seed: Seed, carriers: Carriers) -> Iterator[str]:
    """References that lead nowhere, tokens that nothing holds, and carriers that hold no token."""
    for entry in seed.entries:
        at = f"{seed.seed}:{entry.lines}"
        texts: dict[tuple[Kind, str], list[str]] = {}
        for kind, reference in entry.carriers("recipe", "rendered"):
            try:
                texts[kind, reference] = carriers.words(kind, reference)
            except LookupError as error:
                yield f"{at}: {error}"
        tokens = [entry.spelled.get(token, token) for token in entry.tokens] if texts else []
        lacking = {carrier: [token for token in tokens if not holds(words, token)] for carrier, words in texts.items()}
        for (kind, reference), lacked in lacking.items():
            if len(lacked) == len(tokens):
                yield f"{at}: {kind} {reference} holds none of the tokens"
            elif lacked and not entry.together:
                yield f"{at}: {kind} {reference} does not hold {', '.join(lacked)}"
        for token in tokens:
            if lacking and all(token in lacked for lacked in lacking.values()):
                yield f"{at}: nothing that is named holds {token}"
        if entry.together and not any(lacking.values()):
            yield f"{at}: each carrier has all tokens, so `together` says nothing"


def misplaced_defects(seed: Seed, carriers: Carriers) -> Iterator[str]:
    """Defects that are not there, or are about other lines."""
    for entry in seed.entries:
        for _, reference in entry.carriers("defect"):
            try:
                source = carriers.defect(reference).source
            except (LookupError, ValueError) as error:
                yield f"{seed.seed}:{entry.lines}: {error}"
                continue
            if not cited_lines(source, seed.seed) & set(entry.numbers):
                yield f"{seed.seed}:{entry.lines}: {reference} is about {source}"
