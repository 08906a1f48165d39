"""One mail a contact, in English, Chinese or both, written from templates beside this file."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal

from flagrelease.ports import Templates
from flagrelease.requesting.parts import Part

Language = Literal["en", "zh"]
_Fill = Callable[[Language, Mapping[str, object]], tuple[str, str]]

_BLANK: Final = "______________"
_BETWEEN: Final = "\n----\n\n"
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What to send to whom. `fields` are what the vendor wants to know, with what is filled in already."""

    contact: str
    addresses: tuple[str, ...]
    subject: str
    body: str
    parts: tuple[Part, ...]
    fields: Mapping[str, str]


def asked_fields(parts: Iterable[Part]) -> list[str]:
    """Everything that vendors want to know, by its names in both languages."""
    return list(dict.fromkeys(field for part in parts for field in (*part.fields, *part.fields_zh)))


def mails(
    parts: Iterable[Part],
    *,
    model: str,
    chip: str,
    bundles: Iterable[str],
    languages: tuple[Language, ...],
    filled: Mapping[str, str],
    templates: Templates,
) -> list[Mail]:
    """One mail a contact; `model` and `chip` are titles, `filled` the answers by field, whatever its case."""
    by_contact: dict[str, list[Part]] = {}
    for part in parts:
        by_contact.setdefault(part.contact, []).append(part)
    about: dict[str, object] = {"model": model, "chip": chip, "bundles": ", ".join(bundles), "blank": _BLANK}

    def fill(language: Language, values: Mapping[str, object]) -> tuple[str, str]:
        """Subject and body: the template's first line, and what follows it."""
        name = f"mail.{language}.txt.j2"
        text = (files("flagrelease.requesting") / name).read_text(encoding="utf-8")
        subject, _, body = templates.fill(text, name=name, values={**about, **values}).partition("\n")
        return subject, body.lstrip("\n")

    return [_mail(contact, asked, languages, filled, fill) for contact, asked in by_contact.items()]


def _mail(
    contact: str, parts: list[Part], languages: tuple[Language, ...], filled: Mapping[str, str], fill: _Fill
) -> Mail:
    answers = _answers(parts, filled)
    written = [
        fill(
            language,
            {
                "parts": [{"label": _label(part), "uses": _uses(part, language)} for part in parts],
                "fields": [(name, answers.get(name) or _BLANK) for name in _fields(parts, language)],
            },
        )
        for language in languages
    ]
    return Mail(
        contact=contact,
        addresses=tuple(_ADDRESS.findall(contact)),
        subject=" / ".join(subject for subject, _ in written),
        body=_BETWEEN.join(body for _, body in written),
        parts=tuple(parts),
        fields={name: answers.get(name, "") for language in languages for name in _fields(parts, language)},
    )


def _fields(parts: list[Part], language: Language) -> list[str]:
    """What this vendor asks; in the other language where there are none in this one."""
    wanted = [part.fields or part.fields_zh if language == "en" else part.fields_zh or part.fields for part in parts]
    return list(dict.fromkeys(field for fields in wanted for field in fields))


def _answers(parts: list[Part], filled: Mapping[str, str]) -> dict[str, str]:
    """What is filled in, by the field's name in each language: the lists of both are in the same order."""
    found = {}
    lower = {name.casefold(): value for name, value in filled.items()}
    for part in parts:
        both = zip(part.fields, part.fields_zh, strict=True) if len(part.fields) == len(part.fields_zh) else ()
        same = {name: other for en, zh in both for name, other in ((en, zh), (zh, en))}
        for name in (*part.fields, *part.fields_zh):
            value = lower.get(name.casefold()) or lower.get(same.get(name, name).casefold())
            if value:
                found[name] = value
    return found


def _label(part: Part) -> str:
    return f"{part.name} ({part.version})" if part.version else part.name


def _uses(part: Part, language: Language) -> list[str]:
    return list(part.uses if language == "en" else part.uses_zh)
