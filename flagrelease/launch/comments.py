"""Notes as comments: each line of a text begins with the sign, so that none of it becomes a part of the file."""

from collections.abc import Iterable

from flagrelease.launch.start import Note


def comments(notes: Iterable[Note], *, first: Iterable[str] = ()) -> str:
    """Lines that begin with `# `; what YAML, shells or systemd take for the end of a line is one here."""
    texts = (*first, *(f"{note.what}: {note.why}" for note in notes))
    # str.splitlines parts at more signs than any of the formats does.
    return "".join(f"# {line}\n" for text in texts for line in text.splitlines() if line.strip())
