"""What a person sees while stages run: plain lines in a pipe, a live list on a terminal."""

import io
import json
from pathlib import Path

import pytest

from flagrelease.domain.run import Event
from flagrelease.report.journal import Journal
from flagrelease.report.live import LiveDisplay
from flagrelease.report.plain import PlainDisplay
from flagrelease.report.quiet import QuietDisplay
from flagrelease.report.words import duration, size

MANY = 500


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(*events: Event) -> list[str]:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    for event in events:
        display.show(event)
    return stream.getvalue().splitlines()


def test_a_stage_is_a_line_when_it_starts_and_a_line_when_it_ends() -> None:
    started = Event(kind="started", time=0, stage="fetch")
    finished = Event(kind="finished", time=2, stage="fetch", seconds=2.04)
    assert plain(started, finished) == ["[2/9] fetch: started", "[2/9] fetch: done in 2.0 s"]


def test_a_skipped_stage_says_why_each_time() -> None:
    skipped = Event(kind="skipped", time=0, stage="patch", text="nothing to patch")
    reused = Event(kind="reused", time=0, stage="patch", text="nothing to patch")
    assert plain(skipped, reused) == ["[3/9] patch: nothing to do: nothing to patch"] * 2


def test_long_work_has_a_heartbeat_and_not_a_line_for_each_step() -> None:
    progress = [
        Event(kind="progress", time=float(t), stage="fetch", done=t * 1000, total=90_000, unit="bytes")
        for t in range(90)
    ]
    lines = plain(Event(kind="started", time=0, stage="fetch"), *progress)
    assert lines[1:] == ["[2/9] fetch: 30.0 kB of 90.0 kB", "[2/9] fetch: 60.0 kB of 90.0 kB"]


def test_a_long_line_is_cut_and_control_characters_do_not_reach_the_terminal() -> None:
    (line,) = plain(Event(kind="said", time=0, stage="build", text="\x1b[2J" + "x" * 1000))
    assert len(line) <= 200
    assert "\x1b" not in line


def test_the_live_list_keeps_every_stage_with_its_time_and_reason() -> None:
    terminal = Terminal()
    display = LiveDisplay(terminal)
    for event in (
        Event(kind="started", time=0, stage="resolve"),
        Event(kind="finished", time=1, stage="resolve", seconds=1.0),
        Event(kind="started", time=1, stage="fetch"),
        Event(kind="progress", time=1, stage="fetch", done=50, total=100, unit="bytes"),
        Event(kind="said", time=1, stage="fetch", text="[bold]not markup[/]"),
        Event(kind="finished", time=2, stage="fetch", seconds=1.0),
        Event(kind="skipped", time=2, stage="patch", text="nothing to patch"),
    ):
        display.show(event)
    display.close()
    last = terminal.getvalue().rsplit("1 resolve", 1)[1]
    assert "1.0 s" in last
    assert "2 fetch" in last
    assert "nothing to patch" in last


def test_the_live_list_shows_what_is_done_beside_the_stages() -> None:
    terminal = Terminal()
    display = LiveDisplay(terminal)
    display.show(Event(kind="started", time=0, stage="export"))
    display.show(Event(kind="progress", time=1, stage="export", done=50, total=100, unit="bytes"))
    display.close()
    assert "50 B of 100 B" in terminal.getvalue().rsplit("export", 1)[1]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = QuietDisplay()
    display.show(Event(kind="started", time=0, stage="fetch"))
    display.close()
    assert capsys.readouterr() == ("", "")


def test_the_file_of_events_keeps_about_one_line_of_progress_a_second(tmp_path: Path) -> None:
    clock = iter(i / 100 for i in range(10_000))
    with Journal(tmp_path / "events.jsonl", QuietDisplay(), now=lambda: next(clock)) as journal:
        for done in range(MANY):
            journal.progress(done, MANY, "items")
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert 3 <= len(lines) <= 7


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (125, "2 min 05 s")])
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 B"), (999, "999 B"), (98_362_432, "98.4 MB"), (5e12, "5.0 TB")])
def test_sizes_read_well(count: int, words: str) -> None:
    assert size(int(count)) == words
