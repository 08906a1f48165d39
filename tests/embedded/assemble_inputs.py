"""Small Debian packages, wheels and contexts, made by hand."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext, RenderedFile, WeightFile
from flagrelease.domain.source import LockedDeb, LockedWheel

SITE = "/opt/bundle/python"


def a_member(name: str, content: bytes = b"", /, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a package's data; names with a slash at their end are folders, `fields` are those of TarInfo."""
    info = tarfile.TarInfo(f"./{name}".removesuffix("/"))
    info.type = tarfile.DIRTYPE if name.endswith("/") or not name else tarfile.REGTYPE
    info.mode = 0o755 if info.isdir() else 0o644
    info.mtime = 1_700_000_000
    info.uname = info.gname = "packager"
    info.uid = 1000
    for field, value in fields.items():
        setattr(info, field, value)
    info.size = len(content)
    return info, content


def a_link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    return a_member(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target, mode=0o777)


def tar_xz(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def a_deb(
    name: str, members: Iterable[tuple[tarfile.TarInfo, bytes]], *, version: str = "1.0", control: str = ""
) -> bytes:
    record = control or f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nDescription: tiny\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": tar_xz([a_member("control", record.encode())]),
        "data.tar.xz": tar_xz([a_member(""), *members]),
    }
    out = [b"!<arch>\n"]
    for part, content in parts.items():
        out.append(f"{part:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
        out.append(content + b"\n" * (len(content) % 2))
    return b"".join(out)


def a_wheel(
    project: str,
    files: dict[str, bytes],
    *,
    version: str = "1.0",
    record: str | None = None,
    modes: dict[str, int] | None = None,
) -> bytes:
    """A wheel; `record` replaces the right RECORD, `modes` are the permission bits of single files."""
    info = f"{project}-{version}.dist-info"
    files = files | {f"{info}/METADATA": f"Name: {project}\nVersion: {version}\n".encode()}
    if record is None:
        record = "".join(f"{name},{recorded(content)},{len(content)}\n" for name, content in files.items())
        record += f"{info}/RECORD,,\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | {f"{info}/RECORD": record.encode()}).items():
            member = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
            member.external_attr = (modes or {}).get(name, 0o100644) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return out.getvalue()


def recorded(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def locked_deb(store: FileStore, name: str, content: bytes, *, version: str = "1.0") -> LockedDeb:
    digest = store.add_bytes(content)
    return LockedDeb(
        name=name,
        version=version,
        architecture="amd64",
        archive="debian",
        path=f"pool/{name}.deb",
        size=len(content),
        sha256=digest.removeprefix("sha256:"),
    )


def locked_wheel(store: FileStore, project: str, content: bytes, *, version: str = "1.0") -> LockedWheel:
    digest = store.add_bytes(content)
    return LockedWheel(
        project=project,
        version=version,
        filename=f"{project}-{version}-py3-none-any.whl",
        size=len(content),
        sha256=digest.removeprefix("sha256:"),
    )


def a_context(
    store: FileStore,
    *,
    debs: Mapping[str, Sequence[tuple[tarfile.TarInfo, bytes]]] | None = None,
    wheels: dict[str, dict[str, bytes]] | None = None,
    files: dict[str, bytes] | None = None,
    weights: dict[str, bytes] | None = None,
) -> BuildContext:
    return BuildContext(
        architecture="amd64",
        base=tuple(locked_deb(store, name, a_deb(name, members)) for name, members in (debs or {}).items()),
        wheels=tuple(locked_wheel(store, name, a_wheel(name, content)) for name, content in (wheels or {}).items()),
        site_packages=SITE,
        files=tuple(
            RenderedFile(path=path, mode=0o755, content=store.add_bytes(content))
            for path, content in (files or {}).items()
        ),
        weights=tuple(
            WeightFile(path=path, content=store.add_bytes(content), size=len(content))
            for path, content in (weights or {}).items()
        ),
        env={"PYTHONPATH": SITE},
        entrypoint=("/usr/bin/python3", "/opt/bundle/serve.py"),
        exposed_port=8000,
        labels={"org.opencontainers.image.title": "tiny"},
    )


def a_full_context(store: FileStore) -> BuildContext:
    """A context that has something in every layer."""
    return a_context(
        store,
        debs={
            "base-files": [
                a_member("etc/"),
                a_member("lib/"),
                a_member("tmp/", mode=0o1777),
                a_member("usr/lib/os-release", b"ID=tiny\n"),
                a_link("etc/os-release", "../usr/lib/os-release"),
            ],
            "tool": [a_member("bin/tool", b"#!/bin/sh\n", mode=0o755), a_link("bin/alias", "./bin/tool", hard=True)],
        },
        wheels={"engine": {"engine/__init__.py": b"one = 1\n", "engine/core.so": bytes(range(256)) * 5000}},
        files={"/opt/bundle/serve.py": b"import engine\n", "/etc/hosts": b"127.0.0.1 localhost\n"},
        weights={"/opt/bundle/weights/model.gguf": b"GGUF" * 400_000},
    )


def unpacked(store: FileStore, layers: Iterable[str]) -> list[Path]:
    return [store.path(digest) for digest in layers]
