"""A bundle on several machines: who takes part, the file that says so, and the command of each.

HCCL reads a rank table, which names each device by its own address; every other collective library here is started
with a hostfile.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flagrelease.domain.container import Mount
from flagrelease.domain.run_spec import RunSpec
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.launch.start import Note, Start

RANK_TABLE_AT = "/etc/flagrelease/rank_table.json"
MASTER_PORT = "MASTER_PORT"
_USUAL_PORT = 29500
"""What torch.distributed takes where nobody says otherwise."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?){0,10}")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine: its address, and those of its devices where the collective library wants them."""

    address: str
    devices: tuple[str, ...] = ()


def parse_nodes(spec: RunSpec, texts: Sequence[str]) -> tuple[Node, ...]:
    """The machines as they are written: `ADDRESS`, or `ADDRESS=DEVICE,DEVICE…`; the first one leads.

    Raises:
        RecipeError: not as many as the bundle has, one of them twice, or no address.
    """
    wanted = spec.devices.nodes
    if len(texts) != wanted:
        hint = f"name each by --node ADDRESS{'=DEVICE,…' if uses_rank_table(spec) else ''}" if wanted > 1 else ""
        raise RecipeError(
            f"`{spec.bundle}` runs on {wanted} machine{'s' if wanted > 1 else ''}, found {len(texts)} --node", hint=hint
        )
    nodes = tuple(_node(spec, text) for text in texts)
    addresses = [address for node in nodes for address in (node.address, *node.devices)]
    for address in addresses:
        if addresses.count(address) > 1:
            raise RecipeError(f"{address} is named twice by --node", hint="name each machine and each device once")
    return nodes


def uses_rank_table(spec: RunSpec) -> bool:
    """Whether the chip's collective library reads a rank table."""
    return spec.devices.collective == "HCCL"


def rank_table(spec: RunSpec, nodes: Sequence[Node]) -> str:
    """The rank table, version 1.0: every device of every machine with its rank, from 0, machine by machine.

    Raises:
        RecipeError: the collective library reads none.
    """
    if not uses_rank_table(spec):
        raise RecipeError(
            f"{spec.devices.collective or 'the collective library'} of `{spec.chip}` reads no rank table",
            hint="take --print hostfile",
        )
    count = spec.devices.per_node
    servers = [
        {
            "server_id": node.address,
            "device": [
                {"device_id": str(die), "device_ip": address, "rank_id": str(number * count + die)}
                for die, address in enumerate(node.devices)
            ],
            "host_nic_ip": "reserve",
        }
        for number, node in enumerate(nodes)
    ]
    table = {"version": "1.0", "server_count": str(len(nodes)), "server_list": servers, "status": "completed"}
    return pretty_json(table).decode()


def hostfile(spec: RunSpec, nodes: Sequence[Node]) -> str:
    """One line a machine: its address and how many devices it has."""
    return "".join(f"{node.address} slots={spec.devices.per_node}\n" for node in nodes)


def on_node(start: Start, spec: RunSpec, nodes: Sequence[Node], rank: int) -> Start:
    """The container of one of the machines: it knows who leads, and who it is."""
    port = spec.master_ports[0] if spec.master_ports else _USUAL_PORT
    env = {
        "MASTER_ADDR": nodes[0].address,
        MASTER_PORT: start.env.get(MASTER_PORT, str(port)),
        "NNODES": str(len(nodes)),
        "NODE_RANK": str(rank),
        "WORLD_SIZE": str(spec.devices.world_size),
    }
    mounts: tuple[Mount, ...] = ()
    if uses_rank_table(spec):
        env["RANK_TABLE_FILE"] = RANK_TABLE_AT
        why = "who takes part, as --print rank-table writes it; it has to be the same on each machine"
        mounts = (Mount(source=RANK_TABLE_AT, why=why),)
    notes = (
        Note(what=f"node {rank} of {len(nodes)}", why=nodes[rank].address),
        Note(what="network", why="the machines talk to each other's devices and ports, which loopback does not show"),
        *(Note(what=f"mount {mount.source}", why=mount.why or "") for mount in mounts),
    )
    changed = {
        "env": start.env | env,
        "mounts": (*start.mounts, *mounts),
        "notes": (*notes, *start.notes),
        "network": "host",
        "ports": None,
    }
    return start.model_copy(update=changed)


def _node(spec: RunSpec, text: str) -> Node:
    address, _, devices = text.partition("=")
    if not uses_rank_table(spec):
        if devices or not (_HOST.fullmatch(address) or _is_ip(address)):
            raise RecipeError(
                f"`{text!a}` is no machine's address", hint="write it as --node 10.0.0.1, or a host's name"
            )
        return Node(address=address)
    found = tuple(devices.split(",")) if devices else ()
    wrong = [one for one in (address, *found) if not _is_ip(one)]
    if wrong:
        raise RecipeError(f"{wrong[0]!a} is no IP address", hint="a rank table knows machines and devices by addresses")
    if len(found) != spec.devices.per_node:
        raise RecipeError(
            f"wanted the addresses of {spec.devices.per_node} devices of {address}, found {len(found)}",
            hint=f"ask `hccn_tool -i N -ip -g` there for each; write --node {address}=ADDRESS,…",
        )
    return Node(address=address, devices=found)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
