"""Commands, container options, image names and bundle names, read as cards spell them."""

import pytest

from flagrelease.importing.bundle_name import as_name, bundle_name
from flagrelease.importing.docker_words import docker_run
from flagrelease.importing.image_name import image_facts
from flagrelease.importing.layout import laid_out, tables
from flagrelease.importing.scores import scale_of, score
from flagrelease.importing.shell import Command, commands, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b c' \"d $e\"", [["a", "b c", "d $e"]]),
        (r"a \-v x", [["a", "-v", "x"]]),
        ("a && b; c | d", [["a"], ["b"], ["c"], ["d"]]),
        ("a > log 2>&1 &", [["a"]]),
        ("a 2>/dev/null b", [["a", "b"]]),
        ("a <THE FOLDER> b", [["a", "‹THE_FOLDER›", "b"]]),
        ("a # why\nb http://x/#y", [["a"], ["b", "http://x/#y"]]),
        ('a "b \\" c"', [["a", 'b " c']]),
        ("a 'never closed", [["a", "never closed"]]),
        ("a $(touch /tmp/x) `y`", [["a", "$(touch", "/tmp/x)", "`y`"]]),
        ("", []),
        ("\\", [["\\"]]),
    ],
)
def test_a_command_is_split_as_a_shell_would_and_nothing_is_run(text: str, words: list[list[str]]) -> None:
    assert list(split(text)) == words


def shown(text: str) -> list[Command]:
    return commands(laid_out(text.split("\n")))


def test_a_command_goes_on_over_lines_and_quotes() -> None:
    (command,) = shown('```bash\nUSE_X=1 curl http://h/ \\\n  -d \'{\n "model": "m"\n}\'\nplain words\n```')
    assert (command.line, command.last_line, command.env, command.program) == (2, 5, {"USE_X": "1"}, "curl")
    assert command.words[-1] == '{\n "model": "m"\n}'


def test_commands_are_found_without_fences_and_prose_is_not_taken_for_one() -> None:
    text = (
        "Docker runs everywhere.\ndocker pull a/b:1\nsource code is open\npip install x\ngit is a tool\ncurl it don't"
    )
    assert [one.words[:2] for one in shown(text)] == [("docker", "pull"), ("pip", "install"), ("curl", "it")]


def test_a_fence_that_is_never_closed_hides_nothing() -> None:
    assert [one.program for one in shown("```bash\ndocker pull a\n# Title\n| a | b |\n|---|---|\n| c | d |\n")] == [
        "docker"
    ]
    assert len(tables(laid_out(["```", "| a | b |", "|---|---|", "| c | d |"]))) == 1


def test_a_table_has_escaped_pipes_and_rows_of_any_length() -> None:
    (table,) = tables(laid_out(["| **a** | b |", "|:--|--:|", r"| c \| d<br>e | f | g |", "| h |"]))
    assert table.header.cells == ("a", "b")
    assert [row.cells for row in table.rows] == [("c | d e", "f"), ("h", "")]


def test_container_options_are_read_in_every_spelling() -> None:
    words = (
        "docker", "run", "-itd", "--net=host", "--privileged=true", "-v/a:/b:ro", "--volume", "/c", "-e", "A=1",
        "--gpus", "all", "--mount", "type=bind,src=/s,dst=/t,readonly", "--ulimit", "memlock=-1", "-exec", "image:1",
        "sh", "-c",
    )  # fmt: skip
    run = docker_run(Command(line=1, last_line=1, words=words, env={}, way="", heading="", fenced=True))
    assert (run.image, run.command, run.strange) == ("image:1", ("sh", "-c"), ("-exec",))
    assert run.mounts == [("/a", "/b", True), ("/c", "/c", False), ("/s", "/t", True)]
    assert run.has("privileged")
    assert run.has("detach")
    assert (run.value("network"), run.value("ulimit"), run.value("env")) == ("host", "memlock=-1", "A=1")


FIRST = (
    "harbor.example/p/flagrelease-nvidia-release-model_qwen-8b-tree_0.4.1_3.5-gems_4.2.1rc0-cx_none-python_3.12.3"
    "-torch_cuda-2.9.0-pcp_cuda13.1-gpu_nvidia003-arc_amd64-driver_570.158.01:202603301143"
)
SEED_FORM = "harbor.example/p/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-vllmpluginfl_0.0.0-vllm_0.13.0-amd64"
SECOND = (
    "hy-preview-hygon001-gems5.4.0-tree0.6.1-cxnone-plugin0.2.0-vllm-ascend0.24.0-cp310-ptnpu210-dtk2604-a64"
    "-6.3.30-v1.4.1a:202608292346"
)


