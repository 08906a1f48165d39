"""Shows events on a terminal: a list of stages with their times, and a bar for the one that is running."""

from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flagrelease.domain.run import Event
from flagrelease.report.words import amount, duration, short
from flagrelease.stages import ORDER

_MARK = {"finished": "[green]✔[/]", "reused": "[dim]✔[/]", "skipped": "[yellow]–[/]", "failed": "[red]✘[/]"}


class LiveDisplay:
    """A live list of stages on stderr. What it last showed stays on the screen."""

    def __init__(self, stream: TextIO) -> None:
        self._rows: dict[str, tuple[str, str]] = {}
        self._running = ""
        self._progress: Event | None = None
        self._said = ""
        self._spinner = Spinner("dots")
        console = Console(file=stream, highlight=False)
        self._live = Live(self, console=console, refresh_per_second=8, transient=False)
        self._live.start()

    def show(self, event: Event) -> None:
        """Take the event into the picture."""
        match event.kind:
            case "started":
                self._running, self._progress, self._said = event.stage, None, ""
            case "progress":
                self._progress = event
            case "said":
                self._said = short(event.text)
            case "finished" | "failed":
                self._end(event, duration(event.seconds))
            case "skipped":
                self._end(event, f"nothing to do: {event.text}")
            case "reused":
                self._end(event, f"nothing to do: {event.text}" if event.text else "up to date")

    def close(self) -> None:
        """Draw the last picture."""
        self._live.stop()

    def __rich__(self) -> RenderableType:
        """The picture now."""
        table = Table.grid(padding=(0, 1))
        for number, stage in enumerate(ORDER, start=1):
            self._add(table, stage, f"{number} {stage}")
        # What a command does beside the stages, such as packing what they made.
        for stage in dict.fromkeys((*self._rows, self._running)):
            if stage and stage not in ORDER:
                self._add(table, stage, f"  {stage}")
        return Group(table) if self._running or not self._said else Group(table, Text(self._said, style="dim"))

    def _add(self, table: Table, stage: str, shown: str) -> None:
        if stage in self._rows:
            mark, text = self._rows[stage]
            table.add_row(mark, shown, f"[dim]{escape(text)}[/]")
        elif stage == self._running:
            table.add_row(self._spinner, f"[bold]{shown}[/]", self._now())

    def _now(self) -> RenderableType:
        if self._progress is None:
            return Text(self._said, style="dim")
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self._progress.total or None, completed=self._progress.done, width=30)
        line.add_row(bar, Text(amount(self._progress)), Text(self._said, style="dim"))
        return line

    def _end(self, event: Event, text: str) -> None:
        self._rows[event.stage] = (_MARK[event.kind], text)
        self._running, self._progress, self._said = "", None, ""
