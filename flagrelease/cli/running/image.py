"""Start an image by its digest, where its recipes are not: what it needs stands in its label."""

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flagrelease.adapters.images.pulling import Described, described, pulled
from flagrelease.adapters.images.sources import ImageSource, opened
from flagrelease.adapters.registry.auth import docker_config_file
from flagrelease.adapters.run_host import look_for
from flagrelease.adapters.storage.roots import RUNS, in_use
from flagrelease.cli.running.asked import Asked
from flagrelease.cli.running.built import follow, switched
from flagrelease.cli.running.leasing import master_port
from flagrelease.cli.running.printing import print_start
from flagrelease.cli.settings import Settings
from flagrelease.cli.wire import BareTools, display
from flagrelease.domain.chip import MACHINES, Architecture
from flagrelease.domain.container import Access
from flagrelease.domain.run_spec import RunSpec
from flagrelease.engines.embedded.port import is_free
from flagrelease.errors import FlagReleaseError, SourceError, ToolError
from flagrelease.launch.start import Start, access_of, start_of
from flagrelease.oci.image_name import ImageName, parse_image
from flagrelease.planning.fit import Fit
from flagrelease.planning.run_fit import run_fit
from flagrelease.ports import ServeRequest
from flagrelease.report.journal import Journal


def run_image(chosen: Settings, asked: Asked, text: str, *, form: str | None, weights: Path | None, json: bool) -> None:
    """Start it, or print how it is started.

    Raises:
        SourceError: it is named by a tag, is not there, or its weights cannot be had.
        BuildError: it says nothing, or nonsense, of how it is run.
        ToolError: this machine lacks something for it; all of it is told at once.
    """
    name = parse_image(text)
    with ExitStack() as stack:
        config = docker_config_file(chosen.environ, Path.home())
        source = stack.enter_context(opened(name, docker_config=config, offline=chosen.offline))
        digest = _digest(name, source)
        folder = chosen.home / RUNS / digest.removeprefix("sha256:")[:12]
        journal = stack.enter_context(Journal(folder / "events.jsonl", display(quiet=False)))
        tools = BareTools(chosen, journal)
        stack.callback(tools.close)
        stack.enter_context(in_use(chosen.home))
        found = described(source, digest, tools.store, here=_architecture(), name=str(name))
        if form is not None:
            # It has to be in a registry for whoever starts it; a folder's image has no name there.
            image = str(name) if not isinstance(name.place, Path) else f"{found.spec.bundle}@{digest}"
            print_start(found.spec, asked, form, image=image, ours=True, json=json)
            return
        _serve(tools, found, asked, source, journal=journal, folder=folder, home=chosen.home, weights=weights)


def _digest(name: ImageName, source: ImageSource) -> str:
    """The digest that is to be started. A tag may be another image tomorrow, so it is only looked up."""
    if name.digest:
        return name.digest
    digest = source.digest_of(name.tag)
    raise SourceError(
        f"{name} is not named by its digest, which is {digest} now",
        hint=f"if that is the one that was verified: flagrelease run {name.at(digest)}",
    )


def _serve(
    tools: BareTools,
    found: Described,
    asked: Asked,
    source: ImageSource,
    *,
    journal: Journal,
    folder: Path,
    home: Path,
    weights: Path | None,
) -> None:
    spec = found.spec
    start = start_of(
        spec, image="image", ours=True, way=asked.way, native=asked.native, profiles=asked.profiles, port=asked.port
    )
    env, without = switched(spec, asked)
    port = asked.port or (spec.serving.port if spec.serving else 0)
    to_fetch = found.missing(tools.store) + _weights_to_fetch(spec, tools)
    _check(spec, start, tools, home=home, port=port, to_fetch=to_fetch, way=access_of(spec, asked.way))
    serving = spec.serving
    if spec.devices.nodes > 1:
        raise ToolError(
            f"`{spec.bundle}` runs on {spec.devices.nodes} machines, and this is one of them",
            hint="start each by the command that --print docker --node … gives",
        )
    if serving is None:
        raise ToolError(
            f"`{spec.bundle}` has no server: it runs a program of yours", hint="take the command that --print gives"
        )
    with _told(journal, "fetch"):
        image = pulled(source, found, tools.store, tools.events)
        mounts = tuple(_weights(spec, tools, weights))
    log = folder / f"server-{port}.log"
    with ExitStack() as stack:
        env |= stack.enter_context(master_port(spec, home))
        request = ServeRequest(port=port, mounts=mounts, env=env, without=without, log=log)
        server = stack.enter_context(tools.engine.serve(image, request))
        follow(server, served_name=serving.served_name, within_s=serving.ready_within_s)


