"""A sealed set opens for its recipients, byte for byte as it was signed, and not otherwise."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.adapters.sealed.set_folder import (
    check_series,
    needed_keys,
    open_series,
    opened_folder,
    rekey_folder,
    seal_folder,
    seal_of,
)
from flagrelease.domain.patch_series import Series
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_yaml
from flagrelease.sealing import primitives
from flagrelease.sealing.body import Place, commitment, opened_body, sealed_body
from flagrelease.sealing.keys import Keyring, new_key
from flagrelease.sealing.recipients import recipients_mac, wrapped
from flagrelease.sealing.seal import read_seal
from flagrelease.sealing.sets import Checked, checked, opened
from tests.sealing.made import MAINTAINER, MINE, PATCHES, SITE, STRANGER, VENDOR, plain_set, ring, sealed_set


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _open(files: dict[str, bytes], keys: Keyring = MINE) -> list[bytes]:
    """Opens a set from memory."""

    def read(name: str, most: int) -> bytes:
        if name not in files:
            raise SourceError(f"there is no {name}")
        return files[name][:most]

    found: Checked = checked(read, list(files), keys.signers, "set")
    return list(opened(found, keys))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sealed set's files."""
    return _bytes(sealed_set(tmp_path_factory.mktemp("set")))


def test_each_recipient_opens_every_patch_in_its_order(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    for key in (VENDOR, MAINTAINER):
        assert tuple(open_series(folder, ring(key))) == PATCHES


def test_the_plain_files_are_gone_and_the_series_lists_the_sealed_ones(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    names = [f"{number:04}-part.patch.sealed" for number in (1, 2, 3)]
    assert sorted(_bytes(folder)) == [*names, "seal.json", "series.yaml"]
    text = (folder / "series.yaml").read_text()
    series = decode_yaml(text, Series, source="series.yaml")
    assert [(one.file, one.sealed, one.subject) for one in series.patches] == [(name, True, "sealed") for name in names]
    assert "# A comment that stays." in text
    assert text.count("# why it is there") == len(names)


def test_no_part_of_a_patch_or_its_subject_is_readable_in_the_sealed_set(files: dict[str, bytes]) -> None:
    assert not [name for name, data in files.items() if b"+one" in data or b"What part" in data or b"third" in data]


def test_a_stranger_is_told_whose_key_is_needed(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    with pytest.raises(SourceError, match=r"is sealed for .*maintainer \([0-9a-f]{32}\).*at hand: stranger \(") as told:
        open_series(folder, ring(STRANGER))
    assert "patch rekey" in told.value.hint
    assert set(needed_keys(folder)) == {VENDOR.public.shown, MAINTAINER.public.shown}


def test_a_plain_set_is_said_to_be_none_that_is_sealed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is no sealed set: it has no seal\.json"):
        needed_keys(plain_set(tmp_path))


def test_a_set_is_checked_without_any_private_key(tmp_path: Path) -> None:
    assert check_series(sealed_set(tmp_path), [VENDOR.public]).signer == VENDOR.public


def test_a_signer_who_is_not_trusted_is_refused(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    with pytest.raises(SourceError, match=r"signed by cambricon \([0-9a-f]{32}\); keys that are trusted here: site"):
        open_series(folder, Keyring(private=(MAINTAINER,), signers=(SITE.public,)))


def test_every_single_bit_of_a_small_set_counts(tmp_path: Path) -> None:
    files = _bytes(sealed_set(tmp_path, (b"a", b"bb")))
    assert _open(files) == [b"a", b"bb"]
    accepted = []
    for name, data in files.items():
        for place in range(len(data) * 8):
            changed = bytearray(data)
            changed[place // 8] ^= 1 << place % 8
            try:
                _open({**files, name: bytes(changed)})
            except SourceError:
                continue
            accepted.append((name, place))
    assert accepted == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_change_of_any_byte_is_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    changed = bytearray(files[name])
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SourceError):
        _open({**files, name: bytes(changed)})


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_truncated_or_longer_file_is_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    cut = data.draw(st.integers(0, len(files[name]) - 1))
    for changed in (files[name][:cut], files[name] + data.draw(st.binary(min_size=1, max_size=3))):
        with pytest.raises(SourceError):
            _open({**files, name: changed})


def test_a_truncation_at_any_place_is_refused(files: dict[str, bytes]) -> None:
    name = "0003-part.patch.sealed"
    for cut in range(len(files[name])):
        with pytest.raises(SourceError):
            _open({**files, name: files[name][:cut]})


@pytest.mark.parametrize("name", ["0001-part.patch.sealed", "series.yaml", "seal.json"])
def test_a_missing_file_is_refused(files: dict[str, bytes], name: str) -> None:
    with pytest.raises(SourceError, match=f"there is no {name}"):
        _open({key: data for key, data in files.items() if key != name})


def test_another_order_in_the_seal_is_refused(files: dict[str, bytes]) -> None:
    seal = json.loads(files["seal.json"])
    seal["statement"]["patches"].reverse()
    with pytest.raises(SourceError, match="changed after it was signed"):
        _open({**files, "seal.json": pretty_json(seal)})


def test_another_order_in_the_series_is_refused(files: dict[str, bytes]) -> None:
    head, *entries = files["series.yaml"].split(b"  - file: ")
    entries[0], entries[1] = entries[1], entries[0]
    text = b"  - file: ".join([head, *entries])
    assert decode_yaml(text, Series, source="series.yaml").patches[0].file.startswith("0002")
    with pytest.raises(SourceError, match=r"series\.yaml is not the one that cambricon"):
        _open({**files, "series.yaml": text})


def test_two_patches_that_take_each_others_place_are_refused(files: dict[str, bytes]) -> None:
    one, two = "0001-part.patch.sealed", "0002-part.patch.sealed"
    with pytest.raises(SourceError, match="damaged: wanted"):
        _open({**files, one: files[two], two: files[one]})


def test_a_file_that_was_not_signed_is_refused(files: dict[str, bytes]) -> None:
    for stray in ("0004-more.patch", "0004-more.patch.sealed", "0001-part.patch"):
        with pytest.raises(SourceError, match=f"{stray} is no part of the set"):
            _open({**files, stray: b"x"})


def test_metadata_and_another_spelling_of_the_seal_are_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(SourceError, match="is not the one that"):
        _open({**files, "series.yaml": files["series.yaml"].replace(b"upstream: none", b"upstream: merged")})
    with pytest.raises(SourceError, match="it says the same in another spelling"):
        _open({**files, "seal.json": files["seal.json"].replace(b"  ", b" ")})


def test_recipients_changed_without_the_sets_key_are_refused(files: dict[str, bytes]) -> None:
    seal = json.loads(files["seal.json"])
    first, second = seal["recipients"]
    for change in (
        {"recipients": [first]},
        {"recipients": [second]},
        {"recipients": [{**first, "name": "somebody"}, second]},
        {"recipients_mac": "0" * 64},
    ):
        for reader in (VENDOR, MAINTAINER):
            with pytest.raises(SourceError, match=r"its recipients were changed|is sealed for"):
                _open({**files, "seal.json": pretty_json({**seal, **change})}, ring(reader))


def test_a_recipient_cannot_give_another_reader_another_key_for_the_same_files(files: dict[str, bytes]) -> None:
    seal = read_seal(files["seal.json"], "seal.json")
    other = primitives.random(32)
    forged = (wrapped(other, seal.statement.place, MAINTAINER.public),)
    changes = {"recipients": forged, "recipients_mac": recipients_mac(other, seal.statement, forged)}
    with pytest.raises(SourceError, match="damaged, or of another set"):
        _open({**files, "seal.json": pretty_json(seal.model_copy(update=changes))})


def test_a_set_copied_to_another_chip_is_refused(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    shutil.copytree(folder, folder.parent / "metax_c550")
    with pytest.raises(SourceError, match="holds the set of vllm/576370570066/cambricon_mlu"):
        open_series(folder.parent / "metax_c550", MINE)


def test_two_sealings_of_one_set_do_not_mix(tmp_path: Path) -> None:
    one, two = (_bytes(sealed_set(tmp_path / name)) for name in "ab")
    for name in one:
        assert one[name] != two[name]
        with pytest.raises(SourceError):
            _open({**one, name: two[name]})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4000), st.integers(0, 10**9))
def test_a_body_opens_under_its_own_name_only(text: bytes, place_of_change: int) -> None:
    key = primitives.random(32)
    place = Place(component="vllm", base="5" * 40, chip="cpu", id="0" * 32)
    body = sealed_body(key, place, "0001-a.patch.sealed", text)
    assert opened_body(key, place, "0001-a.patch.sealed", body) == text
    assert opened_body(key, place, "0002-a.patch.sealed", body) is None
    assert opened_body(primitives.random(32), place, "0001-a.patch.sealed", body) is None
    changed = bytearray(body)
    changed[place_of_change % len(body)] ^= 1 << place_of_change % 8
    assert opened_body(key, place, "0001-a.patch.sealed", bytes(changed)) is None
    assert opened_body(key, place.model_copy(update={"chip": "other"}), "0001-a.patch.sealed", body) is None
    assert commitment(key, place) != commitment(primitives.random(32), place)


def test_rekey_writes_the_seal_and_nothing_else(tmp_path: Path) -> None:
    folder, other = sealed_set(tmp_path), sealed_set(tmp_path, chip="other")
    before, untouched = _bytes(folder), _bytes(other)
    rekey_folder(folder, keyring=MINE, add=[SITE.public], drop=[VENDOR.id])
    after = _bytes(folder)
    assert {name for name in after if after[name] != before[name]} == {"seal.json"}
    assert json.loads(after["seal.json"])["statement"] == json.loads(before["seal.json"])["statement"]
    assert _bytes(other) == untouched
    assert tuple(open_series(folder, ring(SITE))) == PATCHES
    assert tuple(open_series(folder, MINE)) == PATCHES
    with pytest.raises(SourceError, match="is sealed for"):
        open_series(folder, ring(VENDOR))


def test_rekey_needs_a_key_that_opens_and_leaves_somebody(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    with pytest.raises(SourceError, match="is sealed for"):
        rekey_folder(folder, keyring=ring(STRANGER), add=[STRANGER.public])
    with pytest.raises(SourceError, match="nobody could open it"):
        rekey_folder(folder, keyring=MINE, drop=[MAINTAINER.id, VENDOR.id])
    with pytest.raises(SourceError, match=f"is not sealed for {SITE.id}"):
        rekey_folder(folder, keyring=MINE, drop=[SITE.id])


def test_a_vendor_changes_the_key_that_signs(tmp_path: Path) -> None:
    folder, new = sealed_set(tmp_path), new_key("cambricon-2027")
    rekey_folder(folder, keyring=ring(VENDOR), add=[new.public], drop=[VENDOR.id], signer=new)
    assert tuple(open_series(folder, Keyring(private=(new,), signers=(new.public,)))) == PATCHES
    with pytest.raises(SourceError, match="keys that are trusted here: cambricon "):
        open_series(folder, MINE)


def test_sealing_again_keeps_what_is_sealed_and_seals_what_is_new(tmp_path: Path) -> None:
    folder = plain_set(tmp_path)
    seal_folder(folder, signer=VENDOR, recipients=[VENDOR.public], only=["0002-part.patch"])
    first = (folder / "0002-part.patch.sealed").read_bytes()
    assert tuple(open_series(folder, ring(VENDOR))) == PATCHES
    text = (folder / "series.yaml").read_text().replace("upstream: none", "upstream: offered")
    (folder / "series.yaml").write_text(text)
    seal_folder(folder, signer=VENDOR, recipients=[MAINTAINER.public])
    assert (folder / "0002-part.patch.sealed").read_bytes() == first
    assert tuple(open_series(folder, MINE)) == PATCHES
    assert [one.sealed for one in seal_of(folder).statement.patches] == [True, True, True]


def test_a_reader_cannot_have_the_vendor_sign_a_patch_of_theirs(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    name = "0001-part.patch.sealed"
    text = (folder / "series.yaml").read_text()
    listed = decode_yaml(text, Series, source="series.yaml").patches[0]
    changed = (folder / name).read_bytes()[:-1] + b"\0\0"
    (folder / name).write_bytes(changed)
    text = text.replace(listed.sha256, hashlib.sha256(changed).hexdigest())
    text = text.replace(f"size: {listed.size}\n", f"size: {len(changed)}\n", 1)
    (folder / "series.yaml").write_text(text)
    with pytest.raises(SourceError, match=r"is sealed, but the set's seal\.json does not have it so"):
        seal_folder(folder, signer=VENDOR, recipients=[])


def test_a_set_for_nobody_is_not_sealed(tmp_path: Path) -> None:
    folder = plain_set(tmp_path)
    before = _bytes(folder)
    with pytest.raises(SourceError, match="nobody could open it"):
        seal_folder(folder, signer=VENDOR, recipients=[])
    assert _bytes(folder) == before


def test_a_plain_file_that_is_not_the_listed_one_is_not_sealed(tmp_path: Path) -> None:
    folder = plain_set(tmp_path)
    (folder / "0001-part.patch").write_bytes(b"other")
    with pytest.raises(SourceError, match=r"is not the file that series\.yaml lists"):
        seal_folder(folder, signer=VENDOR, recipients=[VENDOR.public])


def test_a_private_folder_holds_the_plain_text_for_its_time_only(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    with opened_folder(folder, MINE) as here:
        assert here.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.read_bytes() for path in here.iterdir()} == {
            f"{number:04}-part.patch": text for number, text in enumerate(PATCHES, start=1)
        }
        assert {path.stat().st_mode & 0o777 for path in here.iterdir()} == {0o600}
    assert not here.exists()
