"""The head of a patch file: who wrote it, when, and why, as `git am` reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Authorship:
    """Who made a change. `date` is as RFC 2822 has it, with the author's zone."""

    author: str = ""
    mail: str = ""
    date: str = ""
    subject: str = ""
    body: str = ""


def patch_text(by: Authorship, diff: bytes) -> bytes:
    """A patch file of one change."""
    lines = []
    if by.author or by.mail:
        lines.append(f"From: {_line(by.author)} <{_line(by.mail)}>")
    if by.date:
        lines.append(f"Date: {_line(by.date)}")
    lines.append(f"Subject: [PATCH] {_line(by.subject) or 'Changes without a description'}")
    body = "\n".join(_quoted(line) for line in by.body.splitlines()).strip("\n")
    text = "\n".join(lines) + "\n\n" + (f"{body}\n" if body.strip() else "") + "---\n\n"
    return text.encode("utf-8", "replace") + diff


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _quoted(line: str) -> str:
    """A line of a description that would begin a diff is set off by a blank, as nothing else may stand before one."""
    clean = "".join(c if c.isprintable() or c == "\t" else " " for c in line).rstrip()
    return f" {clean}" if clean.startswith(("diff ", "--- ", "---", "Index: ", "@@ ", "From ")) else clean
