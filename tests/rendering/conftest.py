from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.engine_build import ImagePlan
from flagrelease.domain.recipe import DOCKERFILE, MACROS
from flagrelease.rendering.dockerfile import render_dockerfile

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "dockerfiles"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The project's own recipes."""
    return Catalogue(ROOT / "recipes")


def rendered(plan: ImagePlan) -> str:
    """The Dockerfile of a plan by the template of its chip."""
    template, macros = ((TEMPLATES / name).read_text() for name in (f"{plan.chip}{DOCKERFILE}", MACROS))
    return render_dockerfile(SandboxedTemplates(), plan, template, macros)
