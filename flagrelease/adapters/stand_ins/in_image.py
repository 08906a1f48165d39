"""A part of a rehearsal: what a stand-in does inside an image. It is copied there, so it needs Python 3.9 and no more.

As a build back end (PEP 517 and 660) it needs nothing of an index, so that a tree of it is built without a network
also where pip isolates the build. It writes down that it was called, and how.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
Settings = dict[str, Any]

CALLS = "/opt/flagrelease-rehearsal/calls.jsonl"
FACTS = "flagrelease_stand_in.json"
CALLED = "flagrelease-stand-in.jsonl"
"""The file in a wheel's `.dist-info` folder that holds the call of its build, for it travels with the wheel."""


def call_line(name: str, argv: list[str], variables: list[str]) -> str:
    """One call as a line of JSON; `variables` are looked up in the environment."""
    env = {one: os.environ[one] for one in sorted(variables) if one in os.environ}
    return json.dumps({"stand_in": name, "argv": argv, "env": env}, sort_keys=True) + "\n"


def write_down(line: str) -> None:
    """Add a line to the calls of this image."""
    path = Path(os.environ.get("FLAGRELEASE_STAND_IN_CALLS", CALLS))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as calls:
        calls.write(line)


def imported(module: str) -> None:
    """Write down that a stand-in's module was imported. An image that runs is read-only: then it is said only."""
    try:
        write_down(call_line(module, ["import", module], []))
    except OSError as error:
        sys.stderr.write(f"{module} is a stand-in of a rehearsal ({error.strerror}: its import is not written down)\n")


def wheel_name(project: str, version: str, platform: str = "any") -> str:
    """The file name of a wheel for any Python 3; `project` as it is spelled in file names."""
    return f"{project}-{version}-py3-none-{platform}.whl"


def wheel_bytes(facts: Facts, files: dict[str, bytes]) -> bytes:
    """A wheel whose bytes depend on nothing but the arguments: not compressed, dated 1980.

    `facts` are `project`, `version`, `summary`, `requires` (a list) and `platform`; `files` are what it brings.
    """
    info = f"{facts['project']}-{facts['version']}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {facts['project']}",
        f"Version: {facts['version']}",
        f"Summary: {facts['summary']}",
        "Classifier: Private :: Do Not Upload",
        *[f"Requires-Dist: {one}" for one in facts["requires"]],
    ]
    about = ["Wheel-Version: 1.0", "Generator: flagrelease-stand-in", "Root-Is-Purelib: true"]
    about.append(f"Tag: py3-none-{facts['platform']}")
    written = dict(sorted(files.items()))
    written[f"{info}/METADATA"] = ("\n".join(metadata) + "\n").encode()
    written[f"{info}/WHEEL"] = ("\n".join(about) + "\n").encode()
    record = "".join(f"{name},{_hash(content)},{len(content)}\n" for name, content in written.items())
    written[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return _zip(written)


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, content)
    return out.getvalue()


# The hooks of a build back end; pip runs them in the folder of the tree. ---------------------------


def build_wheel(
    wheel_directory: str, config_settings: Settings | None = None, metadata_directory: str | None = None
) -> str:
    """PEP 517."""
    del metadata_directory
    facts = _facts()
    module = Path(facts["module"])
    files = {path.as_posix(): path.read_bytes() for path in sorted(module.glob("*.py"))}
    return _built("build_wheel", facts, files, wheel_directory, config_settings)


def build_editable(
    wheel_directory: str, config_settings: Settings | None = None, metadata_directory: str | None = None
) -> str:
    """PEP 660: the tree stays where it is, and a `.pth` file leads to it."""
    del metadata_directory
    facts = _facts()
    files = {f"__editable__{facts['module']}.pth": f"{Path.cwd()}\n".encode()}
    return _built("build_editable", facts, files, wheel_directory, config_settings)


def _facts() -> Facts:
    facts: Facts = json.loads(Path(FACTS).read_text(encoding="utf-8"))
    return facts


def _built(hook: str, facts: Facts, files: dict[str, bytes], to: str, settings: Settings | None) -> str:
    argv = [hook, facts["path"], *[f"{key}={value}" for key, value in sorted((settings or {}).items())]]
    line = call_line(facts["component"], argv, facts["variables"])
    write_down(line)
    files[f"{facts['project']}-{facts['version']}.dist-info/{CALLED}"] = line.encode()
    name = wheel_name(facts["project"], facts["version"])
    Path(to, name).write_bytes(wheel_bytes(facts, files))
    return name
