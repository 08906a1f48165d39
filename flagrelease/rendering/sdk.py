"""The SDK's part of an image: its installers in the recipe's order, then torch and the vendor's adapter to it."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.chip import Installer
from flagrelease.domain.engine_build import Bind, PlacedArchive, Step
from flagrelease.domain.recipe import Recipe
from flagrelease.rendering.commands import MOUNTED, has_pip, pip_install
from flagrelease.rendering.names import Inputs

ADAPTER_FOLDER: Final = "/torch-adapter"
"""In the stage `unpacked`."""

_RUN: Final = ("toolkit", "kernels", "acceleration")


class SdkSteps:
    """The steps of one SDK. Driver and firmware are the host's; archives of models belong to a bundle's component."""

    def __init__(self, recipe: Recipe, inputs: Inputs, python: str) -> None:
        self._recipe = recipe
        self._inputs = inputs
        self._python = python

    @property
    def base_key(self) -> str:
        """The lock's key of the base."""
        return f"sdks.{self._recipe.variant.sdk}.base"

    def keys(self) -> tuple[str, ...]:
        """The lock's keys of all that the SDK image is made of."""
        return (self.base_key, *(self.key(one) for one in self._image_installers()))

    def key(self, installer: Installer) -> str:
        """The lock's key of an installer."""
        return f"sdks.{self._recipe.variant.sdk}.installers.{installer.purpose}"

    def installers(self) -> tuple[Step, ...]:
        """Toolkit, kernels and libraries, in the order of the recipe."""
        return (has_pip(self._python), *(self._run(one) for one in self._image_installers() if one.purpose in _RUN))

    def torch(self) -> tuple[Step, ...]:
        """PyTorch, then its adapter, where the SDK brings them as files; else they are the base's."""
        return tuple(self._torch())

    def unpacked(self) -> tuple[PlacedArchive, ...]:
        """The adapter's archive, for the steps only."""
        return tuple(
            PlacedArchive(path=f"archives/{self._file(one)}", folder=ADAPTER_FOLDER)
            for one in self._image_installers()
            if one.purpose == "torch-adapter"
        )

    def shell_files(self) -> tuple[str, ...]:
        """Files of variables that the installers bring, in their order."""
        return tuple(one.sets for one in self._image_installers() if one.sets and one.purpose in _RUN)

    def torch_key(self) -> str:
        """The lock's key of what brings torch."""
        return next((self.key(one) for one in self._image_installers() if one.purpose == "torch"), self.base_key)

    def _image_installers(self) -> Iterator[Installer]:
        for one in self._recipe.sdk.installers:
            fits = one.architecture in (None, self._recipe.architecture)
            if one.where == "image" and fits and one.purpose in (*_RUN, "torch", "torch-adapter"):
                yield one

    def _file(self, installer: Installer) -> str:
        return self._inputs.file(self.key(installer), installer.file)

    def _bind(self, installer: Installer) -> Bind:
        file = self._file(installer)
        return Bind(source=f"installers/{file}", target=f"{MOUNTED}/{file.replace('*', '_')}")

    def _run(self, installer: Installer) -> Step:
        bind = self._bind(installer)
        # An installer asks for its own variables by no shell: what a recipe writes reaches it as it is.
        return Step(argv=("sh", bind.target, *installer.arguments), binds=(bind,), why=_said(installer))

    def _torch(self) -> Iterator[Step]:
        stack = self._recipe.sdk.torch
        for one in self._image_installers():
            if one.purpose == "torch":
                bind = self._bind(one)
                yield pip_install(bind.target, *one.arguments, python=self._python, binds=(bind,), why=_said(one))
            elif one.purpose == "torch-adapter":
                bind = Bind(source=ADAPTER_FOLDER, target=f"{MOUNTED}{ADAPTER_FOLDER}", from_stage="unpacked")
                version = f"==={stack.adapter_version}" if stack and stack.adapter_version else ""
                project = f"{stack.adapter if stack and stack.adapter else 'torch_npu'}{version}"
                yield pip_install(project, *one.arguments, python=self._python, binds=(bind,), why=_said(one))


def _said(installer: Installer) -> str:
    return f"{installer.purpose} of the SDK ({installer.source})"
