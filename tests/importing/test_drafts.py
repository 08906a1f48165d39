"""What a draft takes from a card, and what it leaves to be filled in."""

import re

import pytest

from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.everything import Everything
from flagrelease.domain.published import AggregateScores, Differences, Published
from flagrelease.formats.placeholders import placeholders
from flagrelease.formats.strict import decode_yaml, read_yaml
from flagrelease.importing.importing import Draft, Imported, import_card


def filled(draft: Draft) -> Bundle:
    """The draft with its missing keys put in."""
    text = re.sub(r"# TODO (ready_within_s): .*", r"\1: 600", draft.text)
    text = re.sub(r"# TODO (sdk|weights|engine): .*", r"\1: todo", text)
    return decode_yaml(text, Bundle, source=draft.path)


def only(bundle: Bundle) -> Variant:
    (variant,) = bundle.variants.values()
    return variant


def test_a_card_of_the_old_layout_becomes_a_bundle_for_flagscale(old: Imported) -> None:
    assert old.bundle.path == "bundles/cambricon_mlu/model-a-1.5.yaml"
    bundle = filled(old.bundle)
    variant = only(bundle)
    assert (bundle.default_variant, variant.engine, variant.parallel.tensor) == ("flagscale", "flagscale", 2)
    flaggems, flagscale = variant.components["flaggems"].source, variant.components["flagscale"]
    assert flaggems.kind == "git"
    assert (flaggems.repository, flaggems.branch, flaggems.commit) == ("FlagOpen/FlagGems", "a_release", None)
    assert flagscale.patches is not None
    assert (flagscale.patches.base, flagscale.patches.device_type) == ("0123abcd", "cambricon_MLU")
    assert flagscale.provenance == "card old_layout.md:37"
    assert variant.weights_folder == "/weights/Model-A-1_5"
    serving = variant.serving
    assert serving is not None
    assert (serving.served_name, serving.requested_model, serving.port) == ("model-a-flagos", "model-a", 9010)
    assert serving.arguments == {"limit-mm-per-prompt": "image=18", "trust-remote-code": True}


def test_what_a_vendor_hands_out_by_mail_is_restricted(old: Imported) -> None:
    image = only(filled(old.bundle)).image
    assert image is not None
    assert image.restricted is not None
    assert image.restricted.contact == "sales@cambricon.com"
    assert image.restricted.fields == ("unit", "contact person", "purpose")


def test_nothing_that_gives_a_container_more_is_taken_over(old: Imported) -> None:
    container = only(filled(old.bundle)).container
    assert (container.privileged, container.network, container.pid, container.ipc) == (
        False, "bridge", "private", "private",
    )  # fmt: skip
    assert [mount.source for mount in container.mounts] == ["/weights/Model-A-1_5"]
    assert {"--privileged", "--network host", "--pid host", "--volume /home:/home"} <= container.dropped.keys()


def test_a_card_of_the_new_layout_becomes_a_bundle_for_vllm(new: Imported) -> None:
    assert (new.chip, new.model) == ("hygon_bw1000", "model-b")
    variant = only(filled(new.bundle))
    versions = {name: component.version for name, component in variant.components.items()}
    assert versions == {
        "flagtree": "0.6.1", "flaggems": "5.4.0", "vllm": "0.24.0", "vllm-plugin-fl": "0.2.0",
    }  # fmt: skip
    assert (variant.architecture, variant.precision, variant.quantisation) == ("amd64", "float8", "fp8")
    assert (variant.parallel.tensor, variant.parallel.nodes) == (16, 2)
    assert variant.env == {"MASTER_ADDR": "10.1.2.19", "HIP_VISIBLE_DEVICES": "0,1"}
    assert variant.serving is not None
    assert variant.serving.context_length == 131072
    assert variant.serving.arguments == {"gpu-memory-utilization": 0.95}
    assert variant.image is not None
    assert "public" in variant.image.pulled.image
    assert "inner" in variant.image.run.image
    assert variant.hub is not None
    assert variant.hub.modelscope == "FlagRelease/Model-B"


def test_defects_stand_in_the_draft_with_their_lines(new: Imported) -> None:
    written = only(filled(new.bundle)).defects
    assert [one.source.rpartition(":")[2] for one in written] == [str(one.line) for one in new.defects]
    assert all(one.instead for one in written)


def test_scores_are_as_printed_and_rows_without_one_are_named(new: Imported) -> None:
    (draft,) = new.published
    assert draft.path == "published/hygon_bw1000/model-b.vllm.yaml"
    table = decode_yaml(draft.text, Published, source=draft.path)
    assert isinstance(table.scores, AggregateScores)
    rows = [(row.benchmark, row.scale, row.reference, row.target) for row in table.scores.rows]
    assert rows == [("gpqa_diamond", 1, 0.697, 0.614), ("aime", 100, 96.67, 92.7)]
    assert "# left out, line 15: Musr: 78.28, Evaluating" in draft.text
    assert "# left out, line 17: Colours: 23/30, 21/30" in draft.text


