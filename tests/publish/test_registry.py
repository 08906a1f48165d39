"""Publishing to Debian's docker-registry."""

import base64
import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.release import Published
from flagrelease.errors import PublishError
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import PASSWORD, FaultProxy, Registry, proxied


def test_what_was_published_is_what_the_registry_holds(registry: Registry, repository: str, store: FileStore) -> None:
    image = an_image(store)
    seen: list[tuple[int, int]] = []
    target = RegistryTarget(f"{registry.address}/{repository}", store)
    target.check()
    published = target.publish(image, "r1", lambda done, total: seen.append((done, total)))
    assert published.reference == f"{registry.address}/{repository}@{image.digest}"
    assert published.digest == image.digest
    assert registry.tag_digest(repository, "r1") == image.digest
    for digest in image.stored():
        assert registry.blob(digest).read_bytes() == store.path(digest).read_bytes()
    sizes = sum(store.path(digest).stat().st_size for digest in image.stored())
    # The manifest goes out twice: by its digest, and under its tag.
    assert published.bytes_sent == sizes + image.manifest_size
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


def test_publishing_again_sends_nothing(registry: Registry, repository: str, store: FileStore) -> None:
    image = an_image(store)
    with proxied(FaultProxy(registry.address)) as proxy:
        target = RegistryTarget(f"{proxy.address}/{repository}", store)
        target.publish(image, "r1", ignore)
        sent = proxy.body_bytes
        seen: list[tuple[int, int]] = []
        again = target.publish(image, "r1", lambda done, total: seen.append((done, total)))
        assert again.bytes_sent == 0
        assert proxy.body_bytes == sent
        assert seen[-1][0] == seen[-1][1]


def test_a_second_tag_sends_the_manifest_alone(registry: Registry, repository: str, store: FileStore) -> None:
    image = an_image(store)
    target = RegistryTarget(f"{registry.address}/{repository}", store)
    target.publish(image, "r1", ignore)
    assert target.publish(image, "r2", ignore).bytes_sent == 2 * image.manifest_size
    assert registry.tag_digest(repository, "r2") == image.digest


def test_a_tag_of_another_image_is_never_overwritten(registry: Registry, repository: str, store: FileStore) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")
    target = RegistryTarget(f"{registry.address}/{repository}", store)
    target.publish(first, "r1", ignore)
    with pytest.raises(PublishError, match="a revision is never overwritten") as refused:
        target.publish(second, "r1", ignore)
    assert first.digest in refused.value.message
    assert refused.value.exit_code == 9
    assert registry.tag_digest(repository, "r1") == first.digest


def test_a_blob_that_the_registry_lost_is_sent_again(registry: Registry, repository: str, store: FileStore) -> None:
    image = an_image(store, b"lost and found")
    target = RegistryTarget(f"{registry.address}/{repository}", store)
    target.publish(image, "r1", ignore)
    lost = image.layers[0].digest
    link = registry.root / f"docker/registry/v2/repositories/{repository}/_layers/sha256/{lost[7:]}/link"
    link.unlink()
    assert target.publish(image, "r1", ignore).bytes_sent >= image.layers[0].size
    assert link.exists()


def test_a_registry_that_is_not_there_is_said_so(store: FileStore, impatient: Patience) -> None:
    with pytest.raises(PublishError, match="the connection failed"):
        RegistryTarget("127.0.0.1:1/x", store, patience=impatient).check()


def test_a_proxy_of_the_environment_has_no_business_on_the_loopback(
    registry: Registry, repository: str, store: FileStore, impatient: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    RegistryTarget(f"{registry.address}/{repository}", store, patience=impatient).publish(an_image(store), "r1", ignore)


def _login(folder: Path, host: str, password: str) -> Path:
    folder.mkdir()
    auth = base64.b64encode(f"publisher:{password}".encode()).decode()
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return config


def test_a_protected_registry_takes_the_password_of_dockers_file(
    protected_registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    config = _login(tmp_path / "docker", protected_registry.address, PASSWORD)
    target = RegistryTarget(f"{protected_registry.address}/{repository}", store, docker_config=config)
    target.check()
    target.publish(image, "r1", ignore)
    assert protected_registry.tag_digest(repository, "r1") == image.digest
    assert target.publish(image, "r1", ignore).bytes_sent == 0


@pytest.mark.parametrize("password", [None, "wrong-canary-77"])
def test_a_protected_registry_without_the_right_password_fails_the_check(
    password: str | None, protected_registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    config = _login(tmp_path / "docker", protected_registry.address, password) if password else None
    target = RegistryTarget(f"{protected_registry.address}/{repository}", store, docker_config=config)
    with pytest.raises(PublishError) as refused:
        target.check()
    assert f"docker login {protected_registry.address}" in refused.value.hint
    assert "canary" not in f"{refused.value.message}{refused.value.hint}{refused.value.__cause__!r}"


def test_publishers_of_one_image_do_not_disturb_each_other(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    elsewhere = FileStore(tmp_path / "elsewhere")
    assert an_image(elsewhere) == image
    results = _at_once(
        [
            (RegistryTarget(f"{registry.address}/{repository}", each), image, "r1")
            for each in (store, elsewhere, store, elsewhere)
        ]
    )
    assert all(isinstance(result, Published) for result in results)
    assert registry.tag_digest(repository, "r1") == image.digest


def test_of_publishers_of_different_images_under_one_tag_one_wins(
    registry: Registry, repository: str, store: FileStore
) -> None:
    images = [an_image(store, b"one"), an_image(store, b"two"), an_image(store, b"three")]
    target = f"{registry.address}/{repository}"
    results = _at_once([(RegistryTarget(target, store), image, "r1") for image in images])
    won = [result for result in results if isinstance(result, Published)]
    assert len(won) == 1
    assert all(isinstance(result, Published | PublishError) for result in results)
    assert registry.tag_digest(repository, "r1") == won[0].digest


def _at_once(jobs: list[tuple[RegistryTarget, object, str]]) -> list[object]:
    results: list[object] = []

    def work(target: RegistryTarget, image: object, tag: str) -> None:
        try:
            results.append(target.publish(image, tag, ignore))  # type: ignore[arg-type]
        except PublishError as fault:
            results.append(fault)

    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


_PUBLISH_LARGE = """
import re, sys
from pathlib import Path
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
store = FileStore(Path(sys.argv[1]))
image = Image.model_validate_json(sys.argv[2])
# Not getrusage: that one starts with the peak of the process that forked this one.
peak = lambda: re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
before = peak()
RegistryTarget(sys.argv[3], store).publish(image, "r1", lambda done, total: None)
print(before, peak())
"""


def test_memory_stays_small_for_a_blob_of_200_mb(registry: Registry, repository: str, store: FileStore) -> None:
    image = an_image(store, weights=bytes(200_000_000))
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            _PUBLISH_LARGE,
            str(store.home),
            image.model_dump_json(),
            f"{registry.address}/{repository}",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    before, after = (int(each) * 1024 for each in ran.stdout.split())
    assert after - before < 24_000_000
    assert after < 80_000_000
    layer = registry.blob(image.layers[1].digest)
    with layer.open("rb") as file:
        assert f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == image.layers[1].digest
    layer.unlink()
