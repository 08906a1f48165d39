"""The steps that lift recipes, each from one version to the next: text to text, comments and layout stay."""

from collections.abc import Iterator, Mapping

from flagrelease.errors import RecipeError
from flagrelease.formats.positions import Mapping as MappingNode
from flagrelease.formats.positions import Scalar, found, path_text
from flagrelease.migrations.edits import Document, Edit, as_mapping, document, edited
from flagrelease.migrations.versions import schema_name


def chip_to_2(text: str, source: str, engines: Mapping[str, str]) -> str:  # noqa: ARG001 - every step has this shape
    """`memory` is called `memory_probe`."""
    doc = document(text, source=source)
    edits = [_schema(doc, "chip", 2)]
    if memory := doc.root.entries.get("memory"):
        edits.append(doc.renamed(memory, "memory_probe"))
    return edited(text, edits)


def model_to_2(text: str, source: str, engines: Mapping[str, str]) -> str:  # noqa: ARG001 - every step has this shape
    """What is new may be left out."""
    doc = document(text, source=source)
    return edited(text, [_schema(doc, "model", 2)])


def bundle_to_2(text: str, source: str, engines: Mapping[str, str]) -> str:
    """`engine` names an engine recipe; `reference` says what kind it is. `engines` is title to name."""
    doc = document(text, source=source)
    edits = [_schema(doc, "bundle", 2)]
    variants = doc.root.entries.get("variants")
    for name, variant in as_mapping(variants.node if variants else None).entries.items():
        edits += _variant(doc, f"variants.{path_text((name,))}", as_mapping(variant.node), engines)
    return edited(text, edits)


def _variant(doc: Document, at: str, variant: MappingNode, engines: Mapping[str, str]) -> Iterator[Edit]:
    engine = variant.entries.get("engine")
    if engine and isinstance(engine.node, Scalar):
        yield doc.replaced(engine.node, engine_name(engine.node, f"{at}.engine", doc.source, engines))
    reference = variant.entries.get("reference")
    written = as_mapping(reference.node if reference else None)
    if "baseline" in written.entries and "kind" not in written.entries:
        first = next(iter(written.entries.values()))
        yield doc.put_before(first, written, "kind: recorded")


def engine_name(written: Scalar, at: str, source: str, engines: Mapping[str, str]) -> str:
    """The name of the engine recipe that has this title. Raises RecipeError when none has it."""
    title = str(written.value)
    if title in engines.values():
        return title
    if title not in engines:
        known = ", ".join(f"'{known}' ({name})" for known, name in engines.items())
        raise RecipeError(
            f"{source}:{written.at.line}:{written.at.column}: {at}: wanted the title of an engine recipe, "
            f"found {found(written)}",
            hint=f"write `recipes/engines/<name>.yaml` with this title; there are: {known or 'none'}",
        )
    return engines[title]


def _schema(doc: Document, kind: str, version: int) -> Edit:
    written = doc.root.entries["schema"].node
    assert isinstance(written, Scalar)
    return doc.replaced(written, schema_name(kind, version))
