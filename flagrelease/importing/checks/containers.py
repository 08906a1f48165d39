"""Images and containers: what is pulled, what is run, and with which rights."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.importing.card import of_way
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.docker_words import DockerRun
from flagrelease.importing.image_name import image_facts
from flagrelease.importing.subject import Subject

_FLOATING: Final = frozenset({"", "latest", "main", "master", "nightly", "dev"})
_WIDE: Final = frozenset({
    "/", "/dev", "/home", "/root", "/etc", "/usr", "/usr/src", "/lib/modules", "/var", "/sys", "/proc", "/opt", "/mnt",
    "/boot", "/lib", "/tmp",  # noqa: S108 - looked for, not used
})  # fmt: skip
_SOCKETS: Final = ("docker.sock", "containerd.sock")
_LIBRARY: Final = re.compile(r"/(lib[\w+-]+?)(?:-[\d.]+)?\.so(\.[\d.]+)?\Z")


def images(subject: Subject) -> Iterator[CardDefect]:
    """Names of images that do not say which image."""
    told: set[str] = set()
    for seen, image in subject.card.images:
        if image.reference in told or not image.reference:
            continue
        told.add(image.reference)
        if image.tag.lower() in _FLOATING and not image.digest:
            tag = f"the tag `{image.tag}`, which moves" if image.tag else "no tag, so it is `latest`, which moves"
            yield CardDefect(line=seen.line, kind="floating-image", what=f"the image has {tag}")
        if not image.has_registry:
            what = f"the image `{image.reference}` has no registry, so it is on machines only that have it already"
            yield CardDefect(line=seen.line, kind="image-without-registry", what=what)
        for key in image.empty:
            what = f"the image's name has a place for `{key}` and says nothing there"
            yield CardDefect(line=seen.line, kind="image-decoded-empty", what=what)


def pulled_and_run(subject: Subject) -> Iterator[CardDefect]:
    """An image is run that was not pulled."""
    for run in subject.card.runs:
        pulled = of_way(subject.card.pulls, run.way)
        names = {one.name for one in pulled}
        if run.image and pulled and run.image not in names:
            one, other = pulled[-1].name, run.image
            same = image_facts(one).repository.rpartition("/")[2] == image_facts(other).repository.rpartition("/")[2]
            how = "the same name from another place" if same else "another image"
            what = f"`{one}` is pulled (line {pulled[-1].line}), and {how} is run: `{other}`"
            yield CardDefect(line=run.line, kind="pulled-is-not-run", what=what)


def container_names(subject: Subject) -> Iterator[CardDefect]:
    """A container is gone into that has another name, or none."""
    for run in subject.card.runs:
        name = run.value("name")
        if "/" in name:
            what = f"`--name` is followed by the image `{name}`: the container's name is missing"
            yield CardDefect(line=run.line, kind="broken-run", what=what)
        for option in run.strange:
            yield CardDefect(
                line=run.line, kind="broken-run", what=f"`docker run` has no option `{option}` of this form"
            )
    for one in subject.card.execs:
        runs = of_way(subject.card.runs, one.way)
        names = [name for run in runs if (name := run.value("name")) and "/" not in name]
        if runs and one.name and one.name not in names:
            known = f"named `{names[-1]}`" if names else "started without a name"
            what = f"`docker exec` goes into `{one.name}`; the container is {known} (line {runs[-1].line})"
            yield CardDefect(line=one.line, kind="container-name", what=what)


def rights(subject: Subject) -> Iterator[CardDefect]:
    """What gives a container more than it needs."""
    for run in subject.card.runs:
        if run.has("privileged"):
            what = "`--privileged` gives every device and every right of the host"
            yield CardDefect(line=run.line, kind="privileged", what=what)
        for option in ("network", "pid", "ipc", "uts"):
            if run.value(option) == "host" and option != "uts":
                what = f"`--{option}=host` shares the host's {_SHARED[option]}"
                yield CardDefect(line=run.line, kind=f"host-{option}", what=what)
        for text in run.options.get("security-opt", []):
            if "unconfined" in text or "disable" in text:
                what = f"`--security-opt {text}` switches a protection off"
                yield CardDefect(line=run.line, kind="no-seccomp", what=what)
        for name in run.options.get("cap-add", []):
            yield CardDefect(line=run.line, kind="added-capability", what=f"`--cap-add {name}` without a reason")
        yield from _display(run)


_SHARED: Final = {"network": "network", "pid": "processes", "ipc": "shared memory"}


def _display(run: DockerRun) -> Iterator[CardDefect]:
    env = [text for text in run.options.get("env", []) if text.startswith("DISPLAY")]
    sockets = [source for source, _, _ in run.mounts if "X11" in source]
    if env or sockets:
        what = f"the host's screen is given to the container: {', '.join([*env, *sockets])}"
        yield CardDefect(line=run.line, kind="x11", what=what)


def mounts(subject: Subject) -> Iterator[CardDefect]:
    """Folders of the host that nobody needs, and libraries under a name that is not theirs."""
    for run in subject.card.runs:
        for source, target, read_only in run.mounts:
            if source in _WIDE or source.endswith(_SOCKETS):
                how = "" if read_only else ", and writable"
                yield CardDefect(line=run.line, kind="wide-mount", what=f"all of the host's `{source}` is mounted{how}")
            one, other = _LIBRARY.search(source), _LIBRARY.search(target)
            if one and other and one[2] != other[2]:
                what = f"the host's `{source}` is put in the place of another version, `{target}`"
                yield CardDefect(line=run.line, kind="library-from-host", what=what)


def without_effect(subject: Subject) -> Iterator[CardDefect]:
    """Options that change nothing beside others, or on this chip."""
    for run in subject.card.runs:
        if run.value("shm-size") and run.value("ipc") == "host":
            what = f"`--shm-size {run.value('shm-size')}` has no effect beside `--ipc=host`"
            yield CardDefect(line=run.line, kind="option-without-effect", what=what)
        if run.options.get("publish") and run.value("network") == "host":
            what = "`--publish` has no effect beside `--network=host`"
            yield CardDefect(line=run.line, kind="option-without-effect", what=what)
        if run.value("gpus") and subject.vendor not in ("", "nvidia"):
            what = f"`--gpus {run.value('gpus')}` is an option for NVIDIA's devices; the chip is of {subject.vendor}"
            yield CardDefect(line=run.line, kind="nvidia-option", what=what)


CHECKS: Final = (images, pulled_and_run, container_names, rights, mounts, without_effect)
