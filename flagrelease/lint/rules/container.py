"""What a container may do beyond the least privilege, and whether somebody says why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.container import Access, Container
from flagrelease.lint.found import Found, Remove, Severity
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """The container of a variant, or one way to a chip's devices, and where it is written."""

    project: Project
    holder: VariantView | str
    key: tuple[str, ...]
    what: Container | Access

    def found(self, *key: str | int, text: str, severity: Severity | None = None, fix: Remove | None = None) -> Found:
        """A finding at a key of it."""
        if isinstance(self.holder, VariantView):
            return self.holder.found(*self.key, *key, text=text, severity=severity, fix=fix)
        file = f"chips/{self.holder}.yaml"
        cells = tuple(
            cell
            for cell in self.project.users(file)
            if self.project.recipes.variant(cell).container.access == self.key[-1]
        )
        return Found(file=file, key=(*self.key, *key), text=text, severity=severity, cells=cells)


def asked_for(project: Project) -> Iterator[_Asked]:
    """Every container of a variant, and every way to every chip's devices."""
    for one in project.variants:
        yield _Asked(project=project, holder=one, key=("container",), what=one.variant.container)
    for name, chip in project.recipes.chips.items():
        for way in ("raw", "toolkit"):
            access = getattr(chip.container, way) if chip.container else None
            if isinstance(access, Access):
                yield _Asked(project=project, holder=name, key=("container", way), what=access)


@rule(
    "FR221",
    "error",
    "a container that is given the whole machine",
    why=(
        "`--privileged` stands on many cards, also for chips whose two device nodes are enough (build-infra runs "
        "Cambricon with them). It gives a served model's process every device, every mount and the kernel's settings."
    ),
    hint="take it out and name the devices; where nothing else works, say why under `why: {privileged: …}`",
    bad={"variant.container.privileged": True},
    good={"variant.container.privileged": False},
)
def privileged(project: Project) -> Iterator[Found]:
    """An error without a reason; with one it is noted, so that it stays visible."""
    for one in asked_for(project):
        if one.what.privileged:
            reason = one.what.why.get("privileged")
            text = (
                f"the container is privileged: {reason}" if reason else "the container is privileged, without a reason"
            )
            yield one.found("privileged", text=text, severity="note" if reason else None)


@rule(
    "FR222",
    "error",
    "the host's network, processes or shared memory without a reason",
    why=(
        "The first Cambricon card takes --net=host, --pid=host and --ipc=host for a server of one port on one device. "
        "With them a container sees and can end every process, and every port of the host is its own."
    ),
    hint="take it out, or say what needs it under the container's `why`",
    bad={"variant.container.pid": "host"},
    good={"variant.container.pid": "host", "variant.container.why": {"pid": "the profiler reads other processes"}},
)
def host_namespaces(project: Project) -> Iterator[Found]:
    """`network`, `pid` and `ipc` of the host, each with its own reason."""
    for one in asked_for(project):
        for name in ("network", "pid", "ipc"):
            if getattr(one.what, name, None) == "host" and name not in one.what.why:
                yield one.found(name, text=f"`{name}: host` without a reason")


@rule(
    "FR223",
    "warning",
    "an option that has no effect",
    why=(
        "The MiniCPM-o 4.5 card asks for --shm-size=512G beside --ipc=host, where the host's own shared memory is "
        "used. Such options are copied on for years, since nobody can see that they do nothing."
    ),
    hint="take it out",
    bad={
        "variant.container.ipc": "host", "variant.container.shm_gb": 512,
        "variant.container.why": {"ipc": "ranks share memory"},
    },
    good={"variant.container.shm_gb": 512},
)  # fmt: skip
def without_effect(project: Project) -> Iterator[Found]:
    """A size of shared memory that is the host's; capabilities and filters of what is privileged anyway."""
    for one in asked_for(project):
        container = one.what
        if isinstance(container, Container) and container.ipc == "host" and container.shm_gb is not None:
            holder = one.holder
            assert isinstance(holder, VariantView)
            text = "`shm_gb` has no effect beside `ipc: host`: the host's shared memory is used"
            yield one.found("shm_gb", text=text, fix=Remove(key=holder.key("container", "shm_gb")))
        if container.privileged and container.capabilities:
            yield one.found(
                "capabilities", text="`capabilities` have no effect beside `privileged`, which has them all"
            )
        if container.privileged and container.security_options:
            yield one.found("security_options", text="`security_options` have no effect beside `privileged`")


