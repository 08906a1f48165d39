"""The locks of harnesses' environments: names, versions and hashes, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.errors import RecipeError
from flagrelease.formats.requirements import Pin, read_requirements

HARNESSES = Path(__file__).parents[2] / "recipes" / "harnesses"
HASH = "0" * 64


def read(text: str) -> tuple[Pin, ...]:
    return read_requirements(text.encode(), source="a.lock")


@pytest.mark.parametrize("lock", sorted(HARNESSES.glob("*.lock")), ids=lambda path: path.name)
def test_every_committed_lock_is_one_and_pins_what_its_harness_is_called(lock: Path) -> None:
    pins = read_requirements(lock.read_bytes(), source=lock.name)
    assert lock.stem in {pin.name for pin in pins}
    assert all(pin.hashes for pin in pins)


names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8})?", fullmatch=True)
pins = st.builds(
    Pin,
    name=names,
    version=st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True),
    marker=st.sampled_from(["", "python_full_version < '3.12'", "sys_platform == 'win32' or os_name == 'nt'"]),
    hashes=st.lists(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), min_size=1, max_size=4).map(tuple),
)


@given(st.lists(pins, min_size=1, max_size=6))
def test_what_is_written_for_pip_is_read_again(written: list[Pin]) -> None:
    assert read("".join(pin.lines() for pin in written)) == tuple(written)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        f"--index-url=https://example.org/simple --hash=sha256:{HASH}",
        "-r other.txt",
        f"a @ https://example.org/a.whl --hash=sha256:{HASH}",
        f"https://example.org/a.whl --hash=sha256:{HASH}",
        f"./a.whl --hash=sha256:{HASH}",
        "a==1.0",
        f"a>=1.0 --hash=sha256:{HASH}",
        "a==1.0 --hash=md5:0",
        f"a==1.0 --hash=sha256:{HASH} --config-settings=x=y",
        f"a==1.0 --global-option=x --hash=sha256:{HASH}",
        f"a==1.0 ; python_version < '3' # {HASH} --hash=sha256:{HASH}x",
        f"ä==1.0 --hash=sha256:{HASH}",
        "",
    ],
)
def test_whatever_is_no_pin_with_hashes_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(RecipeError, match=r"a\.lock"):
        read(f"{line}\n")
