"""Publish an approved image to every target, by digest, in the order given."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flagrelease.domain.release import Published, Release
from flagrelease.domain.value import Sha256
from flagrelease.domain.verdict import Approved, Verdict
from flagrelease.errors import FlagReleaseError, PublishError
from flagrelease.formats.canonical import sha256_of
from flagrelease.formats.durable import write_durably
from flagrelease.ports import Events, Target, Tools


def publish(tools: Tools, here: Path, approved: Approved, targets: tuple[Target, ...], tag: str) -> Release:
    """Ask all targets whether they can, then publish to one after the other; `release.json` is written after each.

    Publishing again sends only what is missing, so a release that broke off is finished, not repeated. Targets that
    `release.json` names already, from an earlier publishing of the same image by the same verdict, stay in it.

    Returns:
        Every target that has the image: those published to before and those published to now, the latest last.

    Raises:
        PublishError: there is no target, one is named twice, or one failed; the message says what is done.
    """
    _check_names(targets)
    for target in targets:
        target.check()
    release = recorded(tools.events, here / "release.json", approved.verdict)
    if approved.verdict.decision == "HOLD" and (by := approved.waiver):
        tools.events.said(f"HOLD, let through by the waiver of {by.owner} until {by.expires}: {by.reason}")
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
        release = _with(release, approved, done[-1])
        here.mkdir(parents=True, exist_ok=True)
        write_durably(here / "release.json", release.model_dump_json(indent=2).encode() + b"\n")
    assert release is not None
    return release


def recorded(events: Events, path: Path, verdict: Verdict) -> Release | None:
    """The release in `release.json`, where it is one of this verdict's image by this very verdict.

    None where there is none; None, and said so, where it is damaged or about something else.
    """
    try:
        found = Release.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"][:1])
        why = f"is damaged or of an earlier version ({where}{first['msg']})"
    else:
        if found.image != verdict.image:
            why = f"is about another image, {found.image}"
        elif found.figures_sha256 != _figures_sha256(verdict):
            why = f"is about an earlier verdict on this image, {found.decision}"
        else:
            return found
    events.said(f"{path} {why}: it does not count")
    return None


def _figures_sha256(verdict: Verdict) -> Sha256:
    """The hash of what a verdict decided and measured, whatever the words that tell it."""
    told = {"reason", "findings"}
    return sha256_of(
        verdict.model_dump(
            mode="json", exclude={"reasons": True, "settle": True, "findings": True, "tasks": {"__all__": told}}
        )
    )


def _with(release: Release | None, approved: Approved, published: Published) -> Release:
    """The release with one target more; what was said of that target before is replaced."""
    others = () if release is None else release.published
    kept = (e for e in others if published.target != e.target and published.reference != e.reference)
    waivers = () if release is None else release.waivers
    decision, waiver = approved.verdict.decision, approved.waiver
    assert decision != "NO-GO", "an Approved never is"
    if decision == "HOLD" and waiver is not None and waiver not in waivers:
        waivers = (*waivers, waiver)
    return Release(
        image=approved.image.digest,
        decision=decision,
        figures_sha256=_figures_sha256(approved.verdict),
        waivers=waivers,
        published=(*kept, published),
        finished=datetime.now(UTC),
    )


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