_FILTERS: Final = ("seccomp", "apparmor", "label", "systempaths", "no-new-privileges")
_OFF: Final = ("unconfined", "disable", "false")


@rule(
    "FR224",
    "error",
    "a protection of the kernel is switched off without a reason",
    why=(
        "Cards carry `--security-opt=seccomp=unconfined`, and none says for which system call. It opens every other "
        "one as well that the engine's filter refuses to whatever runs in the container."
    ),
    hint="take it out, or say what needs it under `why: {security_options: …}`",
    bad={"variant.container.security_options": ["seccomp=unconfined"]},
    good={"variant.container.security_options": ["no-new-privileges"]},
)
def unconfined(project: Project) -> Iterator[Found]:
    """seccomp, AppArmor or SELinux switched off. The reason may stand under `security_options` or the filter's name."""
    for one in asked_for(project):
        for index, option in enumerate(one.what.security_options):
            name, _, value = option.replace(":", "=").partition("=")
            reasons = {"security_options", name} & one.what.why.keys()
            if name in _FILTERS and value in _OFF and not reasons:
                yield one.found("security_options", index, text=f"`{option}` without a reason")


@rule(
    "FR225",
    "error",
    "a capability without a reason",
    why=(
        "Kunlunxin's cards add SYS_ADMIN, Iluvatar's ALL. SYS_ADMIN is most of what root may do; a chip's driver needs "
        "it seldom, and then somebody knows for what."
    ),
    hint="take it out, or say what needs it under `why: {capabilities: …}`",
    bad={"variant.container.capabilities": ["SYS_ADMIN"]},
    good={
        "variant.container.capabilities": ["SYS_PTRACE"],
        "variant.container.why": {"capabilities": "the profiler attaches to the server"},
    },
)  # fmt: skip
def capability(project: Project) -> Iterator[Found]:
    """The reason may stand under `capabilities`, or under the capability's name in lower case."""
    for one in asked_for(project):
        for index, name in enumerate(one.what.capabilities):
            if not {"capabilities", name.lower(), name.lower().replace("_", "-")} & one.what.why.keys():
                yield one.found("capabilities", index, text=f"`{name}` without a reason")


@rule(
    "FR226",
    "warning",
    "root in the container without a reason",
    why=(
        "The MiniCPM-o 4.5 card runs with --user 0. What runs as root in a container is root on what the container can "
        "reach of the host: its mounts and its devices."
    ),
    hint="leave `user` out, or say which step needs root under `why: {user: …}`",
    bad={"variant.container.user": "0"},
    good={"variant.container.user": "1000:1000"},
)
def root_user(project: Project) -> Iterator[Found]:
    """`user` of 0 or root."""
    for one in project.variants:
        container = one.variant.container
        if container.user and container.user.partition(":")[0] in ("0", "root") and "user" not in container.why:
            yield one.found("container", "user", text=f"`user: {container.user}` without a reason")


@rule(
    "FR227",
    "warning",
    "a reason for something that is not there",
    why=(
        "A reason that outlives its setting says that a container still does what it no longer does; one that is "
        "spelled like no setting excuses nothing."
    ),
    hint="take the reason out, or spell it as the setting is spelled",
    bad={"variant.container.why": {"pid": "the profiler reads other processes"}},
    good={"variant.container.pid": "host", "variant.container.why": {"pid": "the profiler reads other processes"}},
)
def reason_for_nothing(project: Project) -> Iterator[Found]:
    """Entries of `why` whose setting is at its default; a filter or capability may be named by itself."""
    for one in asked_for(project):
        what = one.what
        named = {option.replace(":", "=").partition("=")[0] for option in what.security_options}
        named |= {name.lower() for name in what.capabilities} | {n.lower().replace("_", "-") for n in what.capabilities}
        for key in what.why:
            if key not in named and not _is_set(what, key):
                yield one.found("why", key, text=f"`{key}` has a reason, and is not set")


def _is_set(what: Container | Access, key: str) -> bool:
    field = type(what).model_fields.get(key)
    return field is not None and getattr(what, key) != field.get_default(call_default_factory=True)
