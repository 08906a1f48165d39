"""Publish an approved image to every target, by digest, in the order given."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flagrelease.domain.release import Published, Release
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Approved
from flagrelease.errors import FlagReleaseError, PublishError
from flagrelease.formats.durable import write_durably
from flagrelease.ports import Events, Target, Tools


def publish(tools: Tools, here: Path, approved: Approved, targets: tuple[Target, ...], tag: str) -> Release:
    """Ask all targets whether they can, then publish to one after the other; `release.json` is written after each.

    Publishing again sends only what is missing, so a release that broke off is finished, not repeated. Targets that
    `release.json` names already, from an earlier publishing of the same image, stay in it.

    Returns:
        Every target that has the image: those published to before and those published to now, the latest last.

    Raises:
        PublishError: there is no target, one is named twice, or one failed; the message says what is done.
    """
    _check_names(targets)
    for target in targets:
        target.check()
    release = _before(tools.events, here / "release.json", approved.image.digest)
    done: list[Published] = []
    for target in targets:
        tools.events.said(f"publishing {approved.image.digest} to {target.name} as {tag}")
        try:
            done.append(
                target.publish(approved.image, tag, lambda now, all_: tools.events.progress(now, all_, "bytes"))
            )
        except FlagReleaseError as fault:
            raise PublishError(_account(fault, done, targets), hint=fault.hint, log=fault.log) from fault
        tools.events.said(_told(done[-1]))
        release = _with(release, approved.image.digest, done[-1])
        here.mkdir(parents=True, exist_ok=True)
        write_durably(here / "release.json", release.model_dump_json(indent=2).encode() + b"\n")
    assert release is not None
    return release


def _before(events: Events, path: Path, image: Digest) -> Release | None:
    """What was published of the image before; None, and said so, when the record is damaged or about another image."""
    try:
        found = Release.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        events.said(f"{path} is damaged ({error.errors()[0]['msg']}): a new record is begun")
        return None
    if found.image != image or any(each.digest != image for each in found.published):
        events.said(f"{path} is about another image, {found.image}: a new record is begun")
        return None
    return found


def _with(release: Release | None, image: Digest, published: Published) -> Release:
    """The release with one target more; what was said of that target before is replaced."""
    others = () if release is None else release.published
    kept = (e for e in others if published.target != e.target and published.reference != e.reference)
    return Release(image=image, published=(*kept, published), finished=datetime.now(UTC))


def _told(published: Published) -> str:
    if published.bytes_sent == 0:
        return f"there already: {published.reference}"
    return f"published {published.reference}: {published.bytes_sent} bytes sent"


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
