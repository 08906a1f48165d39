"""Plans that are as odd as the domain's types allow."""

from hypothesis import strategies as st

from flagrelease.domain.engine_build import (
    Bind,
    CopiedFile,
    ImagePlan,
    KernelBuild,
    PlacedArchive,
    SourceBuild,
    Step,
)
from flagrelease.formats.dockerfile_text import context_path

HOSTILE = (
    "", " ", "\\", "a\\", "\\\\", '"', "'", "`", "$", "$$", "$HOME", "${PATH}", "${x:-y}", "$(id)", "`id`", "#",
    "# escape=`", "#syntax=x", "a #b", "<<EOF", "<<-'EOF'", "a <<EOF b", "EOF", "[", "]", '["a"]', '", "b', "{#",
    "{{ image }}", "{% raw %}", "&&", "; rm -rf /", "|", "\u2028", "\u2029", "\x85", "\xa0", "\u202e", "\ufeff",
    "\u200b", "é", "寒武纪", "🐍", "ONBUILD", "RUN x", "--from=x", "--mount=type=secret", "=", "a=b c=d", "*", "?",
    "[a-z]", "~", "!", "%20", ",", "😀" * 50,
)  # fmt: skip
"""Pieces that mean something to a shell, to JSON, to Jinja, to BuildKit, or that nobody sees."""

_characters = st.characters(exclude_categories=("Cs", "Cc"))
_text = st.one_of(st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join), st.text(_characters, max_size=8))
_sentence = _text.map(lambda text: f"{text}\n\t{text}"[:500])
_word = _text.map(lambda text: text or "x")
_name = st.sampled_from(["a", "b-1", "c.d_e", "0", "sdk-steps", "image"])
_variable = st.sampled_from(["A", "PATH", "_x", "a1", "LD_LIBRARY_PATH", "items", "keys"])
_piece = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\."), min_size=1, max_size=8),
    st.sampled_from([one for one in HOSTILE if one and not set("/\\\x85") & set(one)]),
)
_absolute = st.lists(_piece, min_size=1, max_size=2).map(lambda parts: "/" + "/".join(parts))
_plain = st.sampled_from(["/tmp/flagrelease/x.run", "/var/cache/b", "/a_b+c-d", "/0/1.2"])
_env = st.dictionaries(_variable, _text, max_size=2)
_binds = st.builds(
    Bind, source=st.sampled_from(["installers/x_1.0+a.run", "wheels", "/torch-adapter", "installers/a-*_b.run"]),
    target=_plain, from_stage=st.one_of(st.none(), _name),
)  # fmt: skip
_steps = st.builds(
    Step, argv=st.lists(_word, min_size=1, max_size=4).map(tuple), env=_env, folder=st.one_of(st.none(), _absolute),
    binds=st.lists(_binds, max_size=2).map(tuple), caches=st.lists(_plain, max_size=1).map(tuple),
    secrets=st.lists(_name, max_size=1).map(tuple), why=st.one_of(st.none(), _sentence),
)  # fmt: skip
_some = st.lists(_steps, max_size=2).map(tuple)
_archives = st.builds(
    PlacedArchive, path=st.sampled_from(["sources/a.tar", "archives/b_1.0+c.tar.gz"]), folder=_absolute
)
_sources = st.builds(SourceBuild, name=_name, tree=st.one_of(st.none(), _archives), steps=_some)
_kernels = st.builds(KernelBuild, component=_name, key=st.just("0" * 64), source=_sources)
_files = st.builds(
    lambda target, mode: CopiedFile(path=f"files/{context_path(target)}", target=target, mode=mode),
    _absolute, st.integers(0, 0o777),
)  # fmt: skip
_labels = st.dictionaries(st.sampled_from(["a", "org.opencontainers.image.title", "ai.flagos.x-y"]), _text, max_size=3)

PLANS = st.builds(
    ImagePlan,
    bundle=_sentence, title=_sentence, chip=st.just("cpu"), sdk=_name, architecture=st.sampled_from(["amd64", "arm64"]),
    base=st.sampled_from(["x:1", "h.example:5000/a/b@sha256:" + "0" * 64, "scratch"]), epoch=st.integers(0, 2**40),
    rehearsal=st.booleans(), sdk_env=_env, unpacked=st.lists(_archives, max_size=1).map(tuple), installers=_some,
    torch=_some, kernels=st.lists(_kernels, max_size=2).map(tuple), kernel_install=_some,
    sources=st.lists(_sources, max_size=2).map(tuple), requirements=_some,
    files=st.lists(_files, max_size=2).map(tuple),
    checks=_some, notes=st.lists(_sentence, max_size=2).map(tuple), env=_env, labels=_labels,
    working_folder=st.one_of(st.none(), _absolute), port=st.one_of(st.none(), st.integers(1, 65535)),
    user=st.one_of(st.none(), st.sampled_from(["app", "1000:1000", "_x"])),
    entrypoint=st.lists(_word, max_size=3).map(tuple),
)  # fmt: skip
