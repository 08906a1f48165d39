"""Harnesses that run where the chip's own image has them: what to run there, and what was brought back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from flagrelease.domain.gate import HarnessTask
from flagrelease.domain.harness import Outside, PinnedHarness
from flagrelease.domain.lock import Lock
from flagrelease.domain.value import Digest, Name
from flagrelease.errors import GateError, HoldError
from flagrelease.evaluation.by_harness import words_of
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.harness_ports import Results
from flagrelease.ports import Tools

FOLDER: Final = "evidence"
"""In the bundle's folder, beside the stages': what a person brought there is no stage's to remove."""

ORDER: Final = "order.json"
_SCHEMA: Final = "flagrelease.order/v1"
Which = Literal["reference", "target"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One task that a person runs elsewhere, and where its evidence is to lie."""

    which: Which
    name: Name
    folder: Path
    content: Mapping[str, Any]

    @property
    def results(self) -> Path:
        """Where the harness's own files go."""
        return self.folder / "results"

    def told(self) -> str:
        """What to do, for a person."""
        env = "".join(f" {name}={value}" for name, value in self.content["env"].items())
        command = " ".join(json.dumps(word) if " " in word else word for word in self.content["command"])
        first = "".join(f"    {text}\n" for text in (*self.content["first"], *map(_edited, self.content["edits"])))
        return (
            f"  {self.name} ({self.which}): {self.content['where']}, with the server of {self.content['image']}"
            f"{_switched(self.content['switches'])}:\n"
            f"{first}"
            f"   {env} {command}\n"
            f"    then put {', '.join(self.content['evidence'])} into {self.results}"
        )


def _edited(edit: Mapping[str, Any]) -> str:
    """One file's changes, for a person."""
    changes = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in edit["values"].items())
    return f"in {edit['file']}, {'on every line ' if edit['each_line'] else ''}set {changes}"


def _switched(switches: Mapping[str, str | None]) -> str:
    told = (f"{name} {'unset' if value is None else f'= {value}'}" for name, value in switches.items())
    return f" and {', '.join(told)}" if switches else ""


def orders_of(
    lock: Lock, image: Digest, evidence: Path, which: Which, switches: Mapping[str, str | None]
) -> tuple[Order, ...]:
    """What is to be run elsewhere for one side; `evidence` is the folder for all of it. Nothing is written."""
    found = []
    for name, task in lock.policy.harness_tasks.items():
        pinned = lock.harness(task.harness)
        if isinstance(pinned.harness.runs, Outside) or task.asked is None:
            folder = evidence / which / name
            content = {
                "schema": _SCHEMA,
                "bundle": lock.bundle,
                "image": image,
                "side": which,
                "switches": dict(switches),
                **_content(lock, name, task, pinned),
            }
            found.append(Order(which=which, name=name, folder=folder, content=content))
    return tuple(found)


def _content(lock: Lock, name: Name, task: HarnessTask, pinned: PinnedHarness) -> dict[str, Any]:
    harness = pinned.harness
    places = {
        "base_url": f"http://HOST:{lock.serving.port}/v1",
        "model": lock.serving.served_name,
        "task": name,
        "called": pinned.called.get(name, name),
        "tasks": "ITEMS",
        "output": "RESULTS",
    }
    runs = harness.runs
    where = runs.where if isinstance(runs, Outside) else f"in an environment with {harness.title} {harness.version}"
    secrets = [one.variable for one in harness.secrets.values() if one.needed != "judge" or task.judge]
    return {
        "task": name,
        "items": task.items,
        "harness": harness.name,
        "version": harness.version,
        "where": where,
        "first": list(runs.first) if isinstance(runs, Outside) else [],
        "edits": [one.model_dump(mode="json") for one in runs.edits] if isinstance(runs, Outside) else [],
        "command": [_placed(word, places) for word in words_of(pinned, places)],
        "env": dict(harness.env),
        "secrets": secrets,
        # Of what `env` prints there, only the variables that decide how a chip computes are read.
        "evidence": [*(harness.evidence or ("its output folder",)), "environment.env"],
    }


def _placed(word: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        word = word.replace(f"{{{{ {name} }}}}", value)
    return word


def brought(tools: Tools, orders: Sequence[Order]) -> dict[Name, Results]:
    """What was brought for every order, by task; each order is written down beside the place for it.

    Raises:
        HoldError: evidence is missing; the message says what to run where.
        GateError: evidence lies beside the order of another image or another command.
    """
    found, missing = {}, []
    for order in orders:
        results = tools.harnesses.supplied(order.results)
        path, content = order.folder / ORDER, pretty_json(order.content)
        if results is None:
            order.results.mkdir(parents=True, exist_ok=True)
            write_durably(path, content)
            missing.append(order)
        elif not path.is_file() or path.read_bytes() != content:
            raise GateError(
                f"the evidence in `{order.results}` was not made for this: `{ORDER}` beside it is of another image, "
                "command or side",
                hint=f"remove `{order.folder}`, and the same command writes the order anew",
            )
        else:
            found[order.name] = results
    if missing:
        lines = "\n".join(order.told() for order in missing)
        raise HoldError(
            f"HOLD\n{len(missing)} tasks are asked by harnesses that do not run here\n{lines}",
            hint="run the same command again when the files are there; `order.json` binds them to the image",
        )
    return found
