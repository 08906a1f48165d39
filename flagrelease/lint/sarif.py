"""The report as SARIF 2.1.0 (OASIS), which code review shows beside the lines."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from flagrelease import __version__
from flagrelease.formats.canonical import sha256_of
from flagrelease.lint.report import Finding, Report
from flagrelease.lint.rule import Rule

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report, rules: Sequence[Rule]) -> dict[str, Any]:
    """The whole log. What waivers silence is there as suppressed, with their reasons."""
    index = {rule.id: number for number, rule in enumerate(rules)}
    results = [_result(one, index[one.rule.id]) for one in (*report.findings, *report.waived)]
    driver = {
        "name": "flagrelease",
        "semanticVersion": __version__,
        "rules": [_descriptor(rule) for rule in rules],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.check.__name__,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\nWhat to do: {rule.hint}."},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(one: Finding, index: int) -> dict[str, Any]:
    place = one.place
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line, "startColumn": place.column},
        },
    } | ({"logicalLocations": [{"fullyQualifiedName": one.key}]} if one.key else {})
    result: dict[str, Any] = {
        "ruleId": one.rule.id,
        "ruleIndex": index,
        "level": one.severity,
        "message": {"text": f"{one.text}. What to do: {one.hint}"},
        "locations": [location],
        # Lines move; what is said about which key does not.
        "partialFingerprints": {"finding/v1": sha256_of([one.rule.id, place.file, one.key, one.text])},
    }
    if one.waivers:
        result["suppressions"] = [
            {"kind": "inSource", "status": "accepted", "justification": _justified(waiver.reason, waiver.owner)}
            for waiver in one.waivers
        ]
    return result


def _uri(file: str) -> str:
    return f"file://{quote(file)}" if file.startswith("/") else quote(file)


def _justified(reason: str, owner: str) -> str:
    return f"{reason} ({owner})"
