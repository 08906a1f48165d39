"""How the seeds start their containers, as data, and every difference to how ours are started."""

from dataclasses import dataclass, field

from tests.launch.docker_run import Options, spelled

CAMBRICON = ("cambricon_mlu", "minicpm-o-2.6", "flagscale")
SCRIPT = ("nvidia_cuda", "minicpm-o-4.5", "transformers")
SERVER = ("nvidia_cuda", "minicpm-o-4.5", "vllm")

REGISTRY = "harbor.baai.ac.cn/flagrelease-public"
SCRIPT_IMAGE = f"{REGISTRY}/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-amd64"
SERVER_IMAGE = (
    f"{REGISTRY}/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-vllmpluginfl_0.0.0-flagcx_0.1.0-vllm_0.13.0-amd64"
)


def options(**given: str | list[str]) -> Options:
    """Options as the parser gives them; `""` for one without a value."""
    return {
        name.replace("_", "-"): frozenset(
            spelled(name.replace("_", "-"), value) for value in ([values] if isinstance(values, str) else values)
        )
        for name, values in given.items()
    }


@dataclass(frozen=True, kw_only=True)
class Change:
    """Settings that only the seed has, and what ours has in their place."""

    seed: Options = field(default_factory=dict)
    ours: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Started:
    """How a seed starts its container. A variable that it sets before the command inside is the container's here."""

    cell: tuple[str, str, str]
    seed: Options
    dropped: dict[str, Change]
    """By the words of the recipe's `container.dropped`, which holds the reasons."""
    deliberate: dict[str, Change]
    """By reason."""


def read_write(*folders: str) -> list[str]:
    return [f"{folder}:{folder}" for folder in folders]


SHARED: dict[str, str | list[str]] = {
    "init": "",
    "detach": "",
    "network": "host",
    "user": "0",
    "ipc": "host",
    "volume": read_write("/share"),
    "security_opt": "seccomp=unconfined",
    "privileged": "",
    "ulimit": ["stack=67108864", "memlock=-1"],
    "shm_size": "512G",
    "gpus": "all",
    "name": "flagos",
}
"""What the CUDA seed gives each of its containers."""

LEAST = Change(ours=options(cap_drop="ALL", security_opt="no-new-privileges"))
"""What no seed gives up and each of ours does: a server needs no privilege, and nothing in it may gain one."""

STARTED = [
    Started(
        cell=CAMBRICON,
        seed=options(  # 000:64-65
            env="DISPLAY=$DISPLAY",
            network="host",
            pid="host",
            ipc="host",
            privileged="",
            interactive="",
            tty="",
            name="flagrelease_cambricon",
            volume=read_write(
                *("/tmp/.X11-unix", "/share/project", "/home", "/mnt/", "/data/", "/opt/data/", "/usr/bin/cnmon")
            ),
            image="zhiyuan_vllm:v0.2",
            command="/bin/bash",
        ),
        dropped={
            "--privileged": Change(
                seed=options(privileged=""), ours=options(device=["/dev/cambricon_dev0", "/dev/cambricon_ctl"])
            ),
            "--net=host": Change(seed=options(network="host"), ours=options(publish="127.0.0.1:9010:9010")),
            "--pid=host": Change(seed=options(pid="host")),
            "--ipc=host": Change(seed=options(ipc="host")),
            "-e DISPLAY and /tmp/.X11-unix": Change(
                seed=options(env="DISPLAY=$DISPLAY", volume=read_write("/tmp/.X11-unix"))
            ),
            "-v /share/project": Change(seed=options(volume=read_write("/share/project"))),
            "-v /home": Change(seed=options(volume=read_write("/home"))),
            "-v /mnt": Change(seed=options(volume=read_write("/mnt"))),
            "-v /data": Change(seed=options(volume=read_write("/data"))),
            "-v /opt/data": Change(seed=options(volume=read_write("/opt/data"))),
            "-v /usr/bin/cnmon": Change(
                seed=options(volume=read_write("/usr/bin/cnmon")),
                ours=options(volume="/usr/bin/cnmon:/usr/bin/cnmon:ro"),
            ),
            "-it with /bin/bash": Change(
                seed=options(interactive="", tty="", command="/bin/bash"), ours=options(detach="", init="")
            ),
        },
        deliberate={
            "the seed's image is what ours is made from, and nobody can pull it": Change(
                seed=options(image="zhiyuan_vllm:v0.2"),
                ours=options(image="flagrelease/cambricon_mlu-minicpm-o-2.6-flagscale:r1"),
            ),
            "the seed downloads the weights to a folder that it does not mount": Change(
                ours=options(volume="/nfs/MiniCPM-o-2_6:/nfs/MiniCPM-o-2_6:ro")
            ),
            "the seed changes to the patched tree by hand; it lies at one place in our image": Change(
                ours=options(workdir="/opt/FlagScale")
            ),
            "the seed says that the variable switches FlagGems on, and sets it nowhere": Change(
                ours=options(env="USE_FLAGGEMS=1")
            ),
        },
    ),
    Started(
        cell=SCRIPT,
        seed=options(  # 001:59-64, 72
            **SHARED,
            image=SCRIPT_IMAGE,
            exec="-it bash",
            env="USE_FLAGOS=1",
        ),
        dropped={
            "--privileged": Change(seed=options(privileged="")),
            "--net=host": Change(seed=options(network="host")),
            "--ipc=host": Change(seed=options(ipc="host")),
            "--user 0": Change(seed=options(user="0")),
            "--security-opt=seccomp=unconfined": Change(seed=options(security_opt="seccomp=unconfined")),
            "docker exec -it flagos bash": Change(seed=options(exec="-it bash")),
        },
        deliberate={
            "the weights below the shared folder must not change": Change(
                ours=options(volume="/share/MiniCPMO45:/share/MiniCPMO45:ro")
            ),
            "the seed's example reads ./MiniCPMO45, so it runs beside that folder": Change(
                ours=options(workdir="/share")
            ),
        },
    ),
    Started(
        cell=SERVER,
        seed=options(  # 001:216-221, 227
            **SHARED,
            image=SERVER_IMAGE,
            exec="-it bash",
            env=["USE_FLAGGEMS=1", "FLAGCX_PATH=/workspace/FlagCX"],
        ),
        dropped={
            "--privileged": Change(seed=options(privileged="")),
            "--net=host": Change(seed=options(network="host"), ours=options(publish="127.0.0.1:8000:8000")),
            "--ipc=host": Change(seed=options(ipc="host")),
            "--user 0": Change(seed=options(user="0")),
            "--security-opt=seccomp=unconfined": Change(seed=options(security_opt="seccomp=unconfined")),
            "-v /share": Change(
                seed=options(volume=read_write("/share")),
                ours=options(volume="/share/MiniCPMO45:/share/MiniCPMO45:ro"),
            ),
            "docker exec -it flagos bash": Change(seed=options(exec="-it bash")),
        },
        deliberate={},
    ),
]
