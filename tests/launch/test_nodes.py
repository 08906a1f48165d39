"""A bundle on several machines: the rank table or hostfile, and the command of each machine."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.cli.running.asked import Asked
from flagrelease.cli.running.printing import print_start, starts_of
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.run_spec import Devices, RunSpec
from flagrelease.errors import RecipeError
from flagrelease.launch.container import docker_words
from flagrelease.launch.nodes import hostfile, parse_nodes, rank_table
from flagrelease.launch.spec import run_spec
from tests.launch.a_start import CATALOGUE, spec_of
from tests.launch.docker_run import parse

HCCL = ("10.0.0.1=192.168.100.100,192.168.100.101", "10.0.0.2=192.168.100.102,192.168.100.103")


def spec(chip: str = "ascend_800i_a2", *, nodes: int = 2, world: int = 4, collective: str | None = "HCCL") -> RunSpec:
    devices = Devices(world_size=world, nodes=nodes, collective=collective)
    return spec_of(CATALOGUE.chip(chip)).model_copy(update={"devices": devices, "master_ports": (20000, 20050)})


def printed(form: str, named: tuple[str, ...], capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    print_start(spec(**how), Asked(nodes=named), form, image="i", ours=True, json=False)
    return capsys.readouterr().out


def test_a_rank_table_has_every_device_once_with_its_rank(capsys: pytest.CaptureFixture[str]) -> None:
    table = json.loads(printed("rank-table", HCCL, capsys))
    assert (table["version"], table["server_count"], table["status"]) == ("1.0", "2", "completed")
    assert [server["server_id"] for server in table["server_list"]] == ["10.0.0.1", "10.0.0.2"]
    devices = [device for server in table["server_list"] for device in server["device"]]
    assert [device["rank_id"] for device in devices] == ["0", "1", "2", "3"]
    assert [device["device_id"] for device in devices] == ["0", "1", "0", "1"]
    assert [device["device_ip"] for device in devices] == [f"192.168.100.10{number}" for number in range(4)]


def test_each_machine_has_its_own_command_and_the_same_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in printed("docker", HCCL, capsys).splitlines() if line and not line.startswith("#")]
    runs = [parse(tuple(shlex.split(line))) for line in lines]
    assert len(runs) == 2
    for rank, run in enumerate(runs):
        env = dict(word.split("=", 1) for word in run.options["env"])
        assert (env["NODE_RANK"], env["NNODES"], env["MASTER_ADDR"]) == (str(rank), "2", "10.0.0.1")
        assert (env["MASTER_PORT"], env["WORLD_SIZE"]) == ("20000", "4")
        assert f"{env['RANK_TABLE_FILE']}:{env['RANK_TABLE_FILE']}:ro" in run.options["volume"]
        assert {"/dev/davinci0", "/dev/davinci1"} < run.options["device"]
        assert "/dev/davinci2" not in run.options["device"]
        assert run.options["network"] == {"host"}
        assert "privileged" not in run.options


def test_the_network_of_the_host_has_its_reason() -> None:
    for start in starts_of(spec(), Asked(nodes=HCCL), image="i", ours=True):
        assert "network" in {note.what for note in start.notes}


def test_a_hostfile_has_a_line_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    how: dict[str, Any] = {"chip": "nvidia_cuda", "collective": "NCCL", "world": 16}
    assert printed("hostfile", ("10.0.0.1", "node-2.lan"), capsys, **how) == "10.0.0.1 slots=8\nnode-2.lan slots=8\n"


@pytest.mark.parametrize(
    ("form", "nodes", "how", "told"),
    [
        ("docker", (), {}, "runs on 2 machines, found 0 --node"),
        ("docker", HCCL[:1], {}, "found 1 --node"),
        ("rank-table", (*HCCL, "10.0.0.3=1.1.1.1,1.1.1.2"), {}, "found 3 --node"),
        ("rank-table", (HCCL[0], HCCL[0]), {}, "named twice"),
        ("rank-table", (HCCL[0], "10.0.0.2=192.168.100.100,192.168.100.9"), {}, "192.168.100.100 is named twice"),
        ("rank-table", (HCCL[0], "10.0.0.2=192.168.100.9"), {}, "wanted the addresses of 2 devices"),
        ("rank-table", (HCCL[0], "node-2=1.1.1.1,1.1.1.2"), {}, "is no IP address"),
        ("rank-table", ("a", "b"), {"chip": "nvidia_cuda", "collective": "NCCL"}, "reads no rank table"),
        ("hostfile", ("a b", "c"), {"chip": "nvidia_cuda", "collective": "NCCL"}, "no machine's address"),
        ("hostfile", ("a slots=9\nb", "c"), {"chip": "nvidia_cuda", "collective": "NCCL"}, "no machine's address"),
        ("rank-table", (), {"nodes": 1}, "needs no rank-table"),
        ("docker", ("10.0.0.1", "10.0.0.2"), {"nodes": 1}, "runs on 1 machine, found 2 --node"),
        ("compose", HCCL, {}, "file is one machine's"),
        ("k8s", HCCL, {}, "file is one machine's"),
    ],
)
def test_machines_that_cannot_be_are_refused(
    form: str, nodes: tuple[str, ...], how: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RecipeError) as raised:
        printed(form, nodes, capsys, **how)
    assert told in raised.value.message
    assert capsys.readouterr().out == ""


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2))
def test_no_address_becomes_another_line_or_key(texts: list[str]) -> None:
    for one in (spec(), spec("nvidia_cuda", collective="NCCL")):
        try:
            nodes = parse_nodes(one, texts)
        except RecipeError:
            continue
        assert len(hostfile(one, nodes).splitlines()) == 2
        if one.devices.collective == "HCCL":
            assert len(json.loads(rank_table(one, nodes))["server_list"]) == 2


def changed(recipe: Recipe, **parallel: int) -> Recipe:
    variant = recipe.variant.model_copy(update={"parallel": recipe.variant.parallel.model_copy(update=parallel)})
    return recipe.model_copy(update={"variant": variant})


def test_a_family_that_the_engine_runs_on_one_machine_is_refused_on_several() -> None:
    recipe = changed(CATALOGUE.recipe("ascend_800i_a2", "deepseek-vl-7b-chat"), tensor=4, nodes=2)
    with pytest.raises(RecipeError) as raised:
        run_spec(recipe)
    assert "llama, deepseek-moe, mixtral-moe" in raised.value.message
    model = recipe.model.model_copy(update={"family": "llama"})
    assert run_spec(recipe.model_copy(update={"model": model})).devices.per_node == 2


def test_devices_that_cannot_be_shared_out_evenly_are_refused() -> None:
    recipe = CATALOGUE.recipe("ascend_800i_a2", "deepseek-vl-7b-chat")
    model = recipe.model.model_copy(update={"family": "llama"})
    with pytest.raises(RecipeError, match="as many devices on each of 2 nodes"):
        run_spec(changed(recipe.model_copy(update={"model": model}), tensor=3, nodes=2))


def test_one_machine_has_the_published_port_and_says_where_others_come_from() -> None:
    recipe = CATALOGUE.recipe("ascend_800i_a2", "deepseek-vl-7b-chat")
    (start,) = starts_of(run_spec(recipe), Asked(), image="i", ours=True)
    assert start.env["MASTER_PORT"] == "20030"
    assert any(note.what == "MASTER_PORT" and "20000 to 20050" in note.why for note in start.notes)
    assert docker_words(start)[:2] == ("docker", "run")
