"""What a person sees who calls `flagrelease lint`."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import typer

from flagrelease.adapters.recipes.places import Trees
from flagrelease.cli.lint_command import lint, rule_ids
from flagrelease.errors import RecipeError
from flagrelease.formats.positions import Node
from flagrelease.lint.registry import RULES
from flagrelease.lint.rule import EXAMPLE_DAY
from tests.lint.small import Changes, Data, written

ROOT = Path(__file__).parents[2]
DAY = datetime.combine(EXAMPLE_DAY, datetime.min.time())
BUNDLE = "bundles/alpha/tiny.yaml"
SPOILT: Data = {"variant.container.privileged": True, "sdk.base.tag": "latest", "engine.health": None}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAGRELEASE_HOME", str(tmp_path / "home"))


def program(*words: str, cwd: Path, seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", "PYTHONHASHSEED": seed}
    argv = [sys.executable, "-m", "flagrelease", "lint", *words]
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_good_recipes_end_with_0_and_are_counted(tmp_path: Path) -> None:
    written(tmp_path, {})
    done = program(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "15 recipes: 0 errors, 0 warnings, 0 notes, nothing waived\n"


def test_an_error_ends_with_3_at_its_line_with_a_hint(tmp_path: Path) -> None:
    written(tmp_path, SPOILT)
    done = program(cwd=tmp_path)
    assert done.returncode == 3
    lines = (tmp_path / "recipes" / BUNDLE).read_text().splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if '"privileged": true' in line)
    column = lines[number - 1].index('"privileged"') + 1
    wanted = f"recipes/{BUNDLE}:{number}:{column}: error FR221 the container is privileged, without a reason"
    assert wanted in done.stdout.splitlines()
    assert done.stdout.count("    hint: ") == 3
    assert "2 errors, 1 warning, 0 notes" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_report_is_the_same_with_every_hash_seed(tmp_path: Path) -> None:
    written(tmp_path, SPOILT | {"variant.engine": "sreve", "variant.hub": {"modelscope": "a/Beta-gamma-Tiny"}})
    one, other = (program("--json", cwd=tmp_path, seed=seed) for seed in ("1", "2"))
    assert one.stdout == other.stdout
    assert len(json.loads(one.stdout)["findings"]) > 3


def test_no_file_without_findings_is_looked_at_for_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    tree = Trees.tree

    def remembered(self: Trees, path: Path) -> Node:
        seen.append(path.name)
        return tree(self, path)

    monkeypatch.setattr(Trees, "tree", remembered)
    with pytest.raises(RecipeError):
        looked(recipes=written(tmp_path, {"sdk.base.tag": "latest"}))
    assert set(seen) == {"alpha.yaml"}


def looked(*paths: Path, recipes: Path, **options: Any) -> None:
    lint(list(paths) or None, recipes=recipes, today=DAY, **options)


def data_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_path_limits_the_report_and_is_shown_as_it_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = written(tmp_path, SPOILT)
    crooked = recipes / "chips" / ".." / "bundles"
    with pytest.raises(RecipeError, match=r"have 1 error$"):
        looked(crooked, recipes=recipes, json=True)
    report = data_of(capsys)
    assert [(one["rule"], one["file"]) for one in report["findings"]] == [("FR221", f"{crooked}/alpha/tiny.yaml")]
    assert report["counts"]["recipes"] == 1


def test_a_path_below_which_there_is_no_recipe_is_refused(tmp_path: Path) -> None:
    recipes = written(tmp_path, {})
    with pytest.raises(RecipeError, match="wanted a recipe"):
        looked(tmp_path / "dockerfiles", recipes=recipes)


def test_warnings_end_with_3_when_strict(tmp_path: Path) -> None:
    recipes = written(tmp_path, {"engine.health": None})
    looked(recipes=recipes)
    with pytest.raises(RecipeError, match=r"0 errors and 1 warning$"):
        looked(recipes=recipes, strict=True)


def test_waived_findings_are_counted_and_shown_with_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiver = {"rule": "FR221", "reason": "no other way", "owner": "somebody", "expires": "2030-12-31"}
    recipes = written(tmp_path, {"variant.container.privileged": True, "variant.waivers": [waiver]})
    looked(recipes=recipes, json=True)
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["findings"] == []
    assert [one["waivers"] for one in report["waived"]] == [[{**waiver, "at": None}]]
    assert "1 finding waived" in err


def test_what_variants_have_from_each_other_is_told_once_where_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = written(tmp_path, SPOILT | {"bundle.variants.other": {"extends": "serve", "revision": "r2"}})
    with pytest.raises(RecipeError):
        looked(recipes / "bundles", recipes=recipes, json=True)
    assert [one["key"] for one in data_of(capsys)["findings"]] == ["variants.serve.container.privileged"]


def test_what_is_mended_is_told_and_lint_looks_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    why = {"ipc": "ranks share memory"}
    changes: Changes = {
        "variant.container.ipc": "host", "variant.container.shm_gb": 512, "variant.container.why": why,
        "variant.engine": "sreve", "variant.wheels": ["attrs==23.2.0.RC1"], "chip.memory_prob": "smi",
        "chip.memory_probe": None, "chip.vendor": 57637057,
    }  # fmt: skip
    recipes = written(tmp_path, changes)
    chip = recipes / "chips" / "alpha.yaml"
    chip.write_text(chip.read_text().replace(' "memory_probe": null,\n', ""))
    looked(recipes=recipes, fix=True, json=True)
    out, err = capsys.readouterr()
    assert json.loads(out)["findings"] == []
    assert err.count("mended: ") == 5
    text = (recipes / BUNDLE).read_text()
    assert "shm_gb" not in text
    assert '"attrs==23.2.0rc1"' in text
    assert '"vendor": "57637057"' in chip.read_text()


def test_nothing_is_written_without_fix(tmp_path: Path) -> None:
    recipes = written(tmp_path, SPOILT)
    before = {path: path.read_bytes() for path in recipes.rglob("*.yaml")}
    with pytest.raises(RecipeError):
        looked(recipes=recipes)
    assert {path: path.read_bytes() for path in recipes.rglob("*.yaml")} == before


@pytest.mark.parametrize("rule", [one.id for one in RULES])
def test_every_rule_explains_itself(rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    lint(explain=rule.lower())
    out = capsys.readouterr().out
    assert out.startswith(f"{rule} ")
    assert "what to do: " in out
    assert "found in a recipe with" in out


def test_a_rule_that_is_not_there_is_refused_with_the_near_ones() -> None:
    with pytest.raises(typer.BadParameter, match=r"there is no rule FR999; did you mean"):
        lint(explain="FR999")


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lint(list_rules=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == [one.id for one in RULES]
    assert "FR001* error" in lines[0]


def test_a_shell_completes_the_ids_of_rules() -> None:
    assert rule_ids("fr32") == ["FR321", "FR322", "FR323", "FR324", "FR325", "FR326"]
    assert rule_ids("FR8") == []


SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool", "results"],
            "properties": {
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name", "rules"],
                    "properties": {"rules": {"type": "array", "uniqueItems": True, "items": {
                        "type": "object",
                        "required": ["id", "name", "shortDescription", "help", "defaultConfiguration"],
                        "properties": {
                            "help": {"type": "object", "required": ["text"]},
                            "defaultConfiguration": {"properties": {"level": {"enum": ["note", "warning", "error"]}}},
                        },
                    }}},
                }}},
                "results": {"type": "array", "items": {
                    "type": "object", "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                    "properties": {
                        "level": {"enum": ["note", "warning", "error"]},
                        "message": {"type": "object", "required": ["text"]},
                        "locations": {"type": "array", "minItems": 1, "items": {
                            "type": "object", "required": ["physicalLocation"],
                            "properties": {"physicalLocation": {
                                "required": ["artifactLocation", "region"],
                                "properties": {
                                    "artifactLocation": {"required": ["uri"], "properties": {
                                        "uri": {"type": "string", "pattern": r"^[A-Za-z0-9%/._~:-]+$"},
                                    }},
                                    "region": {"properties": {
                                        "startLine": {"type": "integer", "minimum": 1},
                                        "startColumn": {"type": "integer", "minimum": 1},
                                    }},
                                },
                            }},
                        }},
                        "suppressions": {"items": {
                            "required": ["kind"],
                            "properties": {
                                "kind": {"enum": ["inSource", "external"]},
                                "status": {"enum": ["accepted", "underReview", "rejected"]},
                            },
                        }},
                    },
                }},
            },
        }},
    },
}  # fmt: skip
"""What SARIF 2.1.0 asks for of the parts that are used (OASIS, sections 3.13 to 3.35, 3.49)."""


def test_the_sarif_log_is_one_and_names_its_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiver = {"rule": "FR101", "reason": "no tag is stated", "owner": "somebody", "expires": "2030-12-31"}
    recipes = written(tmp_path / "a folder", SPOILT | {"variant.waivers": [waiver]})
    with pytest.raises(RecipeError):
        looked(recipes=recipes, sarif=True)
    log = data_of(capsys)
    jsonschema.validate(log, SARIF)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == [one.id for one in RULES]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert [one["ruleId"] for one in run["results"] if "suppressions" in one] == ["FR101"]
    assert {one["ruleId"]: one["level"] for one in run["results"]} == {
        "FR101": "error", "FR208": "warning", "FR221": "error",
    }  # fmt: skip


def test_json_and_sarif_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter):
        looked(recipes=written(tmp_path, {}), json=True, sarif=True)


def test_the_recipes_of_this_project_are_read_and_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether they are good is shown by `flagrelease lint` itself; here, that every rule can look at all of them."""
    try:
        looked(recipes=ROOT / "recipes", json=True)
    except RecipeError as error:
        assert "the recipes have" in error.message  # noqa: PT017 - either outcome will do
    assert data_of(capsys)["counts"]["recipes"] > 40


def test_help_of_the_program_does_not_load_the_rules() -> None:
    code = """
        import sys
        from flagrelease.cli.app import main
        sys.argv = ["flagrelease", "--help"]
        try:
            main()
        finally:
            assert not [name for name in sys.modules if name.startswith("flagrelease.lint")]
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