TWO_WAYS = """\
# Evaluation Results
### Transformers version
Accuracy difference between USE_FLAGOS=1 and USE_FLAGOS=0
| Metrics | Difference with Nvidia-CUDA |
|---|---|
| Video-MME 0-shot avg@2 ↑ | 0.33% |
### VLLM version
| Metrics(avg@1) | Difference with Nvidia-CUDA |
|---|---|
| OCRBench ↑ | 0.10 |
# User Guide
| CUDA SDK Build | Build cuda_13.0.r13.0/compiler.36424714_0 |
|---|---|
| FlagTree | Version: 0.4.0+3.5 |
| vllm & vllm-plugin-fl | Version: 0.13.0 + vllm_fl 0.0.0 |
## Transformers version
```
docker pull harbor.example/p/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-amd64
USE_FLAGOS=1 python3 speak.py
```
## VLLM version
```
modelscope download --model FlagRelease/Model-C-nvidia-FlagOS --local_dir /share/C
docker pull harbor.example/p/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-vllm_0.13.0-amd64
USE_FLAGGEMS=1 vllm serve /share/C --trust-remote-code
```
"""


def test_a_card_with_two_ways_becomes_two_variants_with_their_own_tables(recipes: Everything) -> None:
    found = import_card(TWO_WAYS, source="card.md", recipes=recipes)
    bundle = filled(found.bundle)
    assert list(bundle.variants) == ["transformers", "vllm"]
    transformers, vllm = bundle.variants.values()
    assert transformers.script is not None
    assert transformers.script.command == ("python3", "speak.py")
    assert (transformers.serving, transformers.env) == (None, {"USE_FLAGOS": "1"})
    assert list(transformers.components) == ["flagtree", "flaggems"]
    assert list(vllm.components) == ["flagtree", "flaggems", "vllm"]
    assert vllm.components["flagtree"].version == "0.4.0+3.5"
    assert (vllm.sdk, vllm.flagos, vllm.weights_folder) == ("cuda13.0", "1.6", "/share/C")
    assert vllm.serving is not None
    assert vllm.serving.served_name == "/share/C"
    assert vllm.reference is not None
    assert vllm.reference.kind == "switched_off"
    assert (transformers.published, vllm.published) == (("model-c.transformers",), ("model-c.vllm",))
    tables = [decode_yaml(draft.text, Published, source=draft.path) for draft in found.published]
    assert all(isinstance(table.scores, Differences) for table in tables)
    first, second = (table.scores.rows[0].model_dump(exclude={"note"}) for table in tables)
    assert first == {
        "benchmark": "video_mme", "difference": 0.33, "unit": "percent, absolute or relative unstated", "shots": 0,
        "repeats": 2,
    }  # fmt: skip
    assert second == {
        "benchmark": "ocrbench_test", "difference": 0.10, "unit": "points", "shots": None, "repeats": 1,
    }  # fmt: skip
    assert tables[0].reference == ("TODO: the card says: Accuracy difference between USE_FLAGOS=1 and USE_FLAGOS=0")


def test_what_a_person_says_of_chip_and_model_counts(recipes: Everything) -> None:
    found = import_card(TWO_WAYS, source="card.md", recipes=recipes, chip="metax_c550", model="minicpm-o-4.5")
    assert found.bundle.path == "bundles/metax_c550/minicpm-o-4.5.yaml"
    bundle = filled(found.bundle)
    assert (bundle.chip, bundle.model) == ("metax_c550", "minicpm-o-4.5")
    assert bundle.variants["vllm"].weights == "published"


@pytest.mark.parametrize("card", ["", "\n\n", "# License\n", "|\n|-|\n", "hello"])
def test_a_text_that_is_no_card_becomes_a_draft_of_gaps(card: str, recipes: Everything) -> None:
    found = import_card(card, source="card.md", recipes=recipes)
    assert found.bundle.path == "bundles/todo/todo.yaml"
    assert found.published == ()
    root, faults = read_yaml(found.bundle.text, Bundle, source="r.yaml")
    assert faults == []
    assert {one.path[0] for one in placeholders(root)} >= {"chip", "model", "default_variant"}


def test_every_mark_of_a_draft_is_a_gap_that_is_found(old: Imported, new: Imported) -> None:
    for found in (old, new):
        root, _ = read_yaml(found.bundle.text, Bundle, source="r.yaml")
        marks = [line for line in found.bundle.text.splitlines()[3:] if re.search(r"TODO:|: todo\b", line)]
        assert len(list(placeholders(root))) == len(marks)
