"""The programs that a build runs, as argument lists: pip, make, a component's own script, and a few lines of Python.

pip never reaches an index and never takes a dependency on its own: everything that is installed is named in the lock.
"""

from typing import Final, Literal

from flagrelease.domain.component import Install
from flagrelease.domain.engine_build import Bind, Step

MOUNTED: Final = "/tmp/flagrelease"  # noqa: S108 - a folder of the image's build, not of this machine
"""Where a step sees files of the build's folder."""

BUILD_CACHE: Final = "/var/cache/flagrelease"
"""What compilers keep between builds, such as ccache; in no layer."""

_KEPT: Final = {"XDG_CACHE_HOME": BUILD_CACHE}

_CLOSED: Final = ("--no-index", "--no-deps", "--no-cache-dir")

_EVERY_WHEEL: Final = (
    "import pathlib, subprocess, sys; "
    "wheels = sorted(str(one) for one in pathlib.Path(sys.argv[1]).rglob('*.whl')); "
    "wheels or sys.exit('no wheel below ' + sys.argv[1]); "
    "sys.exit(subprocess.call([sys.executable, '-m', 'pip', *sys.argv[2:], *wheels]))"
)

_SAME_ABI: Final = (
    "import sys, torch; found = str(int(torch.compiled_with_cxx11_abi())); "
    "found == sys.argv[1] or sys.exit('torch is compiled with C++ ABI ' + found + ', wanted ' + sys.argv[1])"
)


def pip_install(*what: str, python: str, binds: tuple[Bind, ...] = (), why: str | None = None) -> Step:
    """Install wheels that are named, from folders that are mounted."""
    folders = tuple(f"--find-links={one.target}" for one in binds if not one.target.endswith(".whl"))
    return Step(argv=(python, "-m", "pip", "install", *_CLOSED, *folders, *what), binds=binds, why=why)


def install_every_wheel(folder: str, *, python: str, why: str) -> Step:
    """Install all wheels below a folder of the build's folder. Their names are known only after they were built."""
    bind = Bind(source=folder, target=f"{MOUNTED}/{folder}")
    return Step(argv=(python, "-c", _EVERY_WHEEL, bind.target, "install", *_CLOSED), binds=(bind,), why=why)


def pip_uninstall(projects: tuple[str, ...], *, python: str, component: str) -> Step:
    """Take out what a component brings itself; a project that is not there is passed over."""
    argv = (python, "-m", "pip", "uninstall", "--yes", *projects)
    return Step(argv=argv, why=f"{component} brings the modules of {', '.join(projects)} itself")


def wheel_of(step: Install, tree: str, *, python: str) -> Step:
    """Compile a component's tree to a wheel below /wheels."""
    closed = ("--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir=/wheels")
    argv = (python, "-m", "pip", "wheel", *closed, *step.arguments, below(tree, step.path))
    return Step(argv=argv, env={**_KEPT, **step.env}, caches=(BUILD_CACHE,), secrets=step.secrets)


def installing(step: Install, tree: str, *, python: str) -> Step:
    """One step of a component's installation on its tree in the image."""
    folder = below(tree, step.path)
    if step.tool == "make":
        argv = ("make", "-C", folder, *step.arguments)
        return Step(argv=argv, env={**_KEPT, **step.env}, caches=(BUILD_CACHE,), secrets=step.secrets)
    if step.tool == "script":
        # In the tree, since such scripts name their neighbours.
        argv = ("bash", step.path or "install.sh", *step.arguments)
        return Step(argv=argv, env=step.env, folder=tree, secrets=step.secrets)
    isolation = () if folder.endswith(".whl") else ("--no-build-isolation",)
    editable = ("--editable",) if step.editable else ()
    argv = (python, "-m", "pip", "install", *_CLOSED, *isolation, *step.arguments, *editable, folder)
    return Step(argv=argv, env=step.env, secrets=step.secrets)


def has_pip(python: str) -> Step:
    """Fails early, and by name, on a base without Python."""
    return Step(argv=(python, "-m", "pip", "--version"), why="The base has to bring Python with pip")


def same_abi(wanted: Literal[0, 1], *, python: str) -> Step:
    """Fails where torch was compiled with the other C++ ABI."""
    return Step(argv=(python, "-c", _SAME_ABI, str(wanted)), why="The C++ ABI of torch, as the archives need it")


def below(tree: str, path: str | None) -> str:
    """A path of a component in the image."""
    return f"{tree}/{path}" if path else tree
