"""Each bad recipe file is refused with the message beside it: no traceback, no second, no 200 MB.

`bad/` is a recipe folder. What a file `x.yaml` is refused with stands in `x.expected`; files without one are good, for
others to extend. Files too large or too deep to be kept are made here.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad"
EXPECTED = sorted(BAD.rglob("*.expected"))
MOST_SECONDS = 1.0
MOST_MB = 200.0
MIB = 1 << 20


def read_apart(*folders: Path) -> dict[str, Any]:
    """What a process of its own makes of these recipe folders."""
    argv = [sys.executable, "-m", "tests.recipes.read_recipes", *map(str, folders)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def corpus() -> dict[str, Any]:
    found = read_apart(BAD)
    return {**found["folders"][str(BAD)], "peak_mb": found["peak_mb"]}


def test_there_are_many_bad_files_of_every_kind() -> None:
    assert len(EXPECTED) >= 60
    assert {path.relative_to(BAD).parts[0] for path in EXPECTED} == {
        "chips", "models", "bundles", "gates", "benchmarks", "engines", "published",
    }  # fmt: skip


def test_every_file_that_is_refused_has_its_message_and_no_other(corpus: dict[str, Any]) -> None:
    expected = {path.relative_to(BAD).with_suffix(".yaml").as_posix() for path in EXPECTED}
    assert set(corpus["messages"]) == expected
    assert corpus["files"] == len(expected) + len(list(BAD.rglob("good.yaml")))


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.relative_to(BAD).with_suffix("").as_posix())
def test_a_bad_file_is_refused_with_exactly_its_message(path: Path, corpus: dict[str, Any]) -> None:
    found = corpus["messages"][path.relative_to(BAD).with_suffix(".yaml").as_posix()]
    assert "\n".join(found) + "\n" == path.read_text(encoding="utf-8")


def test_no_bad_file_takes_long_or_much_memory(corpus: dict[str, Any]) -> None:
    assert corpus["slowest"][0] < MOST_SECONDS, corpus["slowest"]
    assert corpus["peak_mb"] < MOST_MB


HEAD = "schema: flagrelease.bundle/v2\nchip: c\nmodel: m\ndefault_variant: base\nvariants:\n"
VARIANT = "{revision: r1, sdk: s, weights: w, engine: e"


def filled(unit: str, size: int = MIB) -> str:
    """As many of these as fit."""
    return unit * (size // len(unit.encode()))


MADE: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "ten MB": (lambda: filled("# x\n", 10_000_000), "1:1: wanted at most 1,048,576 bytes, found 10,000,000"),
    "one byte too many": (lambda: "#" * (MIB + 1), "1:1: wanted at most 1,048,576 bytes, found 1,048,577"),
    "as much as may be": (lambda: filled("# x\n"), "1:1: the file is empty; wanted a mapping"),
    "open lists": (lambda: filled("["), "1:66: nested more than 64 deep"),
    "open mappings": (
        lambda: filled("{"),
        "1:2: wanted a string as key, found a mapping, a list or an alias",
    ),
    "open mappings with keys": (lambda: filled('{"a":'), "1:326: nested more than 64 deep"),
    "entries in entries": (lambda: filled("- "), "1:131: nested more than 64 deep"),
    "keys of keys": (lambda: filled("? "), "1:3: wanted a string as key, found a mapping, a list or an alias"),
    "ever further in": (
        lambda: "".join(" " * n + "a:\n" for n in range(1_000)),
        "66:66: nested more than 64 deep",
    ),
    "just too deep": (lambda: f"a: {'[' * 64}1{']' * 64}", "1:68: nested more than 64 deep"),
    "many documents": (lambda: filled("---\n"), "2:1: a second document begins; wanted one document a file"),
    "many anchors": (lambda: filled("&a "), "1:1: the anchor '&a' is not allowed"),
    "many tags": (lambda: filled("!a "), "1:1: the tag '!a' is not allowed"),
    "many directives": (lambda: filled("%YAML 1.1\n"), "2:1: not valid YAML: found duplicate %YAML directive"),
    "many values": (
        lambda: f"a: [{filled('1,')[:-8]}]",
        "1:39999: more than 20,000 values; a recipe has some hundred",
    ),
    "many variants of a large one": (
        lambda: (
            f"{HEAD}  base: {VARIANT}, env: {{{', '.join(f'A{n}: x' for n in range(4_000))}}}}}\n"
            + "".join(f"  v{n}: {{extends: base, env: {{A1: y}}}}\n" for n in range(1_200))
        ),
        "8:3: variants.v1: more than 20,000 values with what is extended",
    ),
    "variants in a very long chain": (
        lambda: HEAD + "".join(f"  v{n}: {{extends: v{n + 1}}}\n" for n in range(4_000)),
        "22:18: variants.v16.extends: wanted at most 16 that extend one another, found more",
    ),
    "a name as long as a file": (
        lambda: f"extends: {'x' * (MIB - 20)}\n",
        f"1:10: extends: there is no recipe '{'x' * 59}…'",
    ),
}  # fmt: skip
"""What each file holds, and the first line that it is refused with, behind its name."""

LONG: dict[str, Callable[[], str]] = {
    "unknown keys": lambda: "".join(f"k{n}: 1\n" for n in range(9_990)),
    "long unknown keys": lambda: "".join(f"{'k' * 80}{n}: 1\n" for n in range(9_990)),
    "misspelt keys": lambda: f"{HEAD}  base:\n" + "".join(f"    revisio{n}: 1\n" for n in range(9_000)),
    "empty variants": lambda: HEAD + "".join(f"  v{n}: {{}}\n" for n in range(6_600)),
    "variants with a misspelt key": lambda: HEAD + "".join(f"  v{n}: {{revisio: 1}}\n" for n in range(4_900)),
    "bad names": lambda: f"{HEAD}  base:\n    env:\n" + "".join(f'      "k {n}": 1\n' for n in range(9_000)),
    "unquoted words": lambda: f"{HEAD}  base:\n    env:\n" + "".join(f"      K{n}: no\n" for n in range(9_000)),
    "one key again and again": lambda: filled("a: 1\n", 49_000),
    "one list of nothing": lambda: f"refused: [{','.join('~' * 19_000)}]",
    "one long text": lambda: f"chip: {'x' * (MIB - 10)}",
    "one long number": lambda: f"chip: {'1' * (MIB - 10)}",
    "a time of day without end": lambda: f"chip: {filled('1:', MIB - 10)}x",
    "a second without end": lambda: f"chip: 2001-12-14t21:59:43.{'1' * (MIB - 50)}x",
    "one long quoted text": lambda: f"chip: '{filled('x' + chr(10) + ' ', MIB - 10)}'",
    "one long block": lambda: "chip: >\n" + filled(" x\n\n", MIB - 10),
    "escapes": lambda: f'chip: "{filled(chr(92) + "u0041", MIB - 10)}"',
    "characters of three bytes": lambda: f"chip: {filled('中', MIB - 10)}",
}
"""Files with very many faults, or one very large one: all that is asked is that they are refused in time."""


def bundle_at(folder: Path, content: str | bytes) -> Path:
    """A recipe folder with this one bundle."""
    (folder / "chips").mkdir(parents=True)
    path = folder / "bundles" / "c" / "m.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    top = tmp_path_factory.mktemp("made")
    folders = [bundle_at(top / name, make()) for name, (make, _) in MADE.items()]
    folders += [bundle_at(top / name, make()) for name, make in LONG.items()]
    found = read_apart(*folders)
    return {**{Path(folder).name: read for folder, read in found["folders"].items()}, "peak_mb": found["peak_mb"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_file_made_to_exhaust_is_refused_with_its_message(name: str, made: dict[str, Any]) -> None:
    assert made[name]["messages"]["bundles/c/m.yaml"][0] == f"bundles/c/m.yaml:{MADE[name][1]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MADE, *LONG])
def test_a_file_made_to_exhaust_is_refused_in_time(name: str, made: dict[str, Any]) -> None:
    assert made[name]["messages"]["bundles/c/m.yaml"]
    assert made[name]["slowest"][0] < MOST_SECONDS


@pytest.mark.slow
def test_files_made_to_exhaust_take_little_memory(made: dict[str, Any]) -> None:
    assert made["peak_mb"] < MOST_MB


@pytest.mark.slow
def test_files_that_extend_large_ones_are_refused_in_time(tmp_path: Path) -> None:
    (tmp_path / "chips").mkdir()
    filling = "".join(f"k{n}: 1\n" for n in range(6_800))
    for number in range(16):
        text = f"extends: c{number + 1:02}\n{filling}" if number < 15 else filling
        (tmp_path / "chips" / f"c{number:02}.yaml").write_text(text)
    found = read_apart(tmp_path)
    read = found["folders"][str(tmp_path)]
    assert read["slowest"][0] < MOST_SECONDS
    assert found["peak_mb"] < MOST_MB
    assert read["messages"]["chips/c00.yaml"] == [
        "chips/c01.yaml:1:1: more than 20,000 values with what is extended",
    ]


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chips" / "a-folder.yaml").mkdir(parents=True)
    os.mkfifo(tmp_path / "chips" / "a-pipe.yaml")
    (tmp_path / "chips" / "a-device.yaml").symlink_to("/dev/zero")
    (tmp_path / "chips" / "a-link-to-nothing.yaml").symlink_to("nothing")
    assert read_apart(tmp_path)["folders"][str(tmp_path)]["messages"] == {
        "chips/a-pipe.yaml": ["chips/a-pipe.yaml: wanted a file that can be read: not a plain file"],
        "chips/a-device.yaml": ["chips/a-device.yaml: wanted a file that can be read: not a plain file"],
        "chips/a-link-to-nothing.yaml": [
            "chips/a-link-to-nothing.yaml: wanted a file that can be read: No such file or directory"
        ],
    }


def test_a_file_name_cannot_disturb_the_terminal_or_begin_a_line(tmp_path: Path) -> None:
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "a\nb\x1b[2J.yaml").write_text("{")
    (messages,) = read_apart(tmp_path)["folders"][str(tmp_path)]["messages"].values()
    assert messages == [
        "chips/a\\nb\\u001b[2J.yaml:2:1: not valid YAML: while parsing a flow node did not find expected node content"
    ]


# Through the command line -----------------------------------------------------------------------------


def flagrelease(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FLAGRELEASE_HOME": str(home)}
    argv = [sys.executable, "-m", "flagrelease", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_lint_says_of_each_bad_file_what_is_wrong_with_it(tmp_path: Path) -> None:
    done = flagrelease(tmp_path, "lint", "--recipes", str(BAD))
    assert done.returncode == 3
    told = {line.replace(": error FR001 ", ": ", 1) for line in done.stdout.splitlines()}
    for path in EXPECTED:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert f"{BAD}/{line}" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "lint --json", "lint --sarif", "lint --fix", "lint --strict", "matrix", "lock --check", "migrate --check",
        "plan --chip good --model good", "build --chip good --model good", "explain --chip a-chip --model good sdk",
    ],
)  # fmt: skip
def test_no_command_takes_bad_recipes_for_a_bug_of_its_own(arguments: str, tmp_path: Path) -> None:
    shutil.copytree(BAD, tmp_path / "recipes")
    done = flagrelease(tmp_path / "home", *arguments.split(), "--recipes", str(tmp_path / "recipes"))
    assert "Traceback" not in done.stderr
    assert done.returncode in (2, 3)


@pytest.mark.parametrize("name", ["ten MB", "open lists", "many variants of a large one"])
def test_lint_refuses_a_file_made_to_exhaust(name: str, tmp_path: Path) -> None:
    make, message = MADE[name]
    recipes = bundle_at(tmp_path / "recipes", make())
    done = flagrelease(tmp_path / "home", "lint", "--recipes", str(recipes))
    assert done.returncode == 3
    at, _, words = message.partition(": ")
    assert f"bundles/c/m.yaml:{at}: error FR001 {words}" in done.stdout
