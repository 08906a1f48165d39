"""The code of sealing stays small enough to be read through: two files touch cryptography, none touches a disk."""

import ast
from pathlib import Path

import flagrelease

PACKAGE = Path(flagrelease.__file__).parent


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
            found |= {node.module} if node.module and node.module.startswith("flagrelease.") else set()
    return found


def test_two_files_of_the_package_import_cryptography() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "cryptography" in _imported(path)
    }
    assert users >= {"sealing/flagscale.py", "sealing/primitives.py"}
    assert {path for path in users if path.startswith("sealing/")} == {"sealing/flagscale.py", "sealing/primitives.py"}


def test_sealing_is_pure() -> None:
    for path in (PACKAGE / "sealing").glob("*.py"):
        used = _imported(path)
        assert used.isdisjoint({"pathlib", "subprocess", "shutil", "tempfile", "socket", "logging", "random"})
        assert not any(name.startswith(("flagrelease.adapters", "flagrelease.cli")) for name in used)
