"""series.yaml gets other patch files and keeps the rest of its text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.domain.patch_series import PatchFile
from flagrelease.errors import SourceError
from flagrelease.sealing.series_text import read_series, with_patches

HEAD = f"""# first
schema: flagrelease.patches/v1
component: vllm   # what
base: {"5a" * 20}
chip: cpu
task: [train]
owner: a
why: "it's: # needed"
upstream: none
remove_when: never
result_tree: {"ab" * 20}
patches:
"""
OLD, NEW = "1" * 63 + "a", "2" * 64
SEALED = PatchFile(file="0001-a.patch.sealed", sha256=NEW, size=99, sealed=True, subject="sealed")
STYLES = {
    "block": f"- file: 0001-a.patch\n  sha256: {OLD}\n  size: 7 # bytes\n  subject: fix the 'x', and y\n",
    "indented": f"   -   sha256: '{OLD}'\n       # in between\n       file: \"0001-a.patch\" # it\n       size: 7\n"
    '       subject: "a \\" b # c"   # d\n',
    "alone": f"  -\n    size: 7\n    subject: 'it'\n    sealed: false\n    file: 0001-a.patch\n    sha256: {OLD}\n",
    "flow": f"  - {{file: 0001-a.patch, sha256: {OLD}, size: 7, subject: x y}}\n",
    "flow over lines": f"  - {{ file: '0001-a.patch',\n      sha256: {OLD},\n      size: 7, subject: \"x, y\" }}\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_patch_is_replaced_in_every_style_and_the_rest_stays(style: str) -> None:
    tail = f"- {{file: 0002-b.patch, sha256: {OLD}, size: 8}}\n"
    indent = STYLES[style][: len(STYLES[style]) - len(STYLES[style].lstrip(" "))]
    before = HEAD + STYLES[style] + indent + tail
    after = with_patches(before.encode(), "s", {0: SEALED}).decode()
    assert after.startswith(HEAD)
    assert after.endswith(indent + tail)
    first, second = read_series(after.encode(), "s").patches
    assert first == SEALED
    assert second == read_series(before.encode(), "s").patches[1]
    assert [line for line in before.split("\n") if line.lstrip().startswith("#")] == [
        line for line in after.split("\n") if line.lstrip().startswith("#")
    ]


def test_what_cannot_be_edited_in_place_is_refused() -> None:
    text = f"{HEAD}- file: 0001-a.patch\n  sha256: {OLD}\n  size: 7\n  subject: >\n    two\n    lines\n"
    with pytest.raises(SourceError, match="cannot be changed in place"):
        with_patches(text.encode(), "s", {0: SEALED})


def test_a_broken_series_is_a_source_error_with_its_place() -> None:
    with pytest.raises(SourceError, match=r"s:3:1: comp: unknown key"):
        read_series(HEAD.replace("component", "comp").encode(), "s")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(STYLES)), st.booleans()), min_size=1, max_size=5),
    st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20),
)
def test_any_mixture_reads_as_wanted_or_is_refused(entries: list[tuple[str, bool]], comment: str) -> None:
    text = HEAD
    for number, (style, _) in enumerate(entries, start=1):
        entry = STYLES[style].replace("0001-a", f"{number:04}-a")
        indent = len(entry) - len(entry.lstrip(" "))
        text += "".join(f"  {line[indent:]}\n" for line in entry.rstrip("\n").split("\n"))
        text += f"  # {comment}\n"
    new = {
        number: SEALED.model_copy(update={"file": f"{number + 1:04}-a.patch.sealed"})
        for number, (_, chosen) in enumerate(entries)
        if chosen
    }
    before = read_series(text.encode(), "s")
    after = read_series(with_patches(text.encode(), "s", new), "s")
    assert list(after.patches) == [new.get(number, patch) for number, patch in enumerate(before.patches)]
