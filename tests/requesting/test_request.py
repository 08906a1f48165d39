"""`flagrelease request`: one mail a contact, in both languages, with what is asked for and what the vendor asks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.recipe import Recipe
from flagrelease.requesting.mail import Language, Mail, mails
from flagrelease.requesting.parts import restricted_parts

ROOT = Path(__file__).parents[2]
BOTH: tuple[Language, ...] = ("en", "zh")


def restricted(what: str, contact: str = "sales@vendor.example", **more: Any) -> dict[str, Any]:
    return {"what": what, "contact": contact, "source": "a card", **more}


@pytest.fixture
def recipe() -> Recipe:
    """A bundle of which every kind of part is restricted."""
    base = Catalogue(ROOT / "recipes").recipe("cpu", "smollm2-135m-instruct")
    data = base.model_dump(mode="json", by_alias=True)
    image = {"image": "registry.example/bundle", "tag": "1"}
    data["sdk"] |= {
        "version": "8.0.0",
        "base": {"kind": "image", "image": "vendor/base", "tag": "8", "os": "x", "restricted": restricted("the base")},
        "installers": [
            {
                "file": "toolkit_{version}.run", "purpose": "toolkit", "restricted": restricted("compiler"),
                "source": "x",
            },
            {
                "file": "arm.run", "purpose": "toolkit", "architecture": "arm64", "restricted": restricted("other"),
                "source": "x",
            },
        ],
    }  # fmt: skip
    data["variant"] |= {
        "image": {"pulled": image, "run": image, "restricted": restricted("the image", "ask in the portal")},
        "components": {
            "atb": {
                "title": "ATB", "version": "1.2", "provenance": "x",
                "source": {"kind": "archive", "file": "atb.tar.gz", "restricted": restricted("models")},
                "patches": {"chip": "cpu", "base": "0123456789ab", "restricted": restricted("the vendor's changes")},
            }
        },
    }  # fmt: skip
    data["weights"]["restricted"] = restricted("the weights", "owner@model.example", fields=["unit"])
    return Recipe.model_validate_json(json.dumps(data), strict=True)


def write(recipe: Recipe, languages: tuple[Language, ...] = BOTH, **filled: str) -> list[Mail]:
    return mails(
        restricted_parts(recipe), model="A model", chip="A chip", bundles=[recipe.name], languages=languages,
        filled=filled, templates=SandboxedTemplates(),
    )  # fmt: skip


def test_every_restricted_part_is_in_the_mail_to_its_contact(recipe: Recipe) -> None:
    by_contact = {mail.contact: mail for mail in write(recipe)}
    assert list(by_contact) == ["sales@vendor.example", "ask in the portal", "owner@model.example"]
    vendor = by_contact["sales@vendor.example"]
    assert [(part.name, part.version) for part in vendor.parts] == [
        ("vendor/base", "8"),
        ("toolkit_8.0.0.run", "8.0.0"),
        ("atb.tar.gz", "1.2"),
        ("patches on ATB", "base commit 0123456789ab"),
    ]
    for text in ("1. vendor/base (8)", "for: the base", "4. patches on ATB", "用途：the vendor's changes", "SHA-256"):
        assert text in vendor.body
    assert vendor.subject == (
        "Request for restricted parts of A model on A chip / 申请 A model（A chip）所需的受限内容"
    )
    assert vendor.addresses == ("sales@vendor.example",)
    assert by_contact["ask in the portal"].addresses == ()


def test_a_part_for_another_architecture_is_not_asked_for(recipe: Recipe) -> None:
    assert "arm.run" not in write(recipe)[0].body


def test_a_mail_in_one_language_has_nothing_of_the_other(recipe: Recipe) -> None:
    assert "用途" not in write(recipe, ("en",))[0].body
    assert "Dear" not in write(recipe, ("zh",))[0].body


def test_a_field_that_is_filled_in_is_so_in_both_languages(recipe: Recipe) -> None:
    data = recipe.model_dump(mode="json", by_alias=True)
    data["weights"]["restricted"] |= {"fields": ["unit", "needs"], "fields_zh": ["单位", "具体需求"]}
    changed = Recipe.model_validate_json(json.dumps(data), strict=True)
    mail = write(changed, Unit="An institute")[-1]
    assert "   unit: An institute\n   needs: ___" in mail.body
    assert "   单位：An institute\n   具体需求：___" in mail.body
    assert mail.fields == {"unit": "An institute", "needs": "", "单位": "An institute", "具体需求": ""}
    assert write(changed, 单位="An institute")[-1].body == mail.body


def test_no_text_of_a_recipe_begins_a_header_or_becomes_a_template(recipe: Recipe) -> None:
    data = recipe.model_dump(mode="json", by_alias=True)
    data["weights"]["restricted"] |= {"what": "a\nBcc: x@y.example\n{{ 7 * 7 }}", "contact": "a@b.example\nBcc: c"}
    mail = write(Recipe.model_validate_json(json.dumps(data), strict=True))[-1]
    assert "for: a Bcc: x@y.example {{ 7 * 7 }}" in mail.body
    assert "\n" not in mail.subject + mail.contact


def request(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flagrelease", "request", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_published_bundle_is_asked_for_with_the_five_fields_of_its_card() -> None:
    words = ("--chip", "cambricon_mlu", "--model", "minicpm-o-2.6")
    done = request(*words, "--field", "Organisation=An institute", "--json")
    assert done.returncode == 0, done.stderr
    (mail,) = json.loads(done.stdout)
    assert mail["addresses"] == ["ecosystem@cambricon.com"]
    assert (mail["fields"]["organisation"], mail["fields"]["单位"]) == ("An institute", "An institute")
    assert len(mail["fields"]) == 10
    assert {"联系人", "联系方式", "设备来源", "具体需求"} <= set(mail["fields"])
    assert mail["parts"][0]["name"] == "zhiyuan_vllm"
    text = request(*words).stdout
    assert text.startswith("To: ecosystem@cambricon.com\nSubject: Request for restricted parts of MiniCPM-o 2.6")


def test_a_bundle_of_which_nothing_is_restricted_needs_no_mail() -> None:
    done = request("--chip", "cpu", "--model", "smollm2-135m-instruct")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing of cpu-smollm2-135m-instruct-llamacpp is restricted: no mail is needed" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--language", "fr"), "wanted en, zh or both"),
        (("--field", "organisation"), "wanted NAME=VALUE"),
        (("--field", "colour=red"), "no vendor asks for it; wanted organisation"),
    ],
)
def test_a_wrong_option_ends_with_2(words: tuple[str, ...], message: str) -> None:
    done = request("--chip", "cambricon_mlu", "--model", "minicpm-o-2.6", *words)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
