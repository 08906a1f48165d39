"""What speaks for a bundle: its gate, what it is measured against, and published tables that cannot decide."""

from collections.abc import Iterator

from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule


@rule(
    "FR541",
    "warning",
    "differences without a base as the only evidence",
    why=(
        "The MiniCPM-o 4.5 card prints 0.72 % and the like: no sign, no base, no number of items. The worst reading of "
        "such a table is damage, and it never decides."
    ),
    hint="name a `gate` whose tasks are measured on both sides",
    bad={"variant.gate": None, "variant.reference": None, "table.scores": {
        "kind": "difference_only",
        "rows": [{"benchmark": "quiz", "difference": 0.7, "unit": "percent, absolute or relative unstated"}],
    }},
    good={"variant.gate": None, "variant.reference": None},
)  # fmt: skip
def differences_only(project: Project) -> Iterator[Found]:
    """Variants whose published tables are all differences, and that have no gate."""
    by_name = {(one.chip, one.name): one.table for one in project.tables}
    for one in project.variants:
        tables = [by_name[one.cell.chip, name] for name in one.variant.published if (one.cell.chip, name) in by_name]
        if tables and one.variant.gate is None and all(table.scores.kind == "difference_only" for table in tables):
            yield one.found("published", text="only differences without sign or base speak for this bundle")


@rule(
    "FR542",
    "error",
    "a gate that has nothing to compare with",
    why="A gate shows that the bundle answers as well as something else. Without a reference there is no other side.",
    hint="add `reference`: a recorded baseline, the same image with the switches off, or another chip",
    bad={"variant.reference": None},
    good={"variant.reference": {"kind": "other_chip", "chip": "beta", "stack": "the model's own code"}},
)
def gate_without_reference(project: Project) -> Iterator[Found]:
    """`gate` and no `reference`."""
    for one in project.variants:
        if one.variant.gate and one.variant.reference is None:
            yield one.found("gate", text=f"gate `{one.variant.gate}` has no reference to compare with")


@rule(
    "FR543",
    "warning",
    "a reference that no gate compares with",
    why="A reference that nothing is held against looks like evidence, and is none.",
    hint="add the `gate` whose tasks are asked on both sides",
    bad={"variant.gate": None},
    good={"variant.gate": "quick"},
)
def reference_without_gate(project: Project) -> Iterator[Found]:
    """`reference` and no `gate`."""
    for one in project.variants:
        if one.variant.reference and one.variant.gate is None:
            yield one.found("reference", text="there is a reference, and no gate")


@rule(
    "FR544",
    "error",
    "a bundle that is its own reference",
    why="A chip compared with itself and the same stack is always as good: nothing can be found out.",
    hint="name the chip whose answers count, or compare the same image with the switches off",
    bad={"variant.reference.chip": "alpha"},
    good={"variant.reference.chip": "beta"},
)
def own_reference(project: Project) -> Iterator[Found]:
    """`other_chip` that is the bundle's own."""
    for one in project.variants:
        reference = one.variant.reference
        if reference and reference.kind == "other_chip" and reference.chip == one.cell.chip:
            yield one.found("reference", "chip", text=f"`{one.cell.chip}` is the bundle's own chip")


@rule(
    "FR545",
    "error",
    "a switch that switches nothing",
    why=(
        "The MiniCPM-o 4.5 card compares USE_FLAGOS=1 with USE_FLAGOS=0. When both sides set a variable alike, or one "
        "side names a variable that the other does not, the comparison is of one stack with itself."
    ),
    hint="name the same variables on both sides, with different values; null is unset",
    bad={"variant.reference": {
        "kind": "switched_off", "title": "without", "on": {"USE_X": "1"}, "off": {"USE_X": "1"},
    }},
    good={"variant.reference": {
        "kind": "switched_off", "title": "without", "on": {"USE_X": "1"}, "off": {"USE_X": None},
    }},
)  # fmt: skip
def idle_switch(project: Project) -> Iterator[Found]:
    """Variables of `on` that `off` leaves out or sets alike."""
    for one in project.variants:
        reference = one.variant.reference
        if reference is None or reference.kind != "switched_off":
            continue
        for name, value in reference.on.items():
            if name not in reference.off:
                yield one.found(
                    "reference", "on", name, text=f"`{name}` is set on one side, and not named on the other"
                )
            elif reference.off[name] == value:
                yield one.found("reference", "off", name, text=f"`{name}` is {value} on both sides")


@rule(
    "FR546",
    "note",
    "a benchmark of the model that the gate does not ask",
    why=(
        "A gate of benchmarks that are easy to pass says little. What the model's own recipe names as its benchmarks "
        "and the gate leaves out should be left out knowingly."
    ),
    hint="add a task, supporting or advisory at least, or take the benchmark from the model",
    bad={"model.benchmarks": ["quiz", "essay"]},
    good={"model.benchmarks": ["quiz"]},
)
def unasked_benchmark(project: Project) -> Iterator[Found]:
    """The model's benchmarks against the tasks of the variant's policy."""
    for one in project.variants:
        if one.policy is None or one.model is None:
            continue
        asked = {task.benchmark for task in one.policy.harness_tasks.values()} | one.policy.tasks.keys()
        left = [name for name in one.model.benchmarks if name not in asked]
        if left:
            text = f"`{one.variant.gate}` does not ask {', '.join(left)}, which `{one.model.name}` names"
            yield one.found("gate", text=text)
