"""Every kind of defect is found at its line, and nothing else is."""

import pytest

from flagrelease.domain.everything import Everything
from flagrelease.importing.defect import INSTEAD
from flagrelease.importing.importing import Imported, import_card

OLD_LAYOUT = [
    (5, "reference-differs"),
    (6, "unmeasured-claim"),
    (6, "unset-switch"),
    (13, "mail-and-download"),
    (17, "no-item-counts"),
    (27, "host-ipc"),
    (27, "host-network"),
    (27, "host-pid"),
    (27, "image-without-registry"),
    (27, "privileged"),
    (27, "wide-mount"),
    (27, "x11"),
    (32, "placeholder"),
    (33, "unpinned-clone"),
    (35, "index-address"),
    (37, "unpinned-clone"),
    (40, "short-commit"),
    (42, "weakened-tls"),
    (47, "folder-order"),
    (49, "weights-not-mounted"),
    (66, "placeholder"),
    (66, "served-name"),
    (74, "licence-unchecked"),
]

NEW_LAYOUT = [
    (1, "base-model-unnamed"),
    (4, "licence-unchecked"),
    (7, "other-vendor"),
    (9, "unmeasured-claim"),
    (12, "doubled-suffix"),
    (12, "mixed-scales"),
    (12, "no-item-counts"),
    (14, "large-drop"),
    (15, "not-a-score"),
    (16, "other-editions"),
    (17, "not-a-score"),
    (17, "not-a-score"),
    (17, "other-editions"),
    (17, "unknown-benchmark"),
    (25, "driver-of-other-vendor"),
    (26, "sdk-is-driver"),
    (28, "placeholder"),
    (29, "empty-version"),
    (33, "versions-differ"),
    (33, "versions-differ"),
    (33, "versions-differ"),
    (33, "versions-differ"),
    (37, "other-weights"),
    (37, "weights-not-mounted"),
    (41, "added-capability"),
    (41, "broken-run"),
    (41, "broken-run"),
    (41, "host-ipc"),
    (41, "host-network"),
    (41, "library-from-host"),
    (41, "no-seccomp"),
    (41, "nvidia-option"),
    (41, "option-without-effect"),
    (41, "option-without-effect"),
    (41, "pulled-is-not-run"),
    (41, "wide-mount"),
    (46, "container-name"),
    (50, "fixed-address"),
    (51, "weights-elsewhere"),
    (51, "weights-not-mounted"),
    (52, "addresses-differ"),
    (52, "fixed-address"),
    (56, "broken-continuation"),
    (56, "request-port"),
    (56, "served-name"),
    (59, "other-vendor"),
    (59, "placeholder"),
    (61, "licence-unchecked"),
]


def test_a_card_of_the_old_layout_has_these_defects_and_no_others(old: Imported) -> None:
    assert [(one.line, one.kind) for one in old.defects] == OLD_LAYOUT


def test_a_card_of_the_new_layout_has_these_defects_and_no_others(new: Imported) -> None:
    assert [(one.line, one.kind) for one in new.defects] == NEW_LAYOUT


SCORES = "| Metrics | Difference |\n|---|---|\n| MMMU | 1.2% |\n"
RUN = "```\ndocker run --name a {options} registry.example/x:1\n```\n"
SNIPPETS = [
    pytest.param("control-character", "a\x1b[2Jb\n", id="control character"),
    pytest.param("control-character", "### \uf8ffTitle\n", id="private character"),
    pytest.param("lost-fences", "docker pull a/b:1\n", id="no fence"),
    pytest.param("misspelt-vendor", "FlagRelease/X-tqingmicro-FlagOS\n", id="misspelt vendor"),
    pytest.param(
        "licence-differs", "FlagRelease/MiniCPM-2B-nvidia-FlagOS\n# License\nThe weights: Apache 2.0\n", id="gml"
    ),
    pytest.param("floating-image", "```\ndocker pull registry.example/x\n```\n", id="no tag"),
    pytest.param("floating-image", "```\ndocker pull registry.example/x:latest\n```\n", id="latest"),
    pytest.param(
        "image-decoded-empty", "```\ndocker pull r.example/x-gpu_mthreads-driver_x:1\n```\n", id="x in a name"
    ),
    pytest.param("installed-twice", "```\ncd A\npip install .\ncd b/A\npip install .\n```\n", id="twice"),
    pytest.param("unsigned-difference", SCORES, id="difference"),
    pytest.param("wide-mount", RUN.format(options="-v /var/run/docker.sock:/s"), id="engine socket"),
    pytest.param("wide-mount", RUN.format(options="--volume=/:/host"), id="the whole disk"),
    pytest.param("x11", RUN.format(options="-eDISPLAY=:0"), id="display"),
    pytest.param("weakened-tls", "```\ncurl -k https://x.example/\n```\n", id="curl -k"),
    pytest.param("placeholder", "```\nvllm serve /path/to/weights\n```\n", id="path to"),
    pytest.param(
        "driver-too-old",
        "X-nvidia-FlagOS\n| Item | Version |\n|---|---|\n| Driver | 570.158.01 |\n| CUDA SDK | 13.0 |\n",
        id="driver",
    ),
    pytest.param(
        "other-weights",
        "X-hygon-FlagOS\n```\nmodelscope download --model FlagRelease/X-metax-FlagOS --local_dir /d\n```\n",
        id="another vendor's weights",
    ),
    pytest.param(
        "served-name",
        '```\nvllm serve /w\n```\n```python\nbase_url = "http://localhost:8000/v1"\nmodel = "m"\n```\n',
        id="the openai client",
    ),
]


@pytest.mark.parametrize(("kind", "card"), SNIPPETS)
def test_a_short_card_has_the_defect(kind: str, card: str, recipes: Everything) -> None:
    found = import_card(card, source="card.md", recipes=recipes)
    assert kind in {one.kind for one in found.defects}, found.defects


def test_every_kind_of_defect_has_an_example() -> None:
    shown = {kind for _, kind in (*OLD_LAYOUT, *NEW_LAYOUT)} | {str(one.values[0]) for one in SNIPPETS}
    assert shown == set(INSTEAD)


IMAGE = "registry.example/smollm2-nvidia004-gems5.4.0-tree0.6.1-vllm0.24.0-cp312-pt210-cu130-x64-580.65.06:202608292346"
GOOD = f"""\
---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
---
# Introduction
SmolLM2-135M-Instruct-nvidia-FlagOS runs on one card.

| Metrics (n = 900 items) | SmolLM2-135M-Instruct-CUDA | SmolLM2-135M-Instruct-nvidia-FlagOS |
|---|---|---|
| MMMU | 31.50 | 31.44 |

```bash
docker pull {IMAGE}
docker run -d --name flagos --gpus all -v /data/smollm2:/data/smollm2:ro --shm-size 8g -p 127.0.0.1:8000:8000 \\
  {IMAGE}
docker exec -it flagos bash
modelscope download --model FlagRelease/SmolLM2-135M-Instruct-nvidia-FlagOS --local_dir /data/smollm2
USE_FLAGGEMS=1 vllm serve /data/smollm2 --served-model-name smollm2 --port 8000
curl http://localhost:8000/v1/completions -d '{{"model": "smollm2", "prompt": "1 2 3"}}'
```
The weights are under the Apache License 2.0.
"""


def test_a_card_without_a_defect_has_none(recipes: Everything) -> None:
    assert import_card(GOOD, source="card.md", recipes=recipes).defects == ()
