"""What a container of each chip is given: named devices, no privileges, weights that it cannot change.

`python -m tests.launch.test_least_privilege` prints the table.
"""

import sys

import pytest
import yaml

from flagrelease.cli.running.printing import as_text
from flagrelease.errors import RecipeError
from flagrelease.launch.container import docker_words
from flagrelease.launch.start import Start, Way, start_of
from tests.launch.a_start import CATALOGUE, CHIPS, spec_of
from tests.launch.docker_run import parse

WIDER = {"sunrise": {"raw"}, "enflame_s60": {"raw"}}
"""Ways that are privileged: the vendor states no narrower one, and the recipe says so."""


def ways_of(name: str) -> list[Way]:
    container = CATALOGUE.chip(name).container
    if container is None:
        return ["raw"]
    there: list[Way] = []
    there += ["raw"] if container.raw else []
    there += ["toolkit"] if container.toolkit else []
    return there


def start_on(name: str, way: Way, *, devices: int = 1) -> Start:
    return start_of(spec_of(CATALOGUE.chip(name), way=way, devices=devices), image="i", ours=True)


each_way = pytest.mark.parametrize(("name", "way"), [(name, way) for name in CHIPS for way in ways_of(name)])


@each_way
def test_no_container_is_privileged_but_where_the_recipe_says_why(name: str, way: Way) -> None:
    start = start_on(name, way)
    options = parse(("docker", *docker_words(start)[1:])).options
    assert ("privileged" in options) == (way in WIDER.get(name, set()))
    if "privileged" in options:
        assert "privileged" in {note.what for note in start.notes}
    else:
        assert options["cap-drop"] == {"ALL"}
    assert "no-new-privileges" in options["security-opt"]


@each_way
def test_every_container_has_its_own_processes_memory_and_network(name: str, way: Way) -> None:
    start = start_on(name, way)
    options = parse(("docker", *docker_words(start)[1:])).options
    assert not {"pid", "ipc"} & set(options)
    if "network" in options:
        assert "network" in {note.what for note in start.notes}
    else:
        assert options["publish"] == {"127.0.0.1:8000:8000"}


@each_way
def test_whatever_is_mounted_is_read_only_but_where_the_recipe_says_why(name: str, way: Way) -> None:
    start = start_on(name, way)
    assert {mount.source for mount in start.mounts if not mount.read_only} <= {"/dev"}
    assert all(mount.why for mount in start.mounts)
    assert [mount.source for mount in start.mounts if mount.read_only][-1] == "/weights"


@each_way
def test_whatever_is_wider_has_its_reason_in_the_print(name: str, way: Way) -> None:
    container = CATALOGUE.chip(name).container
    access = (container.raw if way == "raw" else container.toolkit) if container else None
    for form in ("docker", "k8s"):
        try:
            text = as_text(start_on(name, way), form)
        except RecipeError:
            continue
        for what in access.why if access else ():
            assert f"# {what}: " in text


@each_way
def test_compose_and_kubernetes_give_no_more_than_docker(name: str, way: Way) -> None:
    start = start_on(name, way)
    if start.program != "docker":
        return
    service = yaml.safe_load(as_text(start, "compose"))["services"]["bundle"]
    (container,) = yaml.safe_load(as_text(start, "k8s"))["spec"]["containers"]
    assert service.get("privileged", False) is container["securityContext"].get("privileged", False) is start.privileged
    if not start.privileged:
        assert service["cap_drop"] == container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert service["security_opt"][0] == "no-new-privileges:true"


def test_a_card_of_two_dies_is_two_devices() -> None:
    start = start_on("ascend_300i_duo", "raw", devices=4)  # two cards
    assert [device for device in start.devices if device[-1].isdigit()] == [f"/dev/davinci{die}" for die in range(4)]
    assert start_on("ascend_300i_duo", "toolkit", devices=2).env["ASCEND_VISIBLE_DEVICES"] == "0,1"


def table() -> str:
    """Chips and their ways, and which of them are privileged."""
    rows = ["| chip | raw | toolkit |", "|---|---|---|"]
    for name in CHIPS:
        cells = {way: "privileged" if start_on(name, way).privileged else "no" for way in ways_of(name)}
        rows.append(f"| {name} | {cells.get('raw', '-')} | {cells.get('toolkit', '-')} |")
    least = [name for name in CHIPS if any(not start_on(name, way).privileged for way in ways_of(name))]
    return "\n".join([*rows, "", f"{len(least)} of {len(CHIPS)} chips without --privileged"])


def test_the_table_counts_the_chips_that_need_no_privileges() -> None:
    assert f"{len(CHIPS) - 1} of {len(CHIPS)} chips without --privileged" in table()
    assert "| sunrise | privileged | - |" in table()
    assert "| enflame_s60 | privileged | no |" in table()


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
