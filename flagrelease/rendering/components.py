"""A bundle's components: kernel libraries as wheels, made once for the chip; the rest in the order of the recipe."""

import re
from typing import Final, Literal

from flagrelease.domain.chip_words import with_chip_words
from flagrelease.domain.component import ArchiveSource, Component, GitSource, IndexSource
from flagrelease.domain.engine_build import Bind, KernelBuild, PlacedArchive, SourceBuild, Step
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import sha256_of
from flagrelease.rendering.commands import (
    MOUNTED,
    install_every_wheel,
    installing,
    pip_install,
    pip_uninstall,
    wheel_of,
)
from flagrelease.rendering.names import Inputs, tree_folder

_WHEELS: Final = Bind(source="wheels", target=f"{MOUNTED}/wheels")
_ABSOLUTE: Final = re.compile(r"(/[A-Za-z0-9_+-][A-Za-z0-9_.+ @=,-]*)+\Z")


class ComponentSteps:
    """The steps of one bundle's components, with the chip's names in them."""

    def __init__(self, recipe: Recipe, inputs: Inputs, python: str) -> None:
        self._inputs = inputs
        self._python = python
        self._wheels = recipe.variant.wheels
        self._components = {
            name: with_chip_words(one, recipe.chip, recipe.sdk) for name, one in recipe.variant.components.items()
        }

    def kernels(self, made_on: list[list[str | None]]) -> tuple[KernelBuild, ...]:
        """Components that come as wheels of their own; `made_on` is what is known of the SDK."""
        return tuple(
            self._kernel(name, one, made_on) for name, one in self._components.items() if is_kernel_library(one)
        )

    def kernel_install(self) -> tuple[Step, ...]:
        """What puts the wheels of the kernel libraries into the bundle's image."""
        kernels = {name: one for name, one in self._components.items() if is_kernel_library(one)}
        if not kernels:
            return ()
        names = ", ".join(one.title or name for name, one in kernels.items())
        first = tuple(self._replaced(name, one) for name, one in kernels.items() if one.replaces)
        return (*first, install_every_wheel("kernels", python=self._python, why=f"Kernel libraries: {names}"))

    def sources(self) -> tuple[SourceBuild, ...]:
        """All other components, in the order of the recipe."""
        return tuple(self._source(name, one) for name, one in self._components.items() if not is_kernel_library(one))

    def requirements(self) -> tuple[Step, ...]:
        """The wheels that the model asks for."""
        if not self._wheels:
            return ()
        why = "What the model asks for"
        return (pip_install(*self._wheels, python=self._python, binds=(_WHEELS,), why=why),)

    def shell_files(self) -> tuple[str, ...]:
        """Files of variables that components bring, in their order."""
        return tuple(one.sets for one in self._components.values() if one.sets)

    def archive_abi(self) -> Literal[0, 1] | None:
        """The C++ ABI that a vendor's archive has in its name; None where none says it."""
        for name, one in self._components.items():
            if isinstance(one.source, ArchiveSource):
                found = re.search(r"abi([01])", self._inputs.file(f"components.{name}", one.source.file))
                if found:
                    return 1 if found[1] == "1" else 0
        return None

    def _kernel(self, name: str, one: Component, made_on: list[list[str | None]]) -> KernelBuild:
        tree = f"/src/{name}"
        steps = tuple(wheel_of(step, tree, python=self._python) for step in one.install)
        source = SourceBuild(name=name, tree=PlacedArchive(path=f"sources/{name}.tar", folder=tree), steps=steps)
        own = self._inputs.identity((f"components.{name}", f"components.{name}.patches"))
        key = sha256_of({"sdk": made_on, "source": own, "build": source.model_dump(mode="json")})
        return KernelBuild(component=name, key=key, source=source)

    def _source(self, name: str, one: Component) -> SourceBuild:
        first = (self._replaced(name, one),) if one.replaces else ()
        if isinstance(one.source, IndexSource):
            # `==` would take any local version, which is another back end's wheel (PEP 440).
            what = f"{one.source.project}==={one.source.version}"
            step = pip_install(what, python=self._python, binds=(_WHEELS,), why=one.title or name)
            return SourceBuild(name=name, steps=(*first, step))
        folder = tree_folder(name, one)
        if not _ABSOLUTE.match(folder):
            raise RecipeError(
                f"component `{name}` is placed at {folder!r}, wanted an absolute folder of plain characters",
                hint="correct `placed_at` of the component",
            )
        path = f"sources/{name}.tar"
        if isinstance(one.source, ArchiveSource):
            path = f"archives/{self._inputs.file(f'components.{name}', one.source.file)}"
        steps = tuple(installing(step, folder, python=self._python) for step in one.install)
        return SourceBuild(name=name, tree=PlacedArchive(path=path, folder=folder), steps=(*first, *steps))

    def _replaced(self, name: str, one: Component) -> Step:
        return pip_uninstall(one.replaces, python=self._python, component=one.title or name)


def is_kernel_library(component: Component) -> bool:
    """Whether a component is a source that pip makes a wheel of, and nothing else is done with it."""
    steps = component.install
    made_by_pip = bool(steps) and all(one.tool == "pip" and not one.editable for one in steps)
    return isinstance(component.source, GitSource) and made_by_pip and component.placed_at is None
