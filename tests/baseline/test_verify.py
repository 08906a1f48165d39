"""What `verify` finds: another byte anywhere, a key that does not count, a policy or a bundle that it does not fit."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flagrelease.errors import GateError, RecipeError, SourceError
from tests.baseline.conftest import DAY, NAME, Place, a_run, right


@pytest.fixture
def signed(place: Place) -> Place:
    """A baseline that a trusted key signed, with a rerun."""
    key = place.key("maker")
    place.trust(key)
    place.first("--sign-with", key)
    again = place.results("again.json", a_run(right(600, flipped=[3]), side="t", finished="2030-01-02"))
    place.record(again, "--again", "--sign-with", key)
    return place


def test_a_whole_one_is_good(signed: Place) -> None:
    told = signed.call("verify", NAME, *DAY, "--signed", "--json").data
    assert {check["state"] for check in told["checks"]} == {"ok"}
    assert [check["check"] for check in told["checks"]] == [
        "signature", "in force", "records", "name", "quiz: score", "policy quick", "quiz: rerun",
    ]  # fmt: skip


def statement(edit: Callable[[dict[str, Any]], None]) -> Callable[[Place], None]:
    def damage(place: Place) -> None:
        data = json.loads(place.statement.read_text())
        edit(data)
        place.statement.write_text(json.dumps(data))

    return damage


def a_record(place: Place) -> Path:
    data = json.loads(place.statement.read_text())
    return place.statement.parent / str(data["tasks"][0]["record"]["path"])


def flip(place: Place) -> None:
    path = a_record(place)
    path.write_bytes(path.read_bytes().replace(b'"score":1.0', b'"score":0.0', 1))


def gone(place: Place) -> None:
    a_record(place).unlink()


def cut(place: Place) -> None:
    path = a_record(place)
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "wanted the record with sha256"),
        (gone, "found no such file"),
        (cut, "line 1001: not valid JSON"),
        (statement(lambda data: data.update(title="Another")), "no trusted key signed it"),
        (statement(lambda data: data.update(expires="2029-01-01")), "was good until 2029-01-01"),
        (statement(lambda data: data["tasks"][0].update(score=0.7)), "score is 0.7, its answers give 0.6"),
        (
            statement(lambda data: data["reruns"][0]["tasks"][0].update(flipped=0)),
            r"\(0, 1000\) flips of items are stated",
        ),
        (statement(lambda data: data.update(name="tiny/other.json")), "it says that it is tiny/other.json"),
        (statement(lambda data: data.update(extra=1)), "extra"),
        (statement(lambda data: data["tasks"].append(data["tasks"][0])), "a task is there twice"),
        (statement(lambda data: data["tasks"][0]["record"].update(path="../../../etc/passwd")), "path"),
    ],
)
def test_what_was_changed_is_told(signed: Place, damage: Callable[[Place], None], said: str) -> None:
    damage(signed)
    with pytest.raises(RecipeError, match=said):
        signed.call("verify", NAME, *DAY, "--signed")


def test_a_signature_is_of_one_name_and_one_statement(signed: Place) -> None:
    """A signed file under another name, or a signature beside another file, is not signed."""
    other = signed.folder / "tiny/other.json"
    other.write_bytes(signed.statement.read_bytes())
    (signed.folder / "tiny/other").mkdir()
    for path in signed.beside.iterdir():
        (signed.folder / "tiny/other" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RecipeError, match="the baseline is not what was signed"):
        signed.call("verify", "tiny/other", *DAY)


def test_a_key_that_is_not_trusted_does_not_count(place: Place) -> None:
    place.first("--sign-with", place.key("maker"))
    told = place.call("verify", NAME, *DAY)
    assert "note   signature: that of maker" in told.out
    with pytest.raises(RecipeError, match="no trusted key signed it"):
        place.call("verify", NAME, *DAY, "--signed")
    place.call("verify", NAME, *DAY, "--signed", "--trusted", place.root / "keys")


def test_a_damaged_signature_is_told(signed: Place) -> None:
    for path in signed.beside.glob("*.sig"):
        text = path.read_text()
        at = text.index('"ed25519": "') + 12
        path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    with pytest.raises(RecipeError, match="is not what was signed"):
        signed.call("verify", NAME, *DAY)


def openssh(folder: Path) -> tuple[Path, Path]:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "maker@example", "-f", str(folder / "ssh")]
    subprocess.run(argv, check=True)
    return folder / "ssh", folder / "ssh.pub"


def pem(folder: Path) -> tuple[Path, Path]:
    private, public = folder / "pem.key", folder / "pem.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)], check=True)
    private.chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    return private, public


@pytest.mark.parametrize("make", [openssh, pem])
def test_keys_of_other_programs_sign_and_are_trusted(
    place: Place, tmp_path: Path, make: Callable[[Path], tuple[Path, Path]]
) -> None:
    private, public = make(tmp_path)
    place.first("--sign-with", private)
    told = place.call("verify", NAME, *DAY, "--signed", "--trusted", public)
    assert "ok     signature: " in told.out
    if make is openssh:
        listed = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True)
        assert listed.stdout.split()[1] in told.out, "the key has the fingerprint that OpenSSH shows"


def test_a_key_of_another_kind_or_for_all_eyes_is_refused(place: Place, tmp_path: Path) -> None:
    key = tmp_path / "rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    with pytest.raises(SourceError, match="is a key of another kind"):
        place.first("--sign-with", key)
    mine = place.key("maker")
    mine.chmod(0o644)
    with pytest.raises(SourceError, match="others on this machine may use"):
        place.first("--sign-with", mine)
    assert place.files() == {}


def test_another_policy_does_not_fit(signed: Place) -> None:
    path = signed.root / "other.yaml"
    text = (signed.recipes / "gates/quick.yaml").read_text().replace('"items": 1000', '"items": 900')
    path.write_text(text.replace("quick", "other"))
    with pytest.raises(GateError, match="does not fit: policy other"):
        signed.call("verify", NAME, *DAY, "--policy", path)


def test_a_bundle_that_names_another_reference_is_told(signed: Place) -> None:
    with pytest.raises(GateError, match="does not fit: bundle: reference"):
        signed.call("verify", NAME, *DAY, "--chip", "alpha", "--model", "tiny")


def test_a_withdrawn_one_is_refused_by_name_with_the_reason(signed: Place) -> None:
    told = signed.call("expire", NAME, "--reason", "the driver was wrong", "--by", "the maker", "--since", "2030-05-31")
    assert f"{NAME}.json is withdrawn from 2030-05-31 on: the driver was wrong" in told.out
    with pytest.raises(RecipeError, match=r"was withdrawn on 2030-05-31 by the maker: the driver was wrong"):
        signed.call("verify", NAME, *DAY)
    signed.call("verify", NAME, "--today", "2030-05-30")
    (row,) = signed.call("list", *DAY, "--json").data
    assert row["fault"].startswith("was withdrawn on 2030-05-31")
    with pytest.raises(RecipeError, match="says something else"):
        signed.call("expire", NAME, "--reason", "another", "--by", "the maker")


def test_a_withdrawal_that_is_damaged_or_of_another_withdraws_as_well(signed: Place) -> None:
    signed.call("expire", NAME, "--reason", "the driver was wrong", "--by", "the maker", "--since", "2030-05-31")
    (path,) = signed.beside.glob("*.withdrawn")
    path.write_text(path.read_text().replace("tiny/cuda", "tiny/cudb"))
    with pytest.raises(RecipeError, match=r"is about tiny/cudb"):
        signed.call("verify", NAME, *DAY)


def test_a_new_one_under_the_name_is_not_withdrawn(signed: Place) -> None:
    signed.call("expire", NAME, "--reason", "the driver was wrong", "--by", "the maker", "--since", "2020-01-01")
    signed.first("--supersedes", scores=right(590))
    signed.call("verify", NAME, *DAY)


def test_the_list_is_filtered_by_every_option(signed: Place) -> None:
    assert len(signed.call("list", *DAY, "--json", "--chip", "beta", "--signed-by", "maker").data) == 1
    for words in (("--chip", "alpha"), ("--model", "probe"), ("--signed-by", "x"), ("--expires-within", "30"),
                  ("--older-than", "5000")):  # fmt: skip
        assert signed.call("list", *DAY, "--json", *words).data == []
    assert len(signed.call("list", "--today", "2031-01-10", "--json", "--expires-within", "30").data) == 1


def test_a_person_reads_what_answered_what_was_asked_and_until_when(signed: Place) -> None:
    told = signed.call("show", NAME, *DAY).out
    for text in (
        "good until 2031-01-31", "beta, Beta 100", "vllm 0.9", "USE_X = 0", "USE_Y is unset", "60.00 of 100 over 1,000",
        "flageval 1.0, configuration cccccccccccc", "a/quiz, revision abc, test", "temperature=0.0",
        "signed by  maker (", "1 of 1,000 answers differ, 0.10 %",
    ):  # fmt: skip
        assert text in told
