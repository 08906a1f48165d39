"""What `run --print` writes: no value of a recipe becomes a part of its structure, in any of the formats."""

import re
import shlex
from typing import Any

import pytest
import yaml
from hypothesis import given

from flagrelease.cli.running.printing import as_text
from flagrelease.errors import RecipeError
from flagrelease.launch.compose import compose_service
from flagrelease.launch.container import docker_words
from flagrelease.launch.kubernetes import pod
from flagrelease.launch.start import Note, Start
from tests.launch import quadlet_reader
from tests.launch.a_start import starts


def undoubled(tree: Any) -> Any:
    """As Compose and Kubernetes read a tree: a variable is not filled in where `$` is doubled."""
    match tree:
        case str():
            assert "$" not in tree.replace("$$", ""), f"something would be put in the place of {tree!r}"
            return tree.replace("$$", "$")
        case dict():
            return {key: undoubled(value) for key, value in tree.items()}
        case list():
            return [undoubled(value) for value in tree]
        case _:
            return tree


@given(starts())
def test_a_shell_reads_the_docker_command_as_the_words_that_it_is(start: Start) -> None:
    assert tuple(shlex.split(as_text(start, "docker"), comments=False)) == docker_words(start)
    assert docker_words(start)[-len(start.command) :] == start.command


@given(starts())
def test_a_compose_file_is_read_as_the_tree_that_it_is(start: Start) -> None:
    read = yaml.safe_load(as_text(start, "compose"))
    assert set(read) == {"name", "services"}
    service = undoubled(read["services"]["bundle"])
    assert service == compose_service(start)
    assert service["command"] == list(start.command)
    assert service.get("environment", {}) == start.env
    assert [(one["source"], one["target"]) for one in service["volumes"]] == [
        (mount.source, mount.target) for mount in start.mounts
    ]


@given(starts())
def test_a_kubernetes_manifest_is_read_as_the_tree_that_it_is(start: Start) -> None:
    read = yaml.safe_load(as_text(start, "k8s"))
    assert read == pod(start)
    (container,) = read["spec"]["containers"]
    assert undoubled(container["args"]) == list(start.command)
    assert {one["name"]: undoubled(one["value"]) for one in container.get("env", [])} == start.env


def unquoted(start: Start) -> list[str]:
    """What stands where a unit of systemd knows no quotes."""
    return [*start.entrypoint[:1], *(place for mount in start.mounts for place in (mount.source, str(mount.target)))]


@given(starts())
def test_a_unit_is_read_as_the_keys_that_it_is_or_is_refused(start: Start) -> None:
    if not all(re.fullmatch(r"[A-Za-z0-9._/@:=,+{}-]+", word) for word in unquoted(start)):
        with pytest.raises(RecipeError, match="knows no quotes"):
            as_text(start, "quadlet")
        return
    text = as_text(start, "quadlet")
    sections = quadlet_reader.read(text)
    assert list(sections) == ["Unit", "Container", "Service"]
    keys = [key for key, _ in sections["Container"]]
    env = [quadlet_reader.words(value) for key, value in sections["Container"] if key == "Environment"]
    assert env == [[f"{name}={value}"] for name, value in sorted(start.env.items())]
    (ran,) = [quadlet_reader.words(value) for key, value in sections["Container"] if key == "Exec"]
    assert ran == [*start.entrypoint[1:], *start.command]
    assert "PodmanArgs" not in keys


def test_a_unit_holds_variables_and_words_whatever_they_are(nasty: str) -> None:
    start = Start(image="i", title="t r1", env={"A": nasty}, command=(nasty, "--x"))
    sections = quadlet_reader.read(as_text(start, "quadlet"))
    found = dict(sections["Container"])
    assert quadlet_reader.words(found["Environment"]) == [f"A={nasty}"]
    assert quadlet_reader.words(found["Exec"]) == [nasty, "--x"]


@pytest.fixture(params=["%h/.ssh", "$HOME", "a\\nb", 'a" --privileged "', "' -v /:/host '", "é\u2028[Service]", "a=b"])
def nasty(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("form", ["docker", "compose", "quadlet", "k8s"])
@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x0c"])
def test_a_reason_of_several_lines_stays_a_comment(form: str, end: str) -> None:
    start = Start(image="i", title="t r1", command=("x",), notes=(Note.model_construct(what="a", why=f"b{end}c: d"),))
    lines = as_text(start, form).splitlines()
    assert "# c: d" in lines
    assert "c: d" not in lines
    if form in ("compose", "k8s"):
        plain = Start(image="i", title="t r1", command=("x",))
        assert yaml.safe_load(as_text(start, form)) == yaml.safe_load(as_text(plain, form))


@pytest.mark.parametrize("form", ["compose", "quadlet", "k8s"])
def test_a_program_in_the_place_of_docker_is_refused_where_there_is_no_place_for_it(form: str) -> None:
    start = Start(program="metax-docker", image="i", title="t r1", command=("x",))
    with pytest.raises(RecipeError) as raised:
        as_text(start, form)
    assert "metax-docker" in raised.value.message
    assert "--access raw" in raised.value.hint


@pytest.mark.parametrize("image", ["a b", "a\nb", ""])
def test_an_image_is_one_word(image: str) -> None:
    with pytest.raises(ValueError, match="image"):
        Start(image=image, title="t r1")
