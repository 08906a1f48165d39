"""Names of repositories, tags and targets."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.errors import PublishError
from flagrelease.oci.layout import read_layout
from flagrelease.oci.reference import check_tag, parse_repository
from tests.publish.conftest import an_image, ignore


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("127.0.0.1:5000/a", "http"),
        ("localhost/a/b", "http"),
        ("[::1]:5000/a", "http"),
        ("127.9.9.9/a", "http"),
        ("r.example.test/team/bundle.x__y--z", "https"),
        ("10.0.0.1:5000/a", "https"),
        ("localhost.example.test/a", "https"),
        ("127.0.0.1.example.test/a", "https"),
    ],
)
def test_plain_http_is_for_this_machine_alone(text: str, scheme: str) -> None:
    repository = parse_repository(text)
    assert str(repository) == text
    assert repository.scheme == scheme


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write it as"),
        ("bundle", "write it as"),
        ("team/bundle", "write it as"),
        ("http://127.0.0.1:5000/a", "did you mean `127.0.0.1:5000/a`?"),
        ("r.test/Team/Bundle", "did you mean `r.test/team/bundle`?"),
        ("r.test/a:r1", "did you mean `r.test/a`?"),
        ("r.test/a@sha256:00", "did you mean `r.test/a`?"),
        ("r.test:0/a", "write it as"),
        ("r.test:70000/a", "write it as"),
        ("r.test/../../v2", "write it as"),
        ("r.test/a//b", "write it as"),
        ("user@r.test/a", "write it as"),
        ("r.test/a?x", "write it as"),
        ("r.test/a\n", "write it as"),
        ("/tmp/x", "did you mean `oci:/tmp/x`?"),
        ("./x", "did you mean `oci:./x`?"),
        ("oci:", "oci:dist"),
        ("r.test/" + "a" * 300, "write it as"),
    ],
)
def test_anything_else_is_refused_with_a_better_name(text: str, hint: str, store: FileStore) -> None:
    with pytest.raises(PublishError) as refused:
        target_for(text, store)
    assert hint in refused.value.hint
    assert refused.value.exit_code == 9


def test_targets_are_chosen_by_name(store: FileStore) -> None:
    folder = target_for("oci:some/dir", store)
    assert isinstance(folder, OciFolderTarget)
    assert folder.name == f"oci:{Path.cwd()}/some/dir"
    registry = target_for("127.0.0.1:5000/team/bundle", store, docker_config=Path("config.json"))
    assert isinstance(registry, RegistryTarget)
    assert registry.name == "127.0.0.1:5000/team/bundle"


def test_a_folder_is_published_and_recorded_under_its_absolute_path(store: FileStore, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        target = target_for("oci:./dist", store)
    image = an_image(store)
    published = target.publish(image, "r1", ignore)
    assert published.target == f"oci:{tmp_path}/dist"
    assert published.reference == f"oci:{tmp_path}/dist:r1"
    assert [entry.digest for entry in read_layout(tmp_path / "dist")] == [image.digest]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("oci:dist:r1", "has a `:` after the folder", "name the folder `oci:dist`, and the tag by --tag r1"),
        ("oci:dist:", "has a `:` after the folder", "name the folder `oci:dist`"),
        ("oci:a:b/c", "has a `:` after the folder", "name a folder whose path has no `:`"),
        ("oci:a\nb", "has characters that cannot be shown", "oci:dist"),
        ("oci:a\x1b[2J", "has characters that cannot be shown", "oci:dist"),
        ("oci:a\udcff", "has characters that cannot be shown", "oci:dist"),
        ("oci:a\x00b", "has characters that cannot be shown", "oci:dist"),
        ("oci:" + "a/" * 800, "is longer than 1024 characters", "oci:dist"),
    ],
)
def test_a_folder_that_stock_tools_cannot_name_is_refused(text: str, said: str, hint: str, store: FileStore) -> None:
    with pytest.raises(PublishError) as refused:
        target_for(text, store)
    assert said in refused.value.message
    assert refused.value.message.isprintable()
    assert hint in refused.value.hint


def test_a_folder_below_one_with_a_colon_is_refused(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    with contextlib.chdir(tmp_path / "a:b"), pytest.raises(PublishError, match="so stock tools cannot name it"):
        target_for("oci:dist", store)


def test_no_registry_is_reached_offline(store: FileStore) -> None:
    for text in ("r.example.test/team/bundle", "127.0.0.1:5000/a"):
        with pytest.raises(PublishError) as refused:
            target_for(text, store, offline=True)
        assert refused.value.message == f"{text} is in a registry, and no network may be used"
        assert refused.value.hint == "leave --offline out, or use `oci:DIR`"
    assert isinstance(target_for("oci:dist", store, offline=True), OciFolderTarget)


@pytest.mark.parametrize("tag", ["r1", "_x", "a" * 128, "1.0-RC_2"])
def test_tags(tag: str) -> None:
    assert check_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "a b", "a" * 129, "r1\n", "sha256:0", "ä"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(PublishError, match="is not a tag"):
        check_tag(tag)


@given(st.text(max_size=60))
def test_a_name_is_read_or_refused(text: str) -> None:
    try:
        repository = parse_repository(text)
    except PublishError:
        return
    assert str(repository) == text
