"""One build of a Dockerfile by BuildKit, to its end or to an error that says where it stopped."""

import csv
import io
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flagrelease.adapters.process import CompletedText, run_program
from flagrelease.engine_ports import BuildRequest, EngineFacts
from flagrelease.engines.docker.commands import Builder
from flagrelease.engines.docker.dockerfile import cut_before, find_step, read_stages
from flagrelease.engines.docker.plain import Heard
from flagrelease.errors import BuildError, FlagReleaseError, ToolError
from flagrelease.harness_ports import Progress

_LINES = 40
_LINE = 400
_MOST_SECRET_BYTES = 4096
_SHORTEST_SECRET = 4
_NO_ROOM = "no space left on device"
_LOST = ("error reading from server", "Cannot connect to the Docker daemon", "connection reset by peer",
         "code = Unavailable", "unexpected EOF", "broken pipe", "connection refused")  # fmt: skip
_PASSED_ON = (
    "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "BUILDX_CONFIG", "HOME", "PATH",
    "SSH_AUTH_SOCK", "TMPDIR", "XDG_RUNTIME_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
    "no_proxy",
)  # fmt: skip


def environment(environ: Mapping[str, str], host: str, builder: Builder) -> dict[str, str]:
    """What the builder gets of this process's variables: none that only flagrelease needs, such as a key."""
    return {name: environ[name] for name in _PASSED_ON if name in environ} | {"DOCKER_HOST": host} | dict(builder.env)


def arguments(request: BuildRequest, builder: Builder) -> list[str]:
    """The command of a build, without where its result goes.

    Raises:
        ToolError: a cache is wanted that only buildx has.
    """
    if request.cache_to and not builder.buildx:
        raise ToolError("the BuildKit of this docker client writes no cache to a registry", hint="install buildx")
    values = {"SOURCE_DATE_EPOCH": str(request.epoch), **request.arguments}
    argv = [*builder.argv, "--progress=plain", "--file", str(request.dockerfile), "--target", request.target]
    argv += ["--platform", f"linux/{request.architecture}", "--network", request.network]
    for name, value in values.items():
        argv += ["--build-arg", f"{name}={value}"]
    for name, file in request.secrets.items():
        argv += ["--secret", _fields(f"id={name}", f"src={file}")]
    if builder.buildx:
        # Without it, newer ones make an index of the image and of what they say about it.
        argv.append("--provenance=false")
    for source in request.cache_from:
        argv += ["--cache-from", source if builder.buildx else _reference(source)]
    for target in request.cache_to:
        argv += ["--cache-to", target]
    return argv


def run_build(
    request: BuildRequest,
    builder: Builder,
    facts: EngineFacts,
    *,
    env: Mapping[str, str],
    progress: Progress,
    answers: Callable[[], bool],
) -> None:
    """Build; where files are wanted, they are all there or none is.

    Raises:
        BuildError: a step failed, or the build took too long.
        ToolError: the engine ended meanwhile, has no room, or cannot write the cache that is wanted.
    """
    _check_cache(request, builder, facts)
    argv = arguments(request, builder)
    partial = request.output.with_name(f"{request.output.name}.partial") if request.output else None
    where = ["--tag", str(request.tag)]
    if partial is not None:
        shutil.rmtree(partial, ignore_errors=True)
        where = ["--output", _fields("type=local", f"dest={partial}")]
    elif builder.buildx:
        where.append("--load")
    heard = Heard(progress)
    request.log.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = _run([*argv, *where, str(request.folder)], request, heard, env)
        if done.returncode != 0:
            raise _fault(request, argv, heard, done, answers)
        if partial is not None and request.output is not None:
            partial.mkdir(exist_ok=True)
            partial.rename(request.output)
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _run(argv: Sequence[str], request: BuildRequest, heard: Heard, env: Mapping[str, str]) -> CompletedText:
    begin = time.monotonic()
    try:
        return run_program(
            argv,
            log=request.log,
            timeout_s=request.timeout_s,
            env=env,
            cwd=request.folder,
            heard=heard.line,
            secrets=_contents(request.secrets),
            tethered=True,
        )
    except ToolError as error:
        if time.monotonic() - begin < request.timeout_s:
            raise
        raise BuildError(
            f"the build of {request.target} did not end within {request.timeout_s:g} s; it was stopped",
            hint="see in the log what it waited for: a build has no network",
            log=request.log,
        ) from error


