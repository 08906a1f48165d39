"""No value changes the structure of a Dockerfile (promise 11): BuildKit's own parser reads back what was meant.

`python -m tests.rendering.figure` tries 100,000 plans and counts; here it is a few hundred.
"""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError

from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.engine_build import Bind, ImagePlan, Step
from flagrelease.errors import RecipeError
from flagrelease.formats.dockerfile_text import LINE_LIMIT, comment, exec_form, quoted
from flagrelease.rendering.dockerfile import env_dockerfile
from tests.rendering.buildkit import Read, Reader, intended
from tests.rendering.conftest import rendered
from tests.rendering.plans import HOSTILE, PLANS

PLAN = ImagePlan(bundle="b", title="t", chip="cpu", sdk="s", architecture="amd64", base="x:1")


@given(PLANS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_buildkit_reads_back_the_plan_and_nothing_else(plan: ImagePlan) -> None:
    text = rendered(plan)
    assert Reader().read(text) == intended(plan)
    # Newer readers look for here-documents in these lines, and for directives in the first.
    assert not [line for line in text.splitlines() if re.match(r"(RUN|COPY|ADD|\s)", line) and "<" in line]
    assert text.startswith("# Written by flagrelease from")


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_piece_is_only_text_wherever_it_stands(piece: str) -> None:
    step = Step(argv=("a", f"b{piece}"), env={"K": piece}, why=f"x\n{piece}")
    plan = PLAN.model_copy(
        update={
            "title": f"{piece}\nRUN x", "env": {"E": piece}, "sdk_env": {"S": f"{piece}\\"}, "checks": (step,),
            "labels": {"l": piece}, "entrypoint": (f"a{piece}", piece), "notes": (piece or "x",),
        }
    )  # fmt: skip
    assert Reader().read(rendered(plan)) == intended(plan)


@pytest.mark.parametrize("value", ["a\nRUN id", "a\r", "\x00", "\x7f", "\ud800"])
def test_what_a_dockerfile_cannot_hold_is_refused_with_its_character(value: str) -> None:
    with pytest.raises(RecipeError, match=r"has the character U\+"):
        rendered(PLAN.model_copy(update={"labels": {"l": value}}))


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (Bind, {"source": "a,target=/etc", "target": "/tmp/x"}), (Bind, {"source": "a", "target": "/tmp/x,rw"}),
        (Bind, {"source": "a", "target": "/tmp/$HOME"}), (Bind, {"source": "a b", "target": "/tmp"}),
        (Bind, {"source": "a", "target": "/tmp/../etc"}), (Bind, {"source": "a", "target": "/x", "from_stage": "A,b"}),
        (Step, {"argv": ("a\nb",)}), (Step, {"argv": ()}), (Step, {"argv": ("a",), "caches": ("/a,b",)}),
        (Step, {"argv": ("a",), "secrets": ("x,env=y",)}), (Step, {"argv": ("a",), "env": {"A B": "c"}}),
    ],
)  # fmt: skip
def test_what_would_change_a_mount_or_a_step_is_no_value_at_all(
    what: type[Step | Bind], value: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        what.model_validate(value)


@pytest.mark.parametrize("base", ["x:1 AS y", "x\nRUN id", "${SDK}", "-x", 'x"', "X"])
def test_a_base_is_a_name_and_no_instruction(base: str) -> None:
    with pytest.raises(ValidationError):
        ImagePlan.model_validate({**PLAN.model_dump(), "base": base})


@pytest.mark.parametrize("label", ["a b", "a=b", "a\nRUN", '"a', "$a"])
def test_a_label_has_a_plain_name(label: str) -> None:
    with pytest.raises(ValidationError):
        ImagePlan.model_validate({**PLAN.model_dump(), "labels": {label: "x"}})
    with pytest.raises(RecipeError, match="wanted a name"):
        rendered(PLAN.model_copy(update={"labels": {label: "x"}}))


def test_a_template_that_writes_a_value_without_a_filter_is_refused_with_its_line() -> None:
    with pytest.raises(RecipeError, match=r"x\.j2: .*wanted one of the filters comment, copy_form, exec_form"):
        SandboxedTemplates().fill_dockerfile("RUN {{ image.title }}", name="x.j2", macros={}, values={"image": PLAN})


@pytest.mark.parametrize(
    "template",
    [
        "{{ image.nothing | quoted }}",
        "{{ image.__class__ | quoted }}",
        "{% include 'x' %}",
        "{{ image.env.update({}) }}",
    ],
)
def test_a_template_reaches_nothing_but_the_plan(template: str) -> None:
    with pytest.raises(RecipeError, match="the template cannot be filled"):
        SandboxedTemplates().fill_dockerfile(template, name="x.j2", macros={}, values={"image": PLAN})


def test_a_line_is_never_longer_than_buildkit_reads() -> None:
    most = exec_form(["寒" * 8000] * 40)
    assert max(len(line.encode()) for line in most.split("\n")) <= LINE_LIMIT
    with pytest.raises(RecipeError, match="bytes, 60,000 is the limit"):
        quoted("x" * LINE_LIMIT)


@pytest.mark.parametrize("text", ["hadolint ignore=DL3002", "escape=`", "shellcheck disable=all", "syntax = x/y"])
def test_a_sentence_of_a_recipe_gives_no_order_to_a_reader(text: str) -> None:
    assert comment(text) == f"# Note: {text}"


def test_the_variables_of_an_sdk_are_added_by_a_dockerfile_of_their_own() -> None:
    read = Reader().read(env_dockerfile("flagrelease/x:sdk", {"B": 'a"$x\\', "A": "/usr/local/Ascend:/b"}))
    assert read == [
        Read("ARG", ("BASE", "flagrelease/x:sdk")), Read("FROM", ("${BASE}",)),
        Read("ENV", ("A", "/usr/local/Ascend:/b")), Read("ENV", ("B", 'a"$x\\')),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [("A B", "x"), ("A", "x\ny"), ("1", "x"), ("A=B", "x"), ("Ä", "x")])
def test_a_variable_that_no_image_can_have_is_refused(name: str, value: str) -> None:
    with pytest.raises(RecipeError):
        env_dockerfile("x:1", {name: value})
