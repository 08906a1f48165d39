"""The reference stack: transformers in float32 answers a policy's tasks, and the answers are recorded as a baseline.

A program of its own, since torch is no dependency of flagrelease: run it with a Python that has what
`tests/evaluation/reference-requirements.txt` lists, `python -m flagrelease.adapters.transformers_reference --help`.
"""

import argparse
import hashlib
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch  # type: ignore[import-not-found]
from transformers import AutoModelForCausalLM, AutoTokenizer  # type: ignore[import-not-found]

from flagrelease.domain.evidence import Baseline, EvalRun, Software
from flagrelease.domain.gate import Policy, Task
from flagrelease.errors import FlagReleaseError, RecipeError
from flagrelease.evaluation.ask import Side, ask
from flagrelease.evaluation.journal import Journal
from flagrelease.evaluation.prompts import prompts_of, prompts_sha256
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.formats.strict import decode_yaml
from flagrelease.ports import Continuation


class TransformersCompletions:
    """A GGUF file's weights, dequantised to float32 and run by transformers on the CPU; fulfils `Completions`."""

    def __init__(self, gguf: Path) -> None:
        folder, name = str(gguf.parent), gguf.name
        self._tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name, local_files_only=True)
        self._model = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=name, dtype=torch.float32, local_files_only=True
        ).eval()
        self._stops = frozenset(self._tokenizer.all_special_ids)

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The ids of `text`; names of control tokens in it are plain text."""
        return tuple(self._tokenizer(text, split_special_tokens=True)["input_ids"])

    @torch.inference_mode()  # type: ignore[untyped-decorator,unused-ignore]
    def forced_logprobs(self, continuations: Sequence[Continuation]) -> list[tuple[float, ...]]:
        """All continuations in one batch. They are padded behind their end, where causal attention does not look."""
        rows = [(*c.context, *c.forced) for c in continuations]
        longest = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
        logits = self._model(input_ids=ids, use_cache=False).logits
        found: list[tuple[float, ...]] = []
        for row, continuation in enumerate(continuations):
            start = len(continuation.context)
            # The logits at one position are about the token at the next.
            about = logits[row, start - 1 : start - 1 + len(continuation.forced)].double().log_softmax(dim=-1)
            found.append(tuple(about[i, token].item() for i, token in enumerate(continuation.forced)))
        return found

    @torch.inference_mode()  # type: ignore[untyped-decorator,unused-ignore]
    def greedy(self, prompt: tuple[int, ...], max_tokens: int) -> str:
        """The most probable token, again and again, until a control token ends it."""
        ids, cache, answer = torch.tensor([prompt]), None, []
        for _ in range(max_tokens):
            out = self._model(input_ids=ids, past_key_values=cache, use_cache=True)
            token = int(out.logits[0, -1].argmax())
            if token in self._stops:
                break
            answer.append(token)
            ids, cache = torch.tensor([[token]]), out.past_key_values
        return str(self._tokenizer.decode(answer, clean_up_tokenization_spaces=False))


class StderrEvents:
    """Says on stderr how far the run is, every few seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def said(self, text: str) -> None:
        """One line for people."""
        sys.stderr.write(f"{text}\n")

    def progress(self, done: int, total: int, unit: str) -> None:
        """A line every five seconds and at the end."""
        if done == total or time.monotonic() - self._last > 5:  # noqa: PLR2004
            self._last = time.monotonic()
            sys.stderr.write(f"  {done} of {total} {unit}\n")


def record(
    policy: Policy, datasets: dict[str, Path], gguf: Path, out: Path, *, model: str, limit: int | None, threads: int
) -> Baseline:
    """Answer every task of `policy` and write the baseline to `out`; a journal a task lies beside it until then.

    Raises:
        RecipeError: a task has no dataset file, or does not fit it.
        SourceError: a dataset is not what its format says, or a journal belongs to another evaluation.
    """
    if set(datasets) != set(policy.tasks):
        raise RecipeError(f"wanted a dataset for each of {sorted(policy.tasks)}, found them for {sorted(datasets)}")
    torch.set_num_threads(threads)
    side = _side(gguf, model, threads)
    events = StderrEvents()
    events.said(f"loading {gguf.name}")
    completions = TransformersCompletions(gguf)
    runs: list[EvalRun] = []
    journals: list[Journal] = []
    for name, whole in policy.tasks.items():
        task = whole if limit is None else _first(whole, limit)
        data = datasets[name].read_bytes()
        journal = Journal(out.with_name(f"{out.name}.{name}.journal"), belongs_to=_belongs_to(name, task, data, side))
        journals.append(journal)
        answered = journal.read()
        events.said(f"{name}: {task.selection.count} items, {len(answered)} of them already answered")
        runs.append(ask(name, task, data, side, completions, events=events, answered=answered, keep=journal.keep))
        events.said(f"{name}: {runs[-1].score:.4f}")
    baseline = Baseline(
        schema="flagrelease.baseline/v1",
        title=f"{model}: transformers in float32 on a CPU",
        produced_by="python -m flagrelease.adapters.transformers_reference",
        runs=tuple(runs),
    )
    write_durably(out, pretty_json(baseline))
    for journal in journals:
        journal.remove()
    return baseline


def _side(gguf: Path, model: str, threads: int) -> Side:
    with gguf.open("rb") as file:
        weights_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    packages = ("torch", "transformers", "tokenizers", "gguf")
    return Side(
        model=model,
        weights_sha256=weights_sha256,
        precision="float32, dequantised from the GGUF file",
        chip="cpu",
        software=(
            Software(name="python", version=platform.python_version()),
            *(Software(name=name, version=version(name)) for name in packages),
        ),
        settings={"dtype": "float32", "threads": str(threads)},
    )


def _first(task: Task, limit: int) -> Task:
    selection = task.selection.model_copy(update={"count": min(limit, task.selection.count)})
    return task.model_copy(update={"selection": selection})


def _belongs_to(name: str, task: Task, data: bytes, side: Side) -> str:
    prompts = prompts_sha256(prompt.sha256 for prompt in prompts_of(name, task, data))
    software = " ".join(f"{s.name}={s.version}" for s in side.software)
    return f"{name} {prompts} weights={side.weights_sha256} {software} {dict(side.settings)}"


def main(arguments: Sequence[str]) -> int:
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(description="record a reference baseline with transformers in float32")
    parser.add_argument("--policy", type=Path, required=True, help="a gate policy, recipes/gates/….yaml")
    parser.add_argument("--dataset", action="append", required=True, metavar="TASK=FILE", help="the items of a task")
    parser.add_argument("--gguf", type=Path, required=True, help="the weights")
    parser.add_argument("--model", required=True, help="the model's name in recipes/models/")
    parser.add_argument("--out", type=Path, required=True, help="the baseline to write, below recipes/baselines/")
    parser.add_argument("--limit", type=int, help="ask only the first so many selected items of each task")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    given = parser.parse_args(arguments)
    datasets = {task: Path(file) for task, _, file in (pair.partition("=") for pair in given.dataset)}
    for file in (given.policy, given.gguf, *datasets.values()):
        if not file.is_file():
            parser.error(f"wanted a file, found none at `{file}`")
    try:
        policy = decode_yaml(given.policy.read_text(encoding="utf-8"), Policy, source=str(given.policy))
        given.out.parent.mkdir(parents=True, exist_ok=True)
        record(policy, datasets, given.gguf, given.out, model=given.model, limit=given.limit, threads=given.threads)
    except FlagReleaseError as error:
        sys.stderr.write(f"error: {error.message}\n{error.hint and f'hint: {error.hint}'}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
