"""Sets and keys that are made for tests."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from flagrelease.adapters.sealed.set_folder import seal_folder
from flagrelease.sealing.keys import Keyring, PrivateKey, new_key

BASE = "576370570066f0f88e471af60a8ef61c098ab5e0"
VENDOR, MAINTAINER, SITE, STRANGER = (new_key(name) for name in ("cambricon", "maintainer", "site", "stranger"))
PATCHES = (b"diff --git a/one b/one\n--- a/one\n+++ b/one\n@@ -1 +1 @@\n-1\n+one\n", b"\x00binary\xff" * 9, b"third\n")


def plain_set(root: Path, patches: Sequence[bytes] = PATCHES, chip: str = "cambricon_mlu") -> Path:
    """A plain set in its place below `root/patches`."""
    folder = root / "patches" / "vllm" / BASE[:12] / chip
    folder.mkdir(parents=True)
    lines = [
        "# A comment that stays.",
        "schema: flagrelease.patches/v1",
        "component: vllm",
        f"base: {BASE}",
        f"chip: {chip}",
        "task: [inference]",
        "owner: ecosystem@example.com",
        "why: attention kernels of the chip",
        "upstream: none",
        "remove_when: the plugin has them",
        f"result_tree: {'ab' * 20}",
        "patches:",
    ]
    for number, data in enumerate(patches, start=1):
        name = f"{number:04}-part.patch"
        (folder / name).write_bytes(data)
        lines += [
            f"  - file: {name}  # why it is there",
            f"    sha256: {hashlib.sha256(data).hexdigest()}",
            f"    size: {len(data)}",
            f"    subject: 'What part {number} does: it''s said here'",
        ]
    (folder / "series.yaml").write_text("\n".join(lines) + "\n")
    return folder


def sealed_set(root: Path, patches: Sequence[bytes] = PATCHES, chip: str = "cambricon_mlu") -> Path:
    """The same, sealed by the vendor for itself and the maintainer."""
    folder = plain_set(root, patches, chip)
    seal_folder(folder, signer=VENDOR, recipients=[VENDOR.public, MAINTAINER.public])
    return folder


def ring(*keys: PrivateKey) -> Keyring:
    """Somebody with these keys who trusts the vendor."""
    return Keyring(private=keys, signers=(VENDOR.public,))


MINE = ring(MAINTAINER)
