"""A whole lock of the llama.cpp bundle, for tests that are about a few of its fields."""

from datetime import date

from flagrelease.domain.bundle import Deviation, SecondModel, Serving, Smoke
from flagrelease.domain.chip import DebianBase
from flagrelease.domain.gate import Dataset, Policy, Selection, Task
from flagrelease.domain.lock import Lock, LockedBase, LockedBaseline, LockedWeights
from flagrelease.domain.model import Licence
from flagrelease.domain.source import FolderSource, FromFolder, LockedFile, WheelSource

SHA = "0" * 64
TODAY = date(2026, 11, 20)


def a_deviation(
    check: str = "unknown-model", expires: date = TODAY, measured: dict[str, float] | None = None
) -> Deviation:
    return Deviation(
        check=check,
        observed="it says 200",
        measured=measured or {"status": 200},
        reason="it has one model",
        owner="tests",
        expires=expires,
    )


def some_weights(model: str, file: str) -> LockedWeights:
    source = FolderSource(kind="folder", folder="probes", files=(file,))
    origin = FromFolder(kind="folder", folder="probes", path=file)
    return LockedWeights(
        model=model,
        title=model,
        licence=Licence(name="Apache-2.0", commercial_use="allowed"),
        parameters=1,
        format="gguf",
        precision="F32",
        source=source,
        files=(LockedFile(path=file, size=1, sha256=SHA, origin=origin),),
    )


def a_policy() -> Policy:
    source = WheelSource(kind="wheel", project="p", version="1", members=("m.jsonl",))
    task = Task(
        kind="next_word",
        format="boolq_passage",
        dataset=Dataset(source=source, split="dev", items_available=1, licence="none"),
        selection=Selection(count=1, seed=0),
        metric="exact_match",
        chance=0.0,
        margin_pt=3.0,
    )
    return Policy(schema="flagrelease.gate/v1", name="p", title="p", tasks={"t": task})


def a_lock(
    *,
    ready_within_s: int = 10,
    stop_within_s: int = 3,
    context_length: int = 64,
    slots: int = 8,
    threads: int = 2,
    deviations: tuple[Deviation, ...] = (),
) -> Lock:
    return Lock(
        schema="flagrelease.lock/v2",
        kind="whole",
        tool="0.0",
        chip="cpu",
        chip_title="CPU",
        model="smollm2-135m-instruct",
        variant="llamacpp",
        revision="r1",
        engine="llamacpp",
        engine_title="llama.cpp by xllamacpp",
        architecture="amd64",
        memory_probe="process_tree",
        recipe_sha256=SHA,
        base=LockedBase(asked=DebianBase(kind="debian", suites=("bookworm",), packages=("dash",)), packages=()),
        wheels=(),
        files=(),
        env={},
        python="3.11",
        weights=some_weights("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        weights_folder="/opt/bundle/weights",
        second_model=some_weights("probe-llama-tiny", "probe-llama-tiny.gguf"),
        entrypoint=("/usr/bin/python3.11", "/opt/bundle/serve.py"),
        serving=Serving(
            served_name="smollm2-135m-instruct",
            port=8000,
            context_length=context_length,
            slots=slots,
            threads=threads,
            ready_within_s=ready_within_s,
        ),
        smoke=Smoke(
            second_model=SecondModel(model="probe-llama-tiny", weights="f32"),
            stop_within_s=stop_within_s,
            deviations=deviations,
        ),
        policy=a_policy(),
        datasets=(),
        baseline=LockedBaseline(path="b.json", sha256=SHA),
    )
