"""What BuildKit makes of a Dockerfile: its own parser, and its rules for words written anew from their description."""

from dataclasses import dataclass, field

import dockerfile  # type: ignore[import-not-found]

from flagrelease.domain.engine_build import ImagePlan, SourceBuild, Step


@dataclass(frozen=True)
class Read:
    """One instruction as BuildKit understands it: its word, its flags, its values with nothing left to expand."""

    cmd: str
    values: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass
class Reader:
    """Understands the text of a Dockerfile; `arguments` are what `${NAME}` may stand for."""

    arguments: set[str] = field(default_factory=lambda: {"BASE", "SDK"})

    def read(self, text: str) -> list[Read]:
        return [self._one(command) for command in dockerfile.parse_string(text)]

    def _one(self, command: dockerfile.Command) -> Read:
        cmd, values, flags = command.cmd.upper(), command.value, command.flags
        assert command.sub_cmd is None, command
        if cmd in ("RUN", "ENTRYPOINT"):
            assert command.json, f"{cmd} would go through a shell: {command.original}"
        elif cmd in ("COPY", "ADD"):
            assert command.json
            values = tuple(word(one, is_whole=True) for one in values)
        elif cmd in ("ENV", "LABEL", "WORKDIR"):
            values = (*values[:-1], word(values[-1]))
        elif cmd == "ARG":
            name, _, default = values[0].partition("=")
            values = (name, word(default))
        elif cmd == "FROM" and values[0].startswith("${"):
            assert values[0][2:-1] in self.arguments
        return Read(cmd, values, flags)


def word(text: str, *, is_whole: bool = False) -> str:
    """One word as BuildKit expands it: quotes go, a backslash keeps `"`, `$` or itself; `$` would be a variable.

    A word of a JSON array `is_whole`: white space does not end it.
    """
    out, index, inside = [], 0, False
    while index < len(text):
        one = text[index]
        following = text[index + 1 : index + 2]
        if one == "\\" and (not inside or following in ('"', "$", "\\")):
            assert following, f"a backslash at the end joins the next line: {text}"
            out.append(following)
            index += 1
        elif one == '"':
            inside = not inside
        else:
            assert one != "$", f"a variable would be expanded: {text}"
            assert inside or (one != "'" and (is_whole or not one.isspace())), f"more than one word: {text}"
            out.append(one)
        index += 1
    assert not inside, f"a quote stays open: {text}"
    return "".join(out)


_STAGE_ARGUMENTS = (
    ("PIP_BREAK_SYSTEM_PACKAGES", "1"), ("PIP_DISABLE_PIP_VERSION_CHECK", "1"), ("PIP_ROOT_USER_ACTION", "ignore"),
)  # fmt: skip


def intended(plan: ImagePlan) -> list[Read]:
    """What the Dockerfile of a plan has to be, without any of our templates."""
    out = [Read("ARG", ("BASE", plan.base)), Read("ARG", ("SDK", "sdk-steps"))]
    if plan.unpacked:
        out.append(Read("FROM", ("scratch", "AS", "unpacked")))
        out += [Read("ADD", (one.path, f"{one.folder}/")) for one in plan.unpacked]
    out += [*_stage(plan, "${BASE}", "sdk-steps"), *_env(plan.sdk_env)]
    out += [*_steps(plan.installers), *_steps(plan.torch)]
    for one in plan.kernels:
        out += [*_stage(plan, "${SDK}", f"kernel-{one.component}"), *_source(one.source)]
        out.append(Read("FROM", ("scratch", "AS", f"wheels-{one.component}")))
        out.append(Read("COPY", ("/wheels/", "/"), (f"--from=kernel-{one.component}",)))
    if plan.kernels:
        out.append(Read("FROM", ("scratch", "AS", "wheels")))
        out += [
            Read("COPY", ("/wheels/", f"/{one.component}/"), (f"--from=kernel-{one.component}",))
            for one in plan.kernels
        ]
    return [*out, *_image(plan)]


def _image(plan: ImagePlan) -> list[Read]:
    out = [*_stage(plan, "${SDK}", "image"), *_steps(plan.kernel_install), *_steps(plan.requirements)]
    for one in plan.sources:
        out += _source(one)
    out += [Read("COPY", (one.path, one.target), (f"--chmod={one.mode:04o}",)) for one in plan.files]
    out += [*_steps(plan.checks), *_env(plan.env)]
    out += [Read("LABEL", pair) for pair in plan.labels.items()]
    out.append(Read("WORKDIR", (plan.working_folder or "/",)))
    if plan.port:
        out.append(Read("EXPOSE", (str(plan.port),)))
    if plan.user:
        out.append(Read("USER", (plan.user,)))
    if plan.entrypoint:
        out.append(Read("ENTRYPOINT", plan.entrypoint))
    return out


def _stage(plan: ImagePlan, base: str, name: str) -> list[Read]:
    arguments = (("SOURCE_DATE_EPOCH", str(plan.epoch)), *_STAGE_ARGUMENTS)
    return [Read("FROM", (base, "AS", name)), *(Read("ARG", one) for one in arguments)]


def _env(env: dict[str, str]) -> list[Read]:
    return [Read("ENV", pair) for pair in env.items()]


def _source(one: SourceBuild) -> list[Read]:
    tree = [Read("ADD", (one.tree.path, f"{one.tree.folder}/"))] if one.tree else []
    return [*tree, *_steps(one.steps)]


def _steps(steps: tuple[Step, ...]) -> list[Read]:
    out = []
    for one in steps:
        if one.folder:
            out.append(Read("WORKDIR", (one.folder,)))
        argv = one.argv
        if one.env:
            argv = ("env", *(f"{name}={value}" for name, value in one.env.items()), *argv)
        binds = (
            f"--mount=type=bind,{f'from={b.from_stage},' if b.from_stage else ''}source={b.source},target={b.target}"
            for b in one.binds
        )
        caches = (f"--mount=type=cache,target={c},sharing=locked" for c in one.caches)
        secrets = (f"--mount=type=secret,id={s}" for s in one.secrets)
        out.append(Read("RUN", argv, (*binds, *caches, *secrets)))
    return out
