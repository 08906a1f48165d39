"""Jinja, in its sandbox: values never become templates, and a value that is not there is an error."""

import json

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from flagrelease.errors import RecipeError


class SandboxedTemplates:
    """`ports.Templates` by Jinja. `{{ value | json }}` writes a value as JSON, whatever it holds."""

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
        try:
            return self._environment.from_string(text).render(values)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            where = f"{name}:{line}" if line else name
            raise RecipeError(f"{where}: the template cannot be filled: {error.message or error}") from error
