from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.engines.embedded.wheel import wheel_entries
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, Stream
from tests.embedded.assemble_inputs import SITE, a_wheel, locked_wheel, recorded


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


def read(store: FileStore, wheels: dict[str, bytes]) -> dict[str, tuple[Entry, bytes]]:
    locked = [locked_wheel(store, project, content) for project, content in wheels.items()]
    files = [(wheel, store.path(f"sha256:{wheel.sha256}")) for wheel in locked]
    with wheel_entries(files, SITE) as entries:
        found = {}
        for entry in entries:
            assert isinstance(entry.content, Stream)
            found[entry.path.removeprefix(f"{SITE[1:]}/")] = (entry, b"".join(entry.content.chunks()))
        return found


def test_files_and_metadata_lie_below_site_packages(store: FileStore) -> None:
    found = read(store, {"tiny": a_wheel("tiny", {"tiny/__init__.py": b"x = 1\n", "tiny/größe.py": b""})})
    assert sorted(found) == [
        "tiny-1.0.dist-info/METADATA",
        "tiny-1.0.dist-info/RECORD",
        "tiny/__init__.py",
        "tiny/größe.py",
    ]
    assert found["tiny/__init__.py"][1] == b"x = 1\n"
    assert found["tiny/__init__.py"][0].mode == 0o644


def test_a_program_inside_a_wheel_stays_executable(store: FileStore) -> None:
    wheel = a_wheel("tiny", {"tiny/run": b"#!"}, modes={"tiny/run": 0o100775})
    assert read(store, {"tiny": wheel})["tiny/run"][0].mode == 0o755


def test_libraries_of_the_data_folder_go_to_site_packages_and_scripts_do_not(store: FileStore) -> None:
    files = {f"tiny-1.0.data/{scheme}/x.py": b"" for scheme in ("scripts", "headers")}
    files |= {"tiny-1.0.data/purelib/pure.py": b"p", "tiny-1.0.data/platlib/plat.so": b"q"}
    found = read(store, {"tiny": a_wheel("tiny", files)})
    assert (found["pure.py"][1], found["plat.so"][1]) == (b"p", b"q")
    assert not [path for path in found if "x.py" in path]


def test_byte_code_is_left_out(store: FileStore) -> None:
    files = {"tiny.py": b"", "tiny.pyc": b"", "__pycache__/tiny.cpython-311.pyc": b""}
    assert {path for path in read(store, {"tiny": a_wheel("tiny", files)}) if "info" not in path} == {"tiny.py"}


def test_two_wheels_may_bring_the_same_file_but_not_different_ones(store: FileStore) -> None:
    same = {name: a_wheel(name, {"space/__init__.py": b"", f"space/{name}.py": b""}) for name in ("one", "two")}
    assert {"space/one.py", "space/two.py"} < read(store, same).keys()
    with pytest.raises(BuildError, match=r"different in the wheel one-.* and the wheel two-"):
        read(store, {name: a_wheel(name, {"space/__init__.py": name.encode()}) for name in ("one", "two")})


def test_the_project_may_be_spelled_as_a_wheel_spells_it(store: FileStore) -> None:
    locked = locked_wheel(store, "Tiny.Name", a_wheel("tiny_name", {"x.py": b""}))
    with wheel_entries([(locked, store.path(f"sha256:{locked.sha256}"))], SITE) as entries:
        assert len(entries) == 3


def lines(*rows: str) -> str:
    return "\n".join((*rows, f"tiny-1.0.dist-info/METADATA,{METADATA},", "tiny-1.0.dist-info/RECORD,,", ""))


METADATA = recorded(b"Name: tiny\nVersion: 1.0\n")
GOOD = recorded(b"good")

HOSTILE = {
    "a name that climbs": (a_wheel("tiny", {"../x.py": b"good"}), r"`\.\.` part"),
    "an absolute name": (a_wheel("tiny", {"/etc/passwd": b"good"}), "absolute"),
    "a name with an escape": (a_wheel("tiny", {"a\x1bb": b"good"}), "control character"),
    "a link": (a_wheel("tiny", {"x.py": b"/etc/passwd"}, modes={"x.py": 0o120777}), "is no file"),
    "a data file": (a_wheel("tiny", {"tiny-1.0.data/data/etc/x": b""}), "scheme 'data'"),
    "purelib that climbs": (a_wheel("tiny", {"tiny-1.0.data/purelib/../../x": b""}), r"`\.\.` part"),
    "purelib of nothing": (a_wheel("tiny", {"tiny-1.0.data/purelib": b""}), "scheme 'purelib'"),
    "a file that is not in RECORD": (a_wheel("tiny", {"x.py": b"good"}, record=lines()), "x.py is not in RECORD"),
    "a file without a hash": (a_wheel("tiny", {"x.py": b"good"}, record=lines("x.py,,")), "x.py is not in RECORD"),
    "a wrong hash": (a_wheel("tiny", {"x.py": b"evil"}, record=lines(f"x.py,{GOOD},4")), "not what RECORD says"),
    "a weak hash": (a_wheel("tiny", {"x.py": b""}, record=lines("x.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0")), "by 'md5'"),
    "a hash that is no base64": (a_wheel("tiny", {"x.py": b""}, record=lines("x.py,sha256=a,0")), "can be read"),
    "a file that is missing": (a_wheel("tiny", {}, record=lines(f"y.py,{GOOD},4")), "lists 'y.py', which is not there"),
    "a line twice": (a_wheel("tiny", {"x.py": b"good"}, record=lines(*[f"x.py,{GOOD},4"] * 2)), "twice"),
    "a RECORD that is not UTF-8": (
        a_wheel("tiny", {}).replace(b"RECORD", b"RECOR\xff"),
        "wanted tiny-1.0.dist-info/RECORD",
    ),
    "another project": (a_wheel("other", {}), "the lock says tiny 1.0"),
    "another version": (a_wheel("tiny", {}, version="1.1"), "the lock says tiny 1.0"),
    "two dist-infos": (a_wheel("tiny", {"other-1.0.dist-info/METADATA": b""}), "has 2 .dist-info folders"),
    "no zip": (b"#!/bin/sh\n" * 100, "can be read"),
    "a cut zip": (a_wheel("tiny", {"x.py": b"good"})[:-30], "can be read"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_wheel_with_something_wrong_is_refused_by_name(store: FileStore, case: str) -> None:
    wheel, message = HOSTILE[case]
    with pytest.raises(BuildError, match=message) as raised:
        read(store, {"tiny": wheel})
    assert "the wheel tiny-1.0-py3-none-any.whl" in raised.value.message


def test_any_flipped_byte_is_found_or_does_no_harm(store: FileStore) -> None:
    files = {"tiny/__init__.py": b"x = 1\n" * 50, "tiny/data.bin": bytes(range(256))}
    whole = a_wheel("tiny", files)
    right = {path: content for path, (_, content) in read(store, {"tiny": whole}).items()}
    found = 0
    for place in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 0x40
        try:
            contents = {path: content for path, (_, content) in read(store, {"tiny": bytes(flipped)}).items()}
        except BuildError:
            found += 1
        else:
            assert contents == right
    assert found > len(whole) // 14
