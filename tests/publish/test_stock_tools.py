"""What a card tells its reader to type works with stock tools, on the folder that was published."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cards.card import card_text
from flagrelease.domain.release import Release
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import Registry
from tests.test_card import a_bundle, commands

pytestmark = pytest.mark.skipif(not shutil.which("skopeo"), reason="needs Debian's skopeo")


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_skopeo_reads_a_published_folder_and_carries_its_digest_to_a_registry(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    published = OciFolderTarget(tmp_path / "my dist", store).publish(image, "cpu-x-r1", ignore)
    release = Release(
        image=image.digest, decision="GO", figures_sha256="0" * 64, published=(published,), finished=datetime.now(UTC)
    )
    typed = [words for words in commands(card_text(a_bundle(), release=release)) if words[0] == "skopeo"]
    inspect, _, to_registry = typed
    assert run(*inspect) == image.digest
    place = to_registry[-1].replace("HOST:PORT/REPO", f"{registry.address}/{repository}")
    run(*to_registry[:-1], "--dest-tls-verify=false", place)
    assert run("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", place) == image.digest
