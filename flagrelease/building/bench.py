"""What the steps of a build share: the engine, the store, the build's folder, and where logs go."""

from dataclasses import dataclass
from pathlib import Path

from flagrelease.domain.engine_build import EngineContext
from flagrelease.domain.value import Digest
from flagrelease.engine_ports import BuildRequest
from flagrelease.formats.canonical import sha256_of
from flagrelease.ports import Tools

_DIGITS = 16
DOCKERFILE = "Dockerfile"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One build at work. `folder` is what the engine is given, `here` where its logs go."""

    tools: Tools
    context: EngineContext
    folder: Path
    here: Path

    def lay_out(self) -> None:
        """Put every file of the context at its place, linked from the store."""
        for file in self.context.files:
            place = self.folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            self.tools.store.link(file.content, place)

    def add(self, path: str, content: Digest) -> None:
        """Put one more file there, unless it is there already."""
        place = self.folder / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            self.tools.store.link(content, place)

    def build(
        self,
        target: str,
        *,
        tag: str | None = None,
        output: Path | None = None,
        arguments: dict[str, str],
        folder: Path | None = None,
        name: str = "",
    ) -> None:
        """Build one stage of the Dockerfile in a folder, or its last one. Raises BuildError or ToolError."""
        plan, folder = self.context.plan, folder or self.folder
        self.tools.events.said(f"building {name or target}" + (f" as {tag}" if tag else ""))
        request = BuildRequest(
            folder=folder,
            dockerfile=folder / DOCKERFILE,
            target=target,
            architecture=plan.architecture,
            tag=tag,
            output=output,
            arguments=arguments,
            secrets={name: file for name, file in self.tools.build_secrets.items() if name in plan.secrets},
            network=plan.network,
            epoch=plan.epoch,
            log=self.here / f"{name or target}.log",
        )
        self.tools.container_engine.build(request, lambda done, of: self.tools.events.progress(done, of, "items"))


def tag_of(kind: str, *parts: object) -> str:
    """A tag in the engine that says by its hash what the image was made from."""
    return f"flagrelease/{kind}:{sha256_of([kind, *parts])[:_DIGITS]}"
