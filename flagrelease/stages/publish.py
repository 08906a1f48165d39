"""Publish an approved image to every target, by digest, in the order given."""

from datetime import UTC, datetime
from pathlib import Path

from flagrelease.domain.release import Published, Release
from flagrelease.domain.verdict import Approved
from flagrelease.errors import FlagReleaseError, PublishError
from flagrelease.formats.durable import write_durably
from flagrelease.ports import Target, Tools


def publish(tools: Tools, here: Path, approved: Approved, targets: tuple[Target, ...], tag: str) -> Release:
    """Ask all targets whether they can, then publish to one after the other; writes `release.json`.

    Publishing again sends only what is missing, so a release that broke off is finished, not repeated.

    Raises:
        PublishError: there is no target, one is named twice, or one failed; the message says what is done.
    """
    _check_names(targets)
    for target in targets:
        target.check()
    done: list[Published] = []
    for target in targets:
        tools.events.said(f"publishing {approved.image.digest} to {target.name} as {tag}")
        try:
            done.append(
                target.publish(approved.image, tag, lambda now, all_: tools.events.progress(now, all_, "bytes"))
            )
        except FlagReleaseError as fault:
            raise PublishError(_account(fault, done, targets), hint=fault.hint, log=fault.log) from fault
        tools.events.said(f"published {done[-1].reference}: {done[-1].bytes_sent} bytes sent")
    release = Release(image=approved.image.digest, published=tuple(done), finished=datetime.now(UTC))
    here.mkdir(parents=True, exist_ok=True)
    write_durably(here / "release.json", release.model_dump_json(indent=2).encode() + b"\n")
    return release


def _check_names(targets: tuple[Target, ...]) -> None:
    if not targets:
        raise PublishError("there is nowhere to publish to", hint="name a target: HOST:PORT/REPO or oci:DIR")
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise PublishError(f"the target {name} is named twice", hint="name each target once")


def _account(fault: FlagReleaseError, done: list[Published], targets: tuple[Target, ...]) -> str:
    failed, *later = [target.name for target in targets[len(done) :]]
    lines = [
        f"{failed} failed: {fault.message}",
        f"done: {', '.join(each.reference for each in done) or 'none'}",
        f"not tried: {', '.join(later) or 'none'}",
    ]
    return "\n".join(lines)
