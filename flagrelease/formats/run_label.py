"""The label by which an image says how it is run: a RunSpec and its one spelling."""

from flagrelease.domain.run_spec import RUN_LABEL, RunSpec
from flagrelease.errors import BuildError, RecipeError
from flagrelease.formats.canonical import canonical_json
from flagrelease.formats.strict import decode_json

MAX_LABEL_BYTES = 96 * 1024
"""More than 500 files of weights; as one word of a command line Linux takes 128 KiB (execve(2), MAX_ARG_STRLEN)."""


def run_label(spec: RunSpec) -> str:
    """The label's text. What is as it is by default is left out.

    Raises:
        BuildError: it would be longer than its readers take.
    """
    text = canonical_json(spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=False))
    if len(text) > MAX_LABEL_BYTES:
        raise BuildError(
            f"the label {RUN_LABEL} of {spec.bundle} would have {len(text)} bytes, wanted at most {MAX_LABEL_BYTES}",
            hint=f"its weights are {len(spec.weights.files)} files: publish them in fewer",
        )
    return text.decode()


def read_run_label(text: str, *, source: str) -> RunSpec:
    """What a label says; `source` is what messages call the image.

    Raises:
        BuildError: it is too long, no JSON, of another version, or says what cannot be.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_LABEL_BYTES:
        raise BuildError(f"the label {RUN_LABEL} of {source} has {size} bytes, wanted at most {MAX_LABEL_BYTES}")
    try:
        return decode_json(text, RunSpec, source=f"{source}, label {RUN_LABEL}")
    except RecipeError as error:
        hint = "run it with the flagrelease that made the image, or ask whoever published it for another"
        raise BuildError(error.message, hint=hint) from error
