"""How a run calls a stage: once, again when something changed, and never on top of half a result."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flagrelease.domain.evidence import Skipped
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Value
from flagrelease.errors import SourceError, ToolError
from flagrelease.pipeline import StopAfter
from flagrelease.ports import Tools
from tests.pipeline.bench import Bench

Start = Callable[..., Bench]


class Word(Value):
    word: str


def resolve(tools: Tools, here: Path, given: Word) -> Word:
    (here / "calls").write_text("called")
    return Word(word=given.word.upper())


def fetch(tools: Tools, here: Path, content: Word) -> Sources:
    digest = tools.store.add_bytes(content.word.encode())
    return Sources(debs=(digest,), wheels=(), weights=(), datasets=(), bytes_total=len(content.word))


def patch(tools: Tools, here: Path) -> Skipped:
    return Skipped(skipped="nothing to patch")


def test_a_finished_stage_is_reused(start: Start) -> None:
    assert start().run(resolve, Word(word="a")).word == "A"
    again = start()
    assert again.run(resolve, Word(word="a")).word == "A"
    assert again.seen.kinds() == [("reused", "resolve")]


def test_another_argument_runs_the_stage_again(start: Start) -> None:
    start().run(resolve, Word(word="a"))
    again = start()
    assert again.run(resolve, Word(word="b")).word == "B"
    assert ("finished", "resolve") in again.seen.kinds()


def test_other_code_runs_the_stage_again(start: Start) -> None:
    start(code="one").run(resolve, Word(word="a"))
    again = start(code="two")
    again.run(resolve, Word(word="a"))
    assert ("started", "resolve") in again.seen.kinds()


def test_content_that_left_the_store_runs_the_stage_again(start: Start) -> None:
    first = start()
    digest = first.run(fetch, Word(word="kept")).debs[0]
    first.store.remove(digest)
    again = start()
    assert again.run(fetch, Word(word="kept")).debs == (digest,)
    assert again.store.has(digest)


def test_content_that_was_changed_in_the_store_runs_the_stage_again(start: Start) -> None:
    first = start()
    digest = first.run(fetch, Word(word="kept")).debs[0]
    path = first.store.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"bent")
    again = start()
    again.run(fetch, Word(word="kept"))
    assert again.store.path(digest).read_bytes() == b"kept"


@pytest.mark.parametrize("left", [b"", b"{", b'{"key": "', b"[]", b'{"key": "other", "value": 1}'])
def test_a_broken_record_of_a_stage_counts_as_none(start: Start, left: bytes) -> None:
    first = start()
    first.run(resolve, Word(word="a"))
    (first.folder / "1-resolve" / "done.json").write_bytes(left)
    assert start().run(resolve, Word(word="a")).word == "A"


def test_what_a_killed_stage_left_behind_is_not_built_upon(start: Start) -> None:
    bench = start()
    half = bench.folder / "1-resolve" / "half"
    half.mkdir(parents=True)
    bench.run(resolve, Word(word="a"))
    assert not half.exists()


def test_the_card_of_an_earlier_run_goes_when_a_stage_acts_and_stays_when_none_does(start: Start) -> None:
    bench = start()
    bench.run(resolve, Word(word="a"))
    card = bench.folder / "README.md"
    card.write_text("about a")
    start().run(resolve, Word(word="a"))
    assert card.exists()
    start().run(resolve, Word(word="b"))
    assert not card.exists()


def test_a_skipped_stage_shows_its_reason_each_time(start: Start) -> None:
    for kind in ("skipped", "reused"):
        bench = start()
        bench.run(patch)
        assert (bench.seen.events[-1].kind, bench.seen.events[-1].text) == (kind, "nothing to patch")


def test_a_stage_that_fails_leaves_no_record_and_its_error_goes_through(start: Start) -> None:
    def build(tools: Tools, here: Path) -> Word:
        raise SourceError("broken")

    bench = start()
    with pytest.raises(SourceError, match="broken"):
        bench.run(build)
    assert not (bench.folder / "5-build" / "done.json").exists()
    assert bench.seen.kinds()[-1] == ("failed", "build")


def test_a_full_disk_ends_with_the_stage_and_the_path(start: Start) -> None:
    def build(tools: Tools, here: Path) -> Word:
        raise OSError(errno.ENOSPC, "No space left on device", str(here / "big"))

    with pytest.raises(ToolError, match=r"build: no room left on the disk of `.*5-build/big`"):
        start().run(build)


def test_what_the_machine_lacks_names_the_stage_once_whoever_found_it(start: Start) -> None:
    def fetch(tools: Tools, here: Path) -> Word:
        raise ToolError("no room for a.whl in /small/partial: 9 bytes are to come, 1 are free", hint="make room")

    bench = start()
    with pytest.raises(ToolError) as failed:
        bench.run(fetch)
    told = "fetch: no room for a.whl in /small/partial: 9 bytes are to come, 1 are free"
    assert (failed.value.message, failed.value.hint) == (told, "make room")
    assert bench.seen.events[-1].text == told.removeprefix("fetch: ")


def test_until_stops_behind_the_named_stage(start: Start) -> None:
    bench = start(until="resolve")
    with pytest.raises(StopAfter):
        bench.run(resolve, Word(word="a"))
    assert (bench.folder / "1-resolve" / "done.json").exists()


def test_again_acts_though_nothing_changed(start: Start) -> None:
    for _ in range(2):
        bench = start()
        bench.run.again(resolve, Word(word="a"))
        assert ("finished", "resolve") in bench.seen.kinds()


def test_every_event_is_a_line_of_json(start: Start) -> None:
    bench = start()
    bench.run(resolve, Word(word="a"))
    lines = (bench.folder / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["started", "finished"]
