"""A plan as the text of a Dockerfile, by the chip's template.

Who builds it names one of its targets. `sdk-steps` is the chip's SDK; what its shell files set is added by
`env_dockerfile`, and that image is passed on as the build argument SDK. `wheels` are the kernel libraries and nothing
else, `<component>/*.whl`; `wheels-<component>` are those of one, `*.whl`. `image` is the bundle.
"""

from collections.abc import Mapping
from typing import Final

from flagrelease.domain.engine_build import ImagePlan
from flagrelease.domain.recipe import DOCKERFILE, MACROS
from flagrelease.engine_ports import DockerfileTemplates
from flagrelease.errors import RecipeError
from flagrelease.formats.dockerfile_text import quoted

SDK_TARGET: Final = "sdk-steps"
WHEELS_TARGET: Final = "wheels"
IMAGE_TARGET: Final = "image"


def render_dockerfile(templates: DockerfileTemplates, plan: ImagePlan, template: str, macros: str) -> str:
    """The Dockerfile's text.

    Raises:
        RecipeError: the template cannot be filled, writes a value without a filter that quotes it, or a value cannot
            stand in a Dockerfile at all.
    """
    name = f"dockerfiles/{plan.chip}{DOCKERFILE}"
    text = templates.fill_dockerfile(template, name=name, macros={MACROS: macros}, values={"image": plan})
    lines = [line.rstrip() for line in text.split("\n")]
    # Empty lines come from tags of the template: one of them is enough.
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(kept).strip("\n") + "\n"


def env_dockerfile(base: str, env: Mapping[str, str]) -> str:
    """A Dockerfile that adds variables to an image by its tag, in the order of their names.

    Raises:
        RecipeError: a name is none, or a value cannot stand in a Dockerfile.
    """
    for name in env:
        if not (name.isascii() and name.isidentifier()):
            raise RecipeError(
                f"wanted the name of a variable, found {name[:60]!r}",
                hint="look at the SDK's file of variables: only what it sets under plain names can be kept",
            )
    lines = (f"ENV {name}={quoted(value)}\n" for name, value in sorted(env.items()))
    return f"# Variables that files of the image below set.\nARG BASE={quoted(base)}\nFROM ${{BASE}}\n{''.join(lines)}"