def _contents(secrets: Mapping[str, Path]) -> list[str]:
    """What must not stand in a log. A long one, such as a bundle of certificates, is none that could be told."""
    found: list[str] = []
    for file in secrets.values():
        content = file.read_bytes()
        if len(content) <= _MOST_SECRET_BYTES:
            lines = content.decode("utf-8", "replace").splitlines()
            found += [text for line in lines if len(text := line.strip()) >= _SHORTEST_SECRET]
    return found


def _check_cache(request: BuildRequest, builder: Builder, facts: EngineFacts) -> None:
    own = "--builder" in builder.argv and builder.argv[builder.argv.index("--builder") + 1] == "default"
    wanted = [one for one in request.cache_to if not one.startswith("type=inline")]
    if wanted and own and not facts.containerd_store:
        raise ToolError(
            f"docker {facts.version} cannot write the cache {wanted[0]}: it needs the containerd image store",
            hint="use `type=inline`, or name another builder in BUILDX_BUILDER",
        )


def _fault(
    request: BuildRequest, argv: Sequence[str], heard: Heard, done: CompletedText, answers: Callable[[], bool]
) -> FlagReleaseError:
    """What a build ended with, as an error that says what to do."""
    lines = ["".join(c if c.isprintable() else " " for c in line)[:_LINE] for line in done.tail.splitlines()]
    told = "".join(f"\n  {line}" for line in lines[-_LINES:])
    if _NO_ROOM in done.tail.lower():
        return ToolError(
            f"there is no room for the build of {request.target}{told}",
            hint="free some where the engine keeps its data (`docker system df`), then run the same command again",
            log=request.log,
        )
    if not answers() or (heard.failed is None and any(word in done.tail for word in _LOST)):
        return ToolError(
            f"the container engine ended while {request.target} was built{told}",
            hint="start it, then run the same command again: finished steps are in its cache",
            log=request.log,
        )
    step = heard.failed
    if step is None:
        what = f" at {heard.failed_other}" if heard.failed_other else ""
        return BuildError(f"{request.target} could not be built{what}{told}", hint="see the log", log=request.log)
    text = request.dockerfile.read_text(encoding="utf-8", errors="replace")
    found = find_step(read_stages(text), step.stage, step.number)
    if found is None:
        return BuildError(f"a step failed: {step.text[:_LINE]}{told}", hint="see the log", log=request.log)
    stage, instruction = found
    before = request.log.with_name(f"{request.log.name}.before-failure.Dockerfile")
    before.write_text(cut_before(text, instruction), encoding="utf-8")
    where = f"{request.dockerfile}:{instruction.first}"
    return BuildError(
        f"{where}: the stage {stage.name} failed at `{instruction.text[:_LINE]}`{told}",
        hint=f"open the stage as it was before: {_open(request, argv, before, stage.name)}",
        log=request.log,
    )


def _open(request: BuildRequest, argv: Sequence[str], before: Path, stage: str) -> str:
    """The shell line that opens a stage; every step before the failed one is in the engine's cache."""
    changed = {"--file": str(before), "--target": stage}
    words = list(argv)
    for option, value in changed.items():
        words[words.index(option) + 1] = value
    words.remove("--progress=plain")
    tag = "flagrelease-failed"
    builds = shlex.join([*words, "--tag", tag, str(request.folder)])
    prefix = "" if "--builder" in words else "DOCKER_BUILDKIT=1 "
    return f"{prefix}{builds} && docker run --rm -it --network none --entrypoint sh {tag}"


def _fields(*pairs: str) -> str:
    """Fields as BuildKit reads them: a line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(pairs)
    return out.getvalue()


def _reference(source: str) -> str:
    """The built-in one takes the name of an image alone."""
    found = dict(part.partition("=")[::2] for part in source.split(","))
    return found.get("ref", source)
