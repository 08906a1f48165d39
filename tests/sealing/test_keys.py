"""Keys are made once, never overwritten, kept from others, and whole or refused."""

import os
import traceback
from pathlib import Path

import pytest

from flagrelease.adapters.sealed.key_files import load_private, load_public, load_publics, make_key, write_public
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.sealing.keys import PublicKey, new_key, read_private, read_public, stored, unlocked


def _never(key: PublicKey) -> bytes | None:
    raise AssertionError(f"asked for the passphrase of {key.shown}")


def test_a_pair_is_made_and_read_back(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        key, public = make_key(tmp_path / "keys", "vendor", None)
    finally:
        os.umask(umask)
    private = tmp_path / "keys" / "vendor.key"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    assert load_public(public) == key
    assert load_publics([tmp_path / "keys", public]) == (key,)
    assert load_private([private], _never)[0].public == key


@pytest.mark.parametrize("lost", ["", "vendor.key", "vendor.pub"])
def test_nothing_of_a_pair_is_overwritten_when_one_file_is_missing(tmp_path: Path, lost: str) -> None:
    make_key(tmp_path, "vendor", None)
    if lost:
        (tmp_path / lost).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SourceError, match="never overwritten"):
        make_key(tmp_path, "vendor", None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_lost_public_file_is_written_again_from_the_private_one(tmp_path: Path) -> None:
    key, public = make_key(tmp_path, "vendor", None)
    before = public.read_bytes()
    public.unlink()
    assert write_public(tmp_path / "vendor.key") == (key, public)
    assert public.read_bytes() == before
    with pytest.raises(SourceError, match="never overwritten"):
        write_public(tmp_path / "vendor.key")


def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path, "vendor", None)
    (tmp_path / "vendor.key").chmod(0o640)
    with pytest.raises(SourceError, match="its mode is 0640") as told:
        load_private([tmp_path / "vendor.key"], _never)
    assert "chmod 600" in told.value.hint


def test_a_private_key_through_a_link_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path, "vendor", None)
    (tmp_path / "link.key").symlink_to("vendor.key")
    with pytest.raises(SourceError, match="is a symbolic link"):
        load_private([tmp_path / "link.key"], _never)


def test_a_locked_key_opens_by_its_passphrase_only(tmp_path: Path) -> None:
    make_key(tmp_path, "vendor", b"correct horse")
    path = tmp_path / "vendor.key"
    assert load_private([path], lambda _: b"correct horse")[0].public == load_public(tmp_path / "vendor.pub")
    with pytest.raises(SourceError, match="does not unlock"):
        load_private([path], lambda _: b"battery staple")
    with pytest.raises(SourceError, match="locked by a passphrase, and none was given"):
        load_private([path], lambda _: None)


def test_no_passphrase_is_asked_for_a_key_that_is_of_no_use(tmp_path: Path) -> None:
    make_key(tmp_path, "vendor", b"correct horse")
    assert load_private([tmp_path], _never, only={"0" * 32}) == ()


def test_every_bit_of_a_public_key_counts() -> None:
    key = new_key("vendor").public
    data = pretty_json(key)
    assert read_public(data, "x") == key
    accepted = []
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        try:
            read_public(bytes(changed), "x")
        except SourceError:
            continue
        accepted.append(place)
    assert accepted == []


def test_every_bit_of_a_private_key_counts_and_no_message_shows_it() -> None:
    key = new_key("vendor")
    data = stored(key)
    secret = (key.opens + key.signs).hex()
    assert secret not in repr(key)
    assert secret not in repr(read_private(data, "x"))
    accepted, shown = [], []
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        try:
            unlocked(read_private(bytes(changed), "x"), None, "x")
        except SourceError as error:
            said = "".join(traceback.format_exception(error))
            shown += [place] if secret[:12] in said or secret[64:76] in said else []
        else:
            accepted.append(place)
    assert (accepted, shown) == ([], [])