def _check(spec: RunSpec, start: Start, tools: BareTools, *, home: Path, port: int, to_fetch: int, way: Access) -> None:
    """Look at the machine before anything is fetched. Raises ToolError that lists all that is missing."""
    host = look_for(
        spec.host.listing,
        devices=start.devices,
        mounts=[mount.source for mount in start.mounts if mount.source != spec.weights.folder],
        home=home,
        port_taken="" if not port or is_free(port) else f"port {port} on 127.0.0.1 is taken",
        engine=_engine(spec, way, tools),
    )
    findings = run_fit(spec, host, to_fetch=to_fetch)
    missing = [one for one in findings if one.standing == "missing"]
    for one in findings:
        if one.standing == "unknown":
            sys.stderr.write(f"not known: {one.name}: {one.text}\n")
    if missing:
        lines = "\n".join(_line(one) for one in missing)
        raise ToolError(f"this machine cannot run {spec.bundle}:\n{lines}")


def _line(one: Fit) -> str:
    return f"  {one.name}: {one.text}" + (f"; {one.hint}" if one.hint else "")


def _engine(spec: RunSpec, way: Access, tools: BareTools) -> tuple[str, str]:
    """What keeps the engine at hand from running it, and what to do; empty where nothing does."""
    if way != Access():
        # The embedded engine shows an image no device of the machine.
        hint = "start docker there, and take the command that `flagrelease run IMAGE --print` gives"
        return f"{spec.chip_title} is reached by an image engine with its devices, found the embedded engine", hint
    try:
        tools.engine.check(spec.architecture)
    except ToolError as error:
        # Another architecture has its own line.
        return ("", "") if _architecture() != spec.architecture else (error.message.partition("\n")[0], error.hint)
    return "", ""


def _weights_to_fetch(spec: RunSpec, tools: BareTools) -> int:
    if spec.weights.place == "image":
        return 0
    return sum(file.size for file in spec.weights.files if not tools.store.has(file.digest))


def _weights(spec: RunSpec, tools: BareTools, folder: Path | None) -> Iterator[tuple[Path, str]]:
    """Weights that the image does not carry, by their hash, to be shown read-only at their places."""
    if spec.weights.place == "image":
        return
    if not spec.weights.files:
        raise SourceError(
            f"the label of {spec.bundle} pins no file of {spec.weights.title}",
            hint="ask who published the image: it was made from a lock whose weights were open",
        )
    locked = {file.path: file for file in spec.weights.locked()}
    for file in spec.weights.files:
        if not tools.store.has(file.digest):
            if folder is not None:
                tools.store.add_file(folder / file.path, expect=file.digest)
            elif file.path in locked:
                tools.supplier.file(locked[file.path], lambda done, total: tools.events.progress(done, total, "bytes"))
            else:
                raise SourceError(
                    f"{file.path} of {spec.weights.title} is not here, and the image does not say where it comes from",
                    hint="name the folder that has the weights: --weights FOLDER",
                )
        yield tools.store.path(file.digest), f"{spec.weights.folder}/{file.path}"


@contextmanager
def _told(journal: Journal, stage: str) -> Iterator[None]:
    begin = time.monotonic()
    journal.started(stage)
    try:
        yield
    except (FlagReleaseError, KeyboardInterrupt) as error:
        journal.failed(stage, time.monotonic() - begin, str(error) or type(error).__name__)
        raise
    journal.finished(stage, time.monotonic() - begin)


def _architecture() -> Architecture | None:
    return MACHINES.get(platform.machine())
