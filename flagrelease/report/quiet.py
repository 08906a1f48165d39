"""Shows nothing: for `--quiet`; errors are told at the end all the same."""

from flagrelease.domain.run import Event


class QuietDisplay:
    """Takes events and shows none."""

    def show(self, event: Event) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to end."""


class NoEvents:
    """Takes what stages say and shows none of it: for looking at a run without acting."""

    def said(self, text: str) -> None:
        """Show nothing."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Show nothing."""
