import json

import pytest

from flagrelease.domain.image import Layer
from flagrelease.errors import BuildError
from flagrelease.oci.manifest import MAX_DOCUMENT_BYTES, config_bytes, manifest_bytes, parse_config, parse_manifest

BASE = Layer(name="base", digest=f"sha256:{'a' * 64}", size=1536)
WEIGHTS = Layer(name="weights", digest=f"sha256:{'b' * 64}", size=1 << 40)
CONFIG = f"sha256:{'c' * 64}"


def a_config(**changes: object) -> bytes:
    arguments: dict[str, object] = {
        "architecture": "amd64",
        "env": {"PYTHONPATH": "/opt", "A": "b=c"},
        "entrypoint": ["/usr/bin/python3", "-m", "server"],
        "exposed_port": 8000,
        "labels": {"title": "ein Bündel"},
        "layers": [BASE, WEIGHTS],
    }
    return config_bytes(**(arguments | changes))  # type: ignore[arg-type]


def a_manifest() -> bytes:
    return manifest_bytes(config=CONFIG, config_size=321, layers=[BASE, WEIGHTS], annotations={"title": "ein Bündel"})


def test_a_config_is_canonical_and_dated_at_the_epoch() -> None:
    config = a_config()
    document = json.loads(config)
    assert config == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert config == a_config(env={"A": "b=c", "PYTHONPATH": "/opt"})
    assert document["created"] == "1970-01-01T00:00:00Z"
    assert document["config"]["Env"] == ["A=b=c", "PYTHONPATH=/opt"]
    assert document["config"]["ExposedPorts"] == {"8000/tcp": {}}
    assert document["rootfs"] == {"diff_ids": [BASE.digest, WEIGHTS.digest], "type": "layers"}
    assert [step["created_by"] for step in document["history"]] == ["flagrelease: base", "flagrelease: weights"]


def test_a_config_is_read_back() -> None:
    config = parse_config(a_config())
    assert config.architecture == "amd64"
    assert config.config.environment() == {"PYTHONPATH": "/opt", "A": "b=c"}
    assert config.config.entrypoint == ("/usr/bin/python3", "-m", "server")
    assert config.rootfs.diff_ids == (BASE.digest, WEIGHTS.digest)


@pytest.mark.parametrize(
    "changes", [{"exposed_port": 0}, {"exposed_port": 65536}, {"env": {"A=B": ""}}, {"env": {"A": "\0"}}]
)
def test_a_config_that_no_engine_could_read_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(BuildError):
        a_config(**changes)


def test_a_manifest_is_canonical_and_names_its_layers() -> None:
    manifest = parse_manifest(a_manifest())
    assert (
        a_manifest()
        == json.dumps(json.loads(a_manifest()), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert [(layer.name, layer.digest, layer.size) for layer in manifest.layers] == [
        ("base", BASE.digest, BASE.size),
        ("weights", WEIGHTS.digest, WEIGHTS.size),
    ]
    assert (manifest.config.digest, manifest.config.size) == (CONFIG, 321)
    assert [blob.digest for blob in manifest.blobs()] == [BASE.digest, WEIGHTS.digest, CONFIG]


def test_a_key_that_the_specification_does_not_know_is_read_past() -> None:
    assert parse_manifest(a_manifest()[:-1] + b',"new":[1]}') == parse_manifest(a_manifest())


LAYER = b'"mediaType":"application/vnd.oci.image.layer.v1.tar"'


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "makes no sense"),
        (b"[" * 200_000, "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "wanted at most"),
        (a_manifest().replace(b'"schemaVersion":2', b'"schemaVersion":1'), "schemaVersion"),
        (a_manifest().replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2'), "twice"),
        (a_manifest().replace(LAYER, LAYER[:-1] + b'+gzip"'), "mediaType"),
        (a_manifest().replace(LAYER, LAYER.replace(b"layer", b"layer.nondistributable")), "mediaType"),
        (a_manifest().replace(b"image.manifest.v1", b"image.index.v1"), "mediaType"),
        (a_manifest().replace(b"image.config.v1", b"image.manifest.v1"), "mediaType"),
        (a_manifest().replace(b"sha256:" + b"a" * 64, b"sha256:" + b"A" * 64), "digest"),
        (a_manifest().replace(b"sha256:" + b"a" * 64, b"sha256:" + b"a" * 64 + b"\\n"), "digest"),
        (a_manifest().replace(b"sha256:" + b"a" * 64, b"sha512:" + b"a" * 128), "digest"),
        (a_manifest().replace(b"sha256:" + b"a" * 64, b"../../etc/passwd"), "digest"),
        (a_manifest().replace(b'"size":1536', b'"size":-1'), "size"),
        (a_manifest().replace(b'"size":1536', b'"size":1e3'), "size"),
        (a_manifest().replace(b'"size":1536', b'"size":"1536"'), "size"),
        (a_manifest().replace(b'"size":1536', b'"size":true'), "size"),
        (a_manifest().replace(b'"size":1536', b'"size":99999999999999999999'), "size"),
        (a_manifest().replace(b'"size":321', b'"size":99999999'), "config.size"),
        (manifest_bytes(config=CONFIG, config_size=1, layers=[], annotations={}), "layers"),
        (manifest_bytes(config=CONFIG, config_size=1, layers=[BASE] * 129, annotations={}), "layers"),
    ],
)
def test_a_hostile_manifest_is_refused(hostile: bytes, message: str) -> None:
    with pytest.raises(BuildError, match=message) as raised:
        parse_manifest(hostile)
    assert len(raised.value.message) < 1000
