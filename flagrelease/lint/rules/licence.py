"""Whether the licence allows what a bundle does with its weights."""

from collections.abc import Iterator

from flagrelease.domain.model import Licence
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView


@rule(
    "FR401",
    "error",
    "a commercial bundle of weights that do not allow it",
    why=(
        "MiniCPM-2B's weights are free for research, and for commercial use after registration. The pipeline's card "
        "template says Apache-2.0 for all weights, whatever their licence."
    ),
    hint="take `commercial` out of `uses`, or register with the licence's contact and waive this with the certificate",
    bad={
        "variant.uses": ["commercial"],
        "model.licence.commercial_use": "forbidden",
        "model.licence.terms": "Research only.",
    },
    good={"variant.uses": ["commercial"], "model.licence.commercial_use": "allowed"},
)
def commercial(project: Project) -> Iterator[Found]:
    """Forbidden and unstated are errors; a registration cannot be seen from here, so it is asked for."""
    for one in project.variants:
        licence = one.model.licence if one.model else None
        if licence and "commercial" in one.variant.uses and licence.commercial_use != "allowed":
            text = f"`{licence.name}`: commercial use is {licence.commercial_use.replace('_', ' ')}{_contact(licence)}"
            yield one.found("uses", text=text)


@rule(
    "FR402",
    "error",
    "weights are passed on against their licence",
    why=(
        "An image or a hub repository that holds weights publishes them again. A licence that says nothing of it does "
        "not allow it, and the General Model License asks for a registration."
    ),
    hint=(
        "leave the weights out of what is published (`weights_in: mount`, no `hub`), or get the permission and waive "
        "this"
    ),
    bad={"variant.uses": ["research", "republish"], "model.licence.republish": "unstated"},
    good={"variant.uses": ["research", "republish"], "model.licence.republish": "allowed"},
)
def republish(project: Project) -> Iterator[Found]:
    """`republish` among the uses, where the licence forbids it, asks for registration, or does not say."""
    for one in project.variants:
        licence = one.model.licence if one.model else None
        if licence and "republish" in one.variant.uses and licence.republish not in ("allowed", "with_attribution"):
            text = (
                f"`{licence.name}`: passing the weights on is {licence.republish.replace('_', ' ')}{_contact(licence)}"
            )
            yield one.found("uses", text=text)


@rule(
    "FR403",
    "warning",
    "weights are published without saying so",
    why=(
        "FlagRelease's hub repositories hold copies of the weights, so such a bundle republishes them; whether it may "
        "is asked only where `uses` says so."
    ),
    hint="add `republish` to `uses`, or take `hub` out",
    bad={"variant.hub": {"modelscope": "owner/tiny-alpha"}},
    good={"variant.hub": {"modelscope": "owner/tiny-alpha"}, "variant.uses": ["research", "republish"]},
)
def silent_republish(project: Project) -> Iterator[Found]:
    """A hub repository for the bundle's weights, and no `republish`."""
    for one in project.variants:
        hub = one.variant.hub
        if hub and (hub.modelscope or hub.huggingface) and "republish" not in one.variant.uses:
            text = f"weights and card go to `{hub.modelscope or hub.huggingface}`, and `uses` has no `republish`"
            yield one.found("hub", text=text)


@rule(
    "FR404",
    "warning",
    "a licence without its terms",
    why=(
        "MiniCPM-2B's licence reads differently in its two languages, and its name says nothing of registration. Where "
        "commercial use is not simply allowed, a user has to read the terms on the card."
    ),
    hint="write the `terms`, and the `contact` where a registration is asked for",
    bad={"model.licence.commercial_use": "forbidden"},
    good={
        "model.licence.commercial_use": "forbidden",
        "model.licence.terms": "Research only, with a note of the source.",
    },
)
def no_terms(project: Project) -> Iterator[Found]:
    """Licences that restrict commercial use and state no terms; registration without somebody to register with."""
    for name, model in project.recipes.models.items():
        for field in ("licence", "code_licence"):
            licence = getattr(model, field)
            if isinstance(licence, Licence) and (lacking := _lacking(licence)):
                file = f"models/{name}.yaml"
                text = f"commercial use is {licence.commercial_use.replace('_', ' ')}, and there is no {lacking}"
                yield Found(file=file, key=(field,), text=text, cells=project.users(file))


def _lacking(licence: Licence) -> str:
    if licence.commercial_use == "allowed":
        return ""
    if licence.commercial_use == "after_registration" and licence.contact is None:
        return "`contact` to register with"
    return "" if licence.terms or licence.terms_zh else "text of its `terms`"


@rule(
    "FR405",
    "warning",
    "an attribution that nobody writes down",
    why=(
        "A licence that asks for a statement of the source is kept by a card that states it, not by a field that knows "
        "of it."
    ),
    hint="write the statement into the variant's or the model's `note`, which the card shows",
    bad={"variant.uses": ["research", "republish"], "model.licence.attribution": True},
    good={
        "variant.uses": ["research", "republish"], "model.licence.attribution": True,
        "variant.note": "The weights are Tiny by its makers.",
    },
)  # fmt: skip
def no_attribution(project: Project) -> Iterator[Found]:
    """Weights that are passed on, whose licence asks for attribution, without any note."""
    for one in project.variants:
        if _asks_attribution(one) and one.variant.note is None and (one.model is None or one.model.note is None):
            yield one.found("uses", text="the licence asks for attribution, and neither bundle nor model has a note")


def _asks_attribution(one: VariantView) -> bool:
    licence = one.model.licence if one.model else None
    asks = licence is not None and (licence.attribution or licence.republish == "with_attribution")
    return asks and "republish" in one.variant.uses


@rule(
    "FR406",
    "warning",
    "a licence that nobody can look up",
    why=(
        "A name in a maker's own words (`General Model License`) is found by nobody without its terms, and tools that "
        "collect licences know SPDX identifiers only."
    ),
    hint="write the SPDX identifier, or the `terms`",
    bad={"model.licence.name": "the usual one"},
    good={"model.licence.name": "the usual one", "model.licence.terms": "Do what you like."},
)
def unknown_licence(project: Project) -> Iterator[Found]:
    """Names with a space in them, which no SPDX identifier has, and no terms."""
    for name, model in project.recipes.models.items():
        licence = model.licence
        known = " " not in licence.name or licence.terms or licence.terms_zh
        if not known and licence.commercial_use == "allowed":
            file = f"models/{name}.yaml"
            text = f"`{licence.name}` is no SPDX identifier, and there are no terms"
            yield Found(file=file, key=("licence", "name"), text=text, cells=project.users(file))


def _contact(licence: Licence) -> str:
    return f"; ask {licence.contact}" if licence.contact else ""