@pytest.mark.parametrize(
    ("name", "grammar", "versions", "others"),
    [
        pytest.param(
            FIRST,
            "first",
            {"flagtree": "0.4.1+3.5", "flaggems": "4.2.1rc0", "python": "3.12.3", "torch": "2.9.0",
             "driver": "570.158.01", "sdk": "13.1"},
            ("qwen-8b", "nvidia", "nvidia003", "cuda", "amd64", "202603301143"),
            id="first",
        ),
        pytest.param(
            SEED_FORM,
            "first",
            {"flaggems": "4.2.1rc0", "flagtree": "0.4", "flagos": "1.6", "vllm-plugin-fl": "0.0.0", "vllm": "0.13.0"},
            ("", "nvidia", "", "", "amd64", ""),
            id="seed",
        ),
        pytest.param(
            SECOND,
            "second",
            {"flaggems": "5.4.0", "flagtree": "0.6.1", "vllm-plugin-fl": "0.2.0", "vllm": "0.24.0", "python": "310",
             "torch": "210", "sdk": "2604", "driver": "6.3.30-v1.4.1a"},
            ("hy-preview", "hygon", "hygon001", "dtk", "arm64", "202608292346"),
            id="second",
        ),
        pytest.param("a:1", "none", {}, ("", "", "", "", None, "1"), id="neither"),
    ],
)  # fmt: skip
def test_an_image_name_is_decoded(
    name: str, grammar: str, versions: dict[str, str], others: tuple[str | None, ...]
) -> None:
    found = image_facts(name)
    assert (found.grammar, found.versions) == (grammar, versions)
    assert (found.model, found.vendor, found.gpu, found.sdk, found.architecture, found.tag) == others


def test_a_registry_is_told_from_a_folder_and_a_digest_from_a_tag() -> None:
    assert image_facts("localhost:5000/a/b").has_registry
    assert not image_facts("a/b:1").has_registry
    digest = f"sha256:{'a' * 64}"
    found = image_facts(f"r.example/a@{digest}")
    assert (found.repository, found.tag, found.digest) == ("r.example/a", "", digest)


@pytest.mark.parametrize(
    ("name", "model", "vendor", "precision"),
    [
        ("MiniCPM-o-4.5-nvidia-FlagOS", "MiniCPM-o-4.5", "nvidia", ""),
        ("MiniCPM_o_2.6-FlagOS-Cambricon", "MiniCPM_o_2.6", "cambricon", ""),
        ("DeepSeek-R1-FlagOS-Metax-BF16", "DeepSeek-R1", "metax", "bf16"),
        ("DeepSeek-R1-INT4-FlagOS-Iluvatar", "DeepSeek-R1", "iluvatar", "int4"),
        ("Qwen3.8-27B-BF16-zhenwu-Express", "Qwen3.8-27B", "zhenwu", "bf16"),
        ("X-mthreads-FlagOS-FlagOS", "X", "mthreads", ""),
        ("ERNIE-4.5-0.3B-PT", "ERNIE-4.5-0.3B-PT", "", ""),
    ],
)
def test_a_bundle_name_is_taken_apart(name: str, model: str, vendor: str, precision: str) -> None:
    found = bundle_name(name)
    assert (found.model, found.vendor, found.precision) == (model, vendor, precision)


def test_a_name_of_a_recipe_is_made_of_any_text() -> None:
    assert as_name("MiniCPM-o-4.5") == "minicpm-o-4.5"
    assert as_name("../../etc/passwd") == "etc-passwd"
    assert as_name("模型") == ""


@pytest.mark.parametrize(
    ("cell", "value", "note"),
    [
        ("48.33", 48.33, ""), (".507", 0.507, ""), ("21.8%", 21.8, ""), ("-0.5", -0.5, ""),
        ("96.67(2024)", 96.67, "2024"), ("007", 7.0, ""),
        ("23/30", None, "23 of 30"), ("Evaluating", None, ""), ("-", None, ""), ("", None, ""),
        ("1e999", None, ""), ("٣", None, ""),
    ],
)  # fmt: skip
def test_a_score_is_a_number_or_none(cell: str, value: float | None, note: str) -> None:
    found = score(cell)
    assert (found.value, found.note) == (value, note)


def test_scales_are_read_off_the_largest_score() -> None:
    assert scale_of(score("0.697"), score("0.61")) == 1
    assert scale_of(score("0.697"), score("61")) == 100
    assert scale_of(score("0.4%")) == 100
    assert scale_of(score("854")) == 1000
