"""Lock the base that stands in for vendors' images anew: `make stand-ins`. Its packages and what they make, by hash."""

import sys

from flagrelease.adapters.stand_ins.base import base_archive
from flagrelease.adapters.stand_ins.reading import StandInRecipes
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.origins import WebOrigins
from flagrelease.adapters.supply.resolver import Resolver
from flagrelease.adapters.supply.supplier import HostSupplier
from flagrelease.cli.settings import settings
from flagrelease.domain.chip import Architecture
from flagrelease.domain.lock import LockedBase
from flagrelease.domain.stand_in import LockedStandIn, StandInBaseLock
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.formats.canonical import pretty_json


def main() -> None:
    """Ask the archive, put each base together once, write the lock."""
    chosen = settings()
    recipes = StandInRecipes(chosen.recipes)
    store = FileStore(chosen.home)
    with HostSupplier(
        store, recipes=chosen.recipes, offline=False, origins=lambda: WebOrigins(store, environ=chosen.environ)
    ) as supplier:
        origins = WebOrigins(store, environ=chosen.environ)
        resolver = Resolver(origins, recipes=chosen.recipes, progress=lambda _done, _total: None)
        locked: dict[Architecture, LockedStandIn] = {}
        for architecture in recipes.base.architectures:
            packages = resolver.debian(recipes.base.base, architecture)
            for package in packages:
                supplier.deb(package, lambda _done, _total: None)
            archive = base_archive(recipes.base, packages, architecture, store, assemble)
            base = LockedBase(asked=recipes.base.base, packages=packages)
            locked[architecture] = LockedStandIn(base=base, archive=archive)
        origins.close()
    lock = StandInBaseLock(schema="flagrelease.stand-in-base-lock/v1", architectures=locked)
    recipes.lock_path.write_bytes(pretty_json(lock))
    sys.stdout.write(f"{recipes.lock_path}\n")


if __name__ == "__main__":
    main()
