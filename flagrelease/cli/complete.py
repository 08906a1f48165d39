"""Shell completion of recipe names, for options that mean something else in each command."""

from collections.abc import Callable

from flagrelease.cli.settings import settings


def names_in(folder: str) -> Callable[[str], list[str]]:
    """Completes the names of the recipes in `recipes/<folder>`."""

    def complete(incomplete: str) -> list[str]:
        found = sorted(path.stem for path in (settings().recipes / folder).glob("*.yaml"))
        return [name for name in found if name.startswith(incomplete)]

    return complete


def bundle_names(incomplete: str) -> list[str]:
    """Completes bundles as `chip/model`."""
    found = (settings().recipes / "bundles").glob("*/*.yaml")
    return sorted(name for path in found if (name := f"{path.parent.name}/{path.stem}").startswith(incomplete))
