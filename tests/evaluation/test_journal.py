from pathlib import Path

import pytest

from flagrelease.domain.evidence import Item
from flagrelease.errors import SourceError
from flagrelease.evaluation.ask import Answered
from flagrelease.evaluation.journal import Journal


def answered(number: int) -> Answered:
    digest = f"{number:064x}"
    item = Item(id=f"line-{number}", item_sha256=digest, prompt_sha256=digest, status="ok", score=1.0, answer="A")
    return Answered(item=item, token_ids_sha256=digest)


def test_kept_items_are_read_back_by_id(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", belongs_to="task 1")
    assert journal.read() == {}
    for number in (3, 1):
        journal.keep(answered(number))
    assert journal.read() == {"line-3": answered(3), "line-1": answered(1)}
    journal.remove()
    assert journal.read() == {}


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_journal_that_was_cut_off_loses_its_last_item_only_and_goes_on(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j"
    journal = Journal(path, belongs_to="task 1")
    for number in (1, 2):
        journal.keep(answered(number))
    path.write_bytes(path.read_bytes()[:-cut])
    assert set(journal.read()) == {"line-1"}
    journal.keep(answered(3))
    assert set(journal.read()) == {"line-1", "line-3"}


def test_a_journal_cut_off_in_its_first_line_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"tas")
    journal = Journal(path, belongs_to="task 1")
    assert journal.read() == {}
    journal.keep(answered(1))
    assert set(journal.read()) == {"line-1"}


def test_a_journal_of_another_evaluation_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "j", belongs_to="task 1").keep(answered(1))
    with pytest.raises(SourceError, match="wanted task 2, found task 1"):
        Journal(tmp_path / "j", belongs_to="task 2").read()


def test_a_journal_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"task 1\n{}\n")
    with pytest.raises(SourceError, match="wanted answered items"):
        Journal(tmp_path / "j", belongs_to="task 1").read()
