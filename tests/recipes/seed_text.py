"""Hold `docs/seeds/*.yaml` against the seeds, for whoever has them: `python -m tests.recipes.seed_text FOLDER`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.recipes.seed_coverage import Entry, Seed, read_seeds

FACT = re.compile(
    r"https?://[^\s)\]】]+|--[a-z][\w-]*|[A-Z][A-Z0-9]*_[A-Z0-9_]+"
    r"|[\w.+*{}$-]+\.(?:py|sh|yaml|json|jsonl|csv|txt|whl|run|gz|md|bin|wav|png)\b"
    r"|(?<![^\s\"'=`:,(])/[A-Za-z][A-Za-z0-9_./-]+|\d[\d.]*\d|\d"
)
"""What must not stand in a line without being named: addresses, options, variables, files, paths, numbers."""


_MARKER = re.compile(r"^#+ [\d.]+ |^\s*(- )?\d+[.、] ?|^- Step \d")


def wrong(seed: Seed, lines: list[str]) -> Iterator[str]:
    """What the coverage says of the seed that is not so, and facts that it does not name."""
    if len(lines) != seed.lines:
        yield f"{seed.seed}: it has {len(lines)} lines, not {seed.lines}"
    for entry in seed.entries:
        text = "\n".join(lines[number - 1] for number in entry.numbers if number <= len(lines))
        for token in entry.tokens:
            if token not in text and token not in re.sub(r"\s+", " ", text):
                yield f"{seed.seed}:{entry.lines}: the seed has no {token} there"
    for number, line in enumerate(lines, start=1):
        about = [entry for entry in seed.entries if number in entry.numbers]
        for fact in FACT.findall(_MARKER.sub("", line)):
            if not any(_names(entry, fact) for entry in about):
                yield f"{seed.seed}:{number}: {fact} is not named"


def _names(entry: Entry, fact: str) -> bool:
    if entry.not_carried and not entry.tokens:
        return True  # all of the lines, with one reason
    # An address is named by the repository or file in it; that of a package index is a setting of the site.
    if entry.what and entry.what.startswith("an index address") and fact.startswith("http"):
        return True
    return any(fact in token or ("/" in fact and token in fact) for token in entry.tokens)


def main(folder: Path) -> int:
    """Print what is wrong; 1 when something is."""
    faults: list[str] = []
    for seed in read_seeds():
        (path,) = folder.glob(f"{seed.seed}_*.txt")
        faults += wrong(seed, path.read_text().removesuffix("\n").split("\n"))
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
