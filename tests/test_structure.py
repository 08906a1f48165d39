"""The stage files, their order, the pipeline, the command line and the documents tell one story."""

import ast
import re
from pathlib import Path

import flagrelease
from flagrelease.cli.app import COMMANDS, load
from flagrelease.stages import ORDER

PACKAGE = Path(flagrelease.__file__).parent
ROOT = PACKAGE.parent
MOST_LINES = 300
MOST_FUNCTION_LINES = 50


def _calls_in_the_pipeline() -> list[str]:
    """The first argument of every `run(…)` and `run.again(…)`, in the order they are written."""
    calls = [node for node in ast.walk(_tree("pipeline.py")) if isinstance(node, ast.Call)]
    stages = [call for call in calls if ast.unparse(call.func) in {"run", "run.again"}]
    return [ast.unparse(call.args[0]) for call in sorted(stages, key=lambda call: call.lineno)]


def _tree(path: str) -> ast.Module:
    return ast.parse((PACKAGE / path).read_text())


def test_there_is_one_file_for_each_stage() -> None:
    assert sorted(p.stem for p in (PACKAGE / "stages").glob("*.py") if p.stem != "__init__") == sorted(ORDER)


def test_each_stage_file_has_the_function_of_its_name() -> None:
    for stage in ORDER:
        tree = _tree(f"stages/{stage}.py")
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert stage in names
        function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == stage)
        assert [a.arg for a in function.args.args[:2]] == ["tools", "here"]


def test_the_pipeline_calls_the_stages_in_their_order() -> None:
    assert _calls_in_the_pipeline() == list(ORDER)


def test_the_document_of_the_stages_has_them_in_their_order() -> None:
    headings = re.findall(r"^## (\d+)\. (\w+)$", (ROOT / "docs" / "stages.md").read_text(), re.MULTILINE)
    assert headings == [(str(number), stage) for number, stage in enumerate(ORDER, start=1)]


def test_each_listed_command_has_its_module_and_the_other_way_round() -> None:
    modules = {p.stem.removesuffix("_command").replace("_", "-") for p in (PACKAGE / "cli").glob("*_command.py")}
    assert modules == set(COMMANDS)
    for name in COMMANDS:
        assert load(name).name == name


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"`flagrelease {name}`" not in text] == []


def test_only_the_evaluate_stage_makes_an_approval() -> None:
    makers = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Approved"
    ]
    assert set(makers) == {"stages/evaluate.py"}


def test_files_and_functions_stay_small() -> None:
    too_long = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if text.count("\n") > MOST_LINES:
            too_long.append(f"{path.name}: {text.count(chr(10))} lines")
        too_long += [
            f"{path.name}:{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES
        ]
    assert too_long == []


def test_nothing_committed_names_a_registry_host_or_a_place_of_one_machine() -> None:
    hosts = re.compile(r"pypi\.org|[p]ythonhosted|registry\.npmjs|deb\.debian\.org|/[w]ork/(main|shared)|/opt/[w]heels")
    tracked = [p for p in ROOT.rglob("*") if p.is_file() and not _ignored(p.relative_to(ROOT))]
    assert [str(p.relative_to(ROOT)) for p in tracked if hosts.search(p.read_bytes().decode("utf-8", "replace"))] == []


def _ignored(path: Path) -> bool:
    top = path.parts[0]
    return (
        top in {".git", "out", "dist"}
        or top.startswith((".venv", ".cache"))
        or "_cache" in str(path)
        or "__pycache__" in path.parts
        or path.parts[0] == ".hypothesis"
    )
