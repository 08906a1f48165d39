"""Names of recipes, and of parts of recipes, that are not there."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from flagrelease.formats.positions import Path
from flagrelease.lint.found import Found, Replace
from flagrelease.lint.near import did_you_mean, surely_meant
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView


@rule(
    "FR003",
    "error",
    "a name that no recipe has",
    why=(
        "A bundle is put together from recipes by name. A name that nothing has is found here in a second, and by "
        "`lock` or `build` one at a time."
    ),
    hint="write the name as the file is called",
    bad={"variant.engine": "sreve"},
    good={"variant.engine": "serve"},
)
def unknown_recipe(project: Project) -> Iterator[Found]:
    """Chips, engines, models, policies, benchmarks and harnesses that bundles, policies, models and tables name."""
    for one in project.variants:
        yield from _in_variant(project, one)
    for chip, model in project.recipes.bundles:
        file = f"bundles/{chip}/{model}.yaml"
        # Not to be mended: it is the file's place that says so.
        yield from (replace(one, fix=None) for one in _unknown(project, "chips", chip, file, ("chip",)))
        yield from (replace(one, fix=None) for one in _unknown(project, "models", model, file, ("model",)))
    for name, policy in project.recipes.policies.items():
        for task, asked in policy.harness_tasks.items():
            key = ("harness_tasks", task)
            yield from _unknown(project, "benchmarks", asked.benchmark, f"gates/{name}.yaml", (*key, "benchmark"))
            yield from _unknown(project, "harnesses", asked.harness, f"gates/{name}.yaml", (*key, "harness"))
    for name, known in project.recipes.models.items():
        for index, benchmark in enumerate(known.benchmarks):
            yield from _unknown(project, "benchmarks", benchmark, f"models/{name}.yaml", ("benchmarks", index))
    for table in project.tables:
        for index, benchmark in enumerate(table.benchmarks):
            yield from _unknown(project, "benchmarks", benchmark, table.file, ("scores", "rows", index, "benchmark"))


def _in_variant(project: Project, one: VariantView) -> Iterator[Found]:
    variant = one.variant
    yield from _unknown(project, "engines", variant.engine, one.file, one.key("engine"))
    if variant.gate:
        yield from _unknown(project, "gates", variant.gate, one.file, one.key("gate"))
    if variant.reference and variant.reference.kind == "other_chip":
        yield from _unknown(project, "chips", variant.reference.chip, one.file, one.key("reference", "chip"))
    if variant.smoke:
        key = one.key("smoke", "second_model", "model")
        yield from _unknown(project, "models", variant.smoke.second_model.model, one.file, key)
    for name, component in variant.components.items():
        if component.patches:
            key = one.key("components", name, "patches", "chip")
            yield from _unknown(project, "chips", component.patches.chip, one.file, key)


def _unknown(project: Project, folder: str, name: str, file: str, key: Path) -> Iterator[Found]:
    known = project.names(folder)
    if name not in known:
        yield _found(project, project.kind(folder), name, known, file=file, key=key)


def _found(project: Project, kind: str, name: str, known: Collection[str], *, file: str, key: Path) -> Found:
    sure = surely_meant(name, known)
    return Found(
        file=file,
        key=key,
        text=f"unknown {kind} `{name}`",
        hint=did_you_mean(name, known),
        cells=project.users(file, key),
        fix=Replace(key=key, becomes=sure) if sure and key[-1] != name else None,
    )


@rule(
    "FR004",
    "error",
    "a part that its recipe does not have",
    why=(
        "An SDK, a form of weights, a profile, a hardware model or a published table is looked up by name in the "
        "recipe that should have it. Cards name hardware and driver versions of other chips, copied from another card."
    ),
    hint="write the name as the other recipe has it",
    bad={"variant.sdk": "won"},
    good={"variant.sdk": "one"},
)
def unknown_part(project: Project) -> Iterator[Found]:
    """What variants name inside the recipes they refer to."""
    for one in project.variants:
        for kind, name, known, key in _parts(project, one):
            if known is not None and name not in known:
                yield _found(project, kind, name, known, file=one.file, key=key)


def _parts(project: Project, one: VariantView) -> Iterator[tuple[str, str, Collection[str] | None, Path]]:
    """What kind of part, its name, what there is (None where the recipe itself is missing), and the key."""
    variant, chip, recipes = one.variant, one.chip, project.recipes
    yield "sdk", variant.sdk, chip.sdks if chip else None, one.key("sdk")
    yield "weights", variant.weights, one.model.weights if one.model else None, one.key("weights")
    for index, profile in enumerate(variant.profiles):
        yield "profile", profile, chip.profiles if chip else None, one.key("profiles", index)
    for index, part in enumerate(variant.hardware):
        yield "hardware", part, chip.hardware if chip else None, one.key("hardware", index)
    for index, table in enumerate(variant.published):
        yield "published table", table, project.tables_of(one.cell.chip), one.key("published", index)
    if variant.smoke:
        second = variant.smoke.second_model
        model = recipes.models.get(second.model)
        yield "weights", second.weights, model.weights if model else None, one.key("smoke", "second_model", "weights")
    reference = variant.reference
    if reference and reference.kind == "other_chip" and reference.hardware:
        other = recipes.chips.get(reference.chip)
        yield "hardware", reference.hardware, other.hardware if other else None, one.key("reference", "hardware")


@rule(
    "FR005",
    "error",
    "a default variant that the bundle does not have",
    why="`build` without --variant builds the bundle's default; a renamed variant leaves a default that is gone.",
    hint="name one of the bundle's variants",
    bad={"bundle.default_variant": "sreve"},
    good={"bundle.default_variant": "serve"},
    waivable=False,
)
def unknown_default(project: Project) -> Iterator[Found]:
    """Bundles whose `default_variant` is none of their variants."""
    for (chip, model), bundle in project.recipes.bundles.items():
        if bundle.default_variant not in bundle.variants:
            file = f"bundles/{chip}/{model}.yaml"
            key = ("default_variant",)
            yield _found(project, "variant", bundle.default_variant, tuple(bundle.variants), file=file, key=key)


@rule(
    "FR006",
    "error",
    "a file that is not there",
    why=(
        "A template, a baseline record or a harness's lock is pinned by its hash when the bundle's lock is made, so "
        "it has to exist by then."
    ),
    hint="write the path below `dockerfiles/`, `recipes/baselines/` or `recipes/harnesses/`, or add the file",
    bad={"variant.files": [{"path": "/opt/bundle/serve.json", "template": "serve.jsn.j2"}]},
    good={"variant.files": [{"path": "/opt/bundle/serve.json", "template": "serve.json.j2"}]},
)
def missing_file(project: Project) -> Iterator[Found]:
    """Templates and baseline records that variants name, locks and templates of harnesses."""
    for one in project.variants:
        for index, file in enumerate(one.variant.files):
            if file.template not in project.templates:
                key = one.key("files", index, "template")
                yield _found(project, "template", file.template, project.templates, file=one.file, key=key)
        reference = one.variant.reference
        baseline = reference.baseline if reference and reference.kind != "switched_off" else None
        if baseline and baseline not in project.baselines:
            key = one.key("reference", "baseline")
            yield _found(project, "baseline record", baseline, project.baselines, file=one.file, key=key)
    yield from _missing_of_harnesses(project)


def _missing_of_harnesses(project: Project) -> Iterator[Found]:
    there = project.harness_files
    for name, harness in project.recipes.harnesses.items():
        if harness.runs.kind == "environment" and harness.runs.requirements not in there:
            key: Path = ("runs", "requirements")
            yield _found(project, "lock", harness.runs.requirements, there, file=f"harnesses/{name}.yaml", key=key)
    for name, policy in project.recipes.policies.items():
        for task, asked in policy.harness_tasks.items():
            for index, one in enumerate(asked.asked.files if asked.asked else ()):
                if one.template not in there:
                    key = ("harness_tasks", task, "asked", "files", index, "template")
                    yield _found(project, "template", one.template, there, file=f"gates/{name}.yaml", key=key)


@rule(
    "FR007",
    "warning",
    "a limit or an exception for something that is not there",
    why=(
        "What an engine, a profile or a transform says about a chip, an engine or a model that has no recipe applies "
        "to nothing; mostly it is a misspelt name, and then the limit it states is not kept."
    ),
    hint="write the name as the recipe is called, or take the entry out",
    bad={"engine.chips": ["alpha", "beta", "gama"]},
    good={"engine.chips": ["alpha", "beta"]},
)
def unknown_in_a_limit(project: Project) -> Iterator[Found]:
    """Names that engines, chips and models give to what they limit."""
    for file, folder, name, key in (*_engines_limits(project), *_chips_limits(project), *_models_limits(project)):
        yield from _unknown(project, folder, name, file, key)


_Limit = tuple[str, str, str, Path]
"""The file, the folder of what is named, the name, and its key."""


def _engines_limits(project: Project) -> Iterator[_Limit]:
    for engine in project.recipes.engines.values():
        file = f"engines/{engine.name}.yaml"
        yield from ((file, "chips", chip, ("chips", index)) for index, chip in enumerate(engine.chips))
        yield from ((file, "chips", chip, ("chip_precisions", chip)) for chip in engine.chip_precisions)
        for name, support in engine.quantisations.items():
            key = ("quantisations", name, "chips")
            yield from ((file, "chips", chip, (*key, index)) for index, chip in enumerate(support.chips))
        for model, does in engine.models.items():
            yield file, "models", model, ("models", model)
            yield from ((file, "chips", chip, ("models", model, "world_sizes", chip)) for chip in does.world_sizes)


def _chips_limits(project: Project) -> Iterator[_Limit]:
    for chip in project.recipes.chips.values():
        for name, profile in chip.profiles.items():
            for index, engine in enumerate(profile.engines):
                yield f"chips/{chip.name}.yaml", "engines", engine, ("profiles", name, "engines", index)


def _models_limits(project: Project) -> Iterator[_Limit]:
    for model in project.recipes.models.values():
        for number, transform in enumerate(model.transforms):
            for index, engine in enumerate(transform.engines):
                yield f"models/{model.name}.yaml", "engines", engine, ("transforms", number, "engines", index)
