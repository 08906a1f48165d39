"""Sealed sets go through check and apply by their keys alone; no word of them goes into what is told or kept."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.checks import CheckCache, check_set
from flagrelease.adapters.patches.sets import NeedsKeyError, Opener, StoredSet
from flagrelease.adapters.sealed.key_files import load_private
from flagrelease.adapters.sealed.set_folder import rekey_folder, seal_folder
from flagrelease.errors import SourceError
from flagrelease.patching.report import AlreadyUpstream, Applies, BaseUnknown, Conflicts, NeedsKey, Refused
from flagrelease.sealing.keys import Keyring
from tests.patching.made_patches import new_file, symlink
from tests.patching.sealed_place import CANARY, SealedPlace, plain_place, seal
from tests.patching.vendor import commit, run_git, tree_on_disk, write


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> SealedPlace:
    place = plain_place(tmp_path_factory.mktemp("sealed") / "place")
    seal(place)
    return place


@pytest.fixture
def sealed(kept: SealedPlace, tmp_path: Path) -> SealedPlace:
    """A sealed set that may be changed."""
    return kept.copied(tmp_path / "place")


def test_a_recipient_checks_and_applies_a_sealed_set_like_any_other(kept: SealedPlace, tmp_path: Path) -> None:
    assert kept.check().finding == Applies(tree=kept.tree)
    assert kept.apply(tmp_path / "out").tree == kept.tree
    assert tree_on_disk(tmp_path / "out", tmp_path / "scratch") == kept.tree


def test_upstream_is_checked_against_a_sealed_set(sealed: SealedPlace) -> None:
    assert sealed.check(against=commit_of(sealed, "main")).finding == AlreadyUpstream()
    run_git("checkout", "--quiet", "--detach", sealed.base, at=sealed.clone)
    write(sealed.clone, {"README.md": b"other\n"})
    further = commit(sealed.clone, "A readme")
    assert isinstance(sealed.check(against=further).finding, Applies)
    train = (sealed.clone / "flagscale/train.py").read_bytes()
    write(sealed.clone, {"flagscale/train.py": train.replace(b"line 51\n", b"line 51 is another\n")})
    finding = sealed.check(against=commit(sealed.clone, "Change line 51")).finding
    assert isinstance(finding, Conflicts)
    (conflict,) = finding.conflicts
    assert (conflict.patch, conflict.hunk) == ("0001-First.patch", "@@ -47,7 +47,7 @@")
    assert conflict.upstream is not None
    assert conflict.upstream.subject == "Change line 51"


def commit_of(place: SealedPlace, revision: str) -> str:
    found = place.repository.revision(revision)
    assert found is not None
    return found


@pytest.mark.parametrize("clone", ["a clone", "no clone"])
@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_whoever_has_no_key_is_told_which_is_needed(kept: SealedPlace, tmp_path: Path, who: str, clone: str) -> None:
    opens: Opener | None = kept.opener("stranger") if who == "stranger" else None
    finding = check_set(kept.stored, kept.repository if clone == "a clone" else None, opener=opens).finding
    assert isinstance(finding, NeedsKey)
    assert {key.partition(" ")[0] for key in finding.keys} == {"vendor", "maintainer"}
    if opens:
        with pytest.raises(NeedsKeyError, match=r"is sealed for .*maintainer"):
            kept.apply(tmp_path / "out", opens)
    assert not (tmp_path / "out").exists()


def test_whoever_has_a_key_and_no_clone_is_told_of_the_clone(kept: SealedPlace) -> None:
    assert isinstance(check_set(kept.stored, None, opener=kept.opener()).finding, BaseUnknown)


def test_what_one_found_with_a_key_is_not_told_to_another_without(kept: SealedPlace, tmp_path: Path) -> None:
    notes = CheckCache(tmp_path / "home")
    for opens, wanted in ((kept.opener(), Applies), (kept.opener("stranger"), NeedsKey)):
        assert isinstance(check_set(kept.stored, kept.repository, opener=opens, kept=notes).finding, wanted)
    untrusting = kept.opener(signer="stranger")
    assert isinstance(check_set(kept.stored, kept.repository, opener=untrusting, kept=notes).finding, Refused)


def _bit(place: SealedPlace) -> StoredSet:
    path = next(iter(place.set.glob("0002*")))
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    return place.stored


def _order(place: SealedPlace) -> StoredSet:
    head, first, second = (place.set / "series.yaml").read_text().split("  - file:")
    (place.set / "series.yaml").write_text(f"{head}  - file:{second}  - file:{first}")
    return place.stored


def _metadata(place: SealedPlace) -> StoredSet:
    text = (place.set / "series.yaml").read_text()
    (place.set / "series.yaml").write_text(text.replace("upstream: none", "upstream: merged"))
    return place.stored


def _other_chip(place: SealedPlace) -> StoredSet:
    shutil.copytree(place.set, place.set.parent / "metax_c550")
    return StoredSet(place.set.parent / "metax_c550")


def _other_chip_by_its_series(place: SealedPlace) -> StoredSet:
    folder = _other_chip(place).folder
    text = (folder / "series.yaml").read_text()
    (folder / "series.yaml").write_text(text.replace("chip: cambricon_mlu", "chip: metax_c550"))
    return StoredSet(folder)


def _unsealed(place: SealedPlace) -> StoredSet:
    (place.set / "seal.json").unlink()
    return place.stored


def _resealed(place: SealedPlace) -> StoredSet:
    """By the maintainer, who may open it, but is nobody whose signature is trusted."""
    (mine,) = load_private([place.key("maintainer")], lambda _: None)
    (vendor,) = load_private([place.key("vendor")], lambda _: None)
    rekey_folder(place.set, keyring=Keyring(private=(mine,), signers=(vendor.public,)), signer=mine)
    return place.stored


@pytest.mark.parametrize(
    "change", [_bit, _order, _metadata, _other_chip, _other_chip_by_its_series, _unsealed, _resealed]
)
def test_a_sealed_set_that_was_changed_is_refused_by_check_and_apply(
    sealed: SealedPlace, tmp_path: Path, change: Callable[[SealedPlace], StoredSet]
) -> None:
    stored = change(sealed)
    found = check_set(stored, sealed.repository, opener=sealed.opener())
    assert isinstance(found.finding, Refused), found
    with pytest.raises(SourceError):
        apply_set(StoredSet(stored.folder), sealed.repository, tmp_path / "out", opener=sealed.opener())
    assert not (tmp_path / "out").exists()


def _sealed_anew(place: SealedPlace, change: Callable[[bytes], bytes]) -> None:
    """What a vendor would have signed: the first patch is another one."""
    shutil.rmtree(place.set)
    plain = plain_place(place.top / "again")
    shutil.copytree(plain.set, place.set)
    (path,) = place.set.glob("0001*")
    old, new = path.read_bytes(), change(path.read_bytes())
    path.write_bytes(new)
    text = (place.set / "series.yaml").read_text()
    text = text.replace(sha256(old).hexdigest(), sha256(new).hexdigest())
    (place.set / "series.yaml").write_text(text.replace(f"size: {len(old)}", f"size: {len(new)}"))
    seal(place)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"-line 50\n", b"-" + CANARY.encode() + b"\n"),
        lambda text: text.replace(b"--- a/", b"--- " + CANARY.encode(), 1),
        lambda text: text.replace(b"@@ -", b"@@ " + CANARY.encode(), 1),
        lambda text: text.replace(b"flagscale/train.py", CANARY.encode() + b"/train.py"),
        lambda text: text + new_file(f"link/{CANARY}"),
        lambda text: text + symlink(CANARY, b"README.md") + new_file(f"{CANARY}/x"),
        lambda text: text + new_file(f"README.md/{CANARY}"),
        lambda text: text + new_file(f"flagscale/train.py/{CANARY}"),
        lambda text: text + new_file(f".git/{CANARY}"),
        lambda text: text + new_file("setup.py", CANARY.encode() + b"\n"),
    ],
    ids=["line", "name", "hunk", "file", "through link", "below link", "below file", "below changed", "git", "exists"],
)
def test_no_word_of_a_sealed_patch_that_does_not_apply_is_told(
    sealed: SealedPlace, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    _sealed_anew(sealed, change)
    found = sealed.check()
    assert isinstance(found.finding, Conflicts | Refused)
    assert CANARY not in json.dumps(found.model_dump(mode="json"))
    with pytest.raises(SourceError) as error:
        sealed.apply(tmp_path / "out")
    assert CANARY not in f"{error.value.message}{error.value.hint}"
    assert "0001-First.patch" in error.value.message


def test_what_git_says_of_a_sealed_set_that_cannot_be_written_is_not_told(sealed: SealedPlace, tmp_path: Path) -> None:
    """The clone has lost an object that the set does not change, so that all goes well until files are written."""
    readme = run_git("rev-parse", f"{sealed.base}:README.md", at=sealed.clone)
    (sealed.repository.objects / readme[:2] / readme[2:]).unlink()
    with pytest.raises(SourceError, match="git ended with") as error:
        sealed.apply(tmp_path / "out")
    assert "README" not in error.value.message
    assert not (tmp_path / "out").exists()


def test_a_sealed_set_is_sealed_in_one_step(tmp_path: Path) -> None:
    place = plain_place(tmp_path / "place")
    (place.set / "README.md").write_text("for people\n")
    (signer,) = load_private([place.key("vendor")], lambda _: None)
    first = (place.set / "series.yaml").stat().st_ino
    seal_folder(place.set, signer=signer, recipients=[signer.public])
    assert (place.set / "series.yaml").stat().st_ino != first
    assert (place.set / "README.md").read_text() == "for people\n"
    assert [path.name for path in place.set.parent.iterdir()] == ["cambricon_mlu"]
