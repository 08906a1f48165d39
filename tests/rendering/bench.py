"""Dockerfiles as a benchmark: of every chip with every SDK, in process."""

import statistics
import time
from collections.abc import Callable

import dockerfile  # type: ignore[import-not-found]

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.rehearsals import rehearsed
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.engine_build import Parts
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import DOCKERFILE, MACROS, Recipe
from flagrelease.launch.server import inner_command
from flagrelease.rendering.dockerfile import render_dockerfile
from flagrelease.rendering.plan import plan_image
from tests.rendering.conftest import ROOT, TEMPLATES

ROUNDS = 5


def render_all_chips() -> str:
    """Plan and Dockerfile of each SDK of each chip, the templates read anew, against BuildKit's parser reading them."""
    catalogue = Catalogue(ROOT / "recipes")
    chips = catalogue.names("chips")
    recipes = [rehearsed(catalogue, chip, sdk) for chip in chips for sdk in catalogue.chip(chip).sdks]
    lock = catalogue.lock(catalogue.recipe("nvidia_cuda", "minicpm-2b"))
    assert isinstance(lock, PartialLock)
    begin = time.perf_counter()
    texts = [_rendered(one, lock) for one in recipes]
    first = time.perf_counter() - begin
    ours, theirs = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        texts = [_rendered(one, lock) for one in recipes]
        middle = time.perf_counter()
        for text in texts:
            dockerfile.parse_string(text)
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    again, parsed = statistics.median(ours), statistics.median(theirs)
    return (
        f"{first:.2f} s for {len(recipes)} SDKs of {len(chips)} chips, budget 1 s; again {again:.2f} s; "
        f"BuildKit's parser reads them in {parsed:.2f} s: {again / parsed:.1f} ×"
    )


def _rendered(recipe: Recipe, lock: PartialLock) -> str:
    template, macros = ((TEMPLATES / name).read_text() for name in (f"{recipe.chip.name}{DOCKERFILE}", MACROS))
    plan = plan_image(recipe, lock, Parts(parts=()), rehearsal=True, entrypoint=inner_command(recipe))
    return render_dockerfile(SandboxedTemplates(), plan, template, macros)


BENCHMARKS: dict[str, Callable[[], str]] = {"render-all-chips": render_all_chips}
