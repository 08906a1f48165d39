"""Shows nothing: for `--quiet`; errors are told at the end all the same."""

from flagrelease.domain.run import Event


class QuietDisplay:
    """Takes events and shows none."""

    def show(self, event: Event) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to end."""
