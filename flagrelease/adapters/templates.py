"""Jinja, in its sandbox: values never become templates, and a value that is not there is an error."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError, TemplateRuntimeError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from flagrelease.errors import RecipeError
from flagrelease.formats import dockerfile_text


class SandboxedTemplates:
    """`Templates` and `DockerfileTemplates` by Jinja. `{{ value | json }}` writes any value as JSON."""

    def __init__(self) -> None:
        # Not HTML: the one filter that quotes for the format at hand is ours.
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self._environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True)

    def fill(self, text: str, *, name: str, values: dict[str, object]) -> str:
        """The template's text with its values. Raises RecipeError naming the template and the line."""
        return _filled(self._environment, text, name, values)

    def fill_dockerfile(self, text: str, *, name: str, macros: Mapping[str, str], values: Mapping[str, object]) -> str:
        """The same for a Dockerfile, which may import `macros`; a value that no filter has quoted is refused."""
        return _filled(_for_dockerfiles(tuple(sorted(macros.items()))), text, name, values)


def _filled(environment: Environment, text: str, name: str, values: Mapping[str, object]) -> str:
    try:
        return environment.from_string(text).render(values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"{name}:{line}" if line else name
        raise RecipeError(f"{where}: the template cannot be filled: {error.message or error}") from error


@lru_cache(maxsize=8)
def _for_dockerfiles(macros: tuple[tuple[str, str], ...]) -> Environment:
    """One for each set of macros, since these take longer to compile than to fill.

    What a filter returns and what a macro is made of is marked; `finalize` refuses to write anything else.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_only_quoted,
        loader=DictLoader(dict(macros)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: _marked(filled) for name, filled in _QUOTING.items()}
    return environment


_QUOTING: Final[dict[str, Callable[..., str]]] = {
    "exec_form": dockerfile_text.exec_form,
    "run_form": dockerfile_text.run_form,
    "copy_form": dockerfile_text.copy_form,
    "quoted": dockerfile_text.quoted,
    "comment": dockerfile_text.comment,
    "name": dockerfile_text.name_form,
    "number": dockerfile_text.number_form,
    "mode": dockerfile_text.mode_form,
}


def _marked(spell: Callable[..., str]) -> Callable[..., Markup]:
    # Safe by what `spell` does, which the tests try on BuildKit's own parser.
    def marked(*values: Any) -> Markup:
        for value in values:
            if isinstance(value, StrictUndefined):
                str(value)  # raises, naming it
        return Markup(spell(*values))  # noqa: S704

    return marked


def _only_quoted(value: Any) -> Any:
    if isinstance(value, Markup | StrictUndefined):
        return value
    raise TemplateRuntimeError(
        f"it writes {str(value)[:60]!r} as it is; wanted one of the filters {', '.join(sorted(_QUOTING))}"
    )
