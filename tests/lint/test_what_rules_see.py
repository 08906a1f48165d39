"""Cases that one example a rule does not show: what must be found, and what must not."""

import pytest

from tests.lint.small import Changes, Data, judged


def found(changes: Changes) -> list[str]:
    return [one.rule.id for one in judged(changes)]


def texts(changes: Changes, rule: str) -> list[str]:
    return [one.found.text for one in judged(changes) if one.rule.id == rule]


def test_a_broken_chip_is_told_once_and_is_not_missing_to_its_bundles() -> None:
    assert found({"chip.memory_probe": "smy"}) == ["FR001"]


def test_every_fault_of_a_file_is_a_finding_at_its_own_place() -> None:
    faults = judged({"chip.memory_probe": "smy", "chip.vendr": "x", "chip.sdks.one.python": 3})
    assert [one.rule.id for one in faults] == ["FR001"] * 3
    assert len({one.found.at for one in faults}) == 3
    assert {one.found.file for one in faults} == {"chips/alpha.yaml"}


@pytest.mark.parametrize(
    ("range_", "tested", "rules"),
    [
        ({"min": "580"}, "570.158.01", ["FR321"]),
        ({"min": "8.2.RC1"}, "8.2.rc1", []),
        ({"min": "8.2"}, "8.2.rc1", ["FR321"]),
        ({"max": "580"}, "580.65.06", []),
        ({"max": "580"}, "610.43.02", ["FR321"]),
        ({"min": "6.3.13-v1.12.0a"}, "6.3.30-V1.4.1a", []),
    ],
)
def test_drivers_are_compared_as_vendors_write_them(range_: dict[str, str], tested: str, rules: list[str]) -> None:
    assert found({"sdk.driver": {"tested": [tested], "source": "an example"} | range_}) == rules


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ({"variant.gate": "quik"}, "quick"),
        ({"variant.weights": "plane"}, "plain"),
        ({"variant.published": ["tiny.crd"]}, "tiny.card"),
        ({"variant.hardware": ["a2"]}, "a1"),
        ({"variant.profiles": ["lug"]}, "log"),
        ({"variant.smoke.second_model.model": "prob"}, "probe"),
        ({"variant.reference.chip": "betta"}, "beta"),
        ({"policy.harness_tasks.quiz.benchmark": "quizz"}, "quiz"),
        ({"model.benchmarks": ["quizz"]}, "quiz"),
        ({"table.scores.rows[0].benchmark": "quizz"}, "quiz"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_near_one(change: Changes, near: str) -> None:
    unknown = [one for one in judged(change) if one.rule.id in ("FR003", "FR004")]
    assert [f"`{near}`" in one.hint for one in unknown] == [True]


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ({"engine.models.tiny.precisions": ["float16"]}, "row 3"),
        ({"variant.parallel": {"tensor": 4}}, "row 3"),
        ({"variant.serving.images_per_request": 9}, "row 3"),
        ({"variant.quantisation": "w8a8", "weights.quantisation": "w8a8", "variant.granularity": "per_token"}, "row 2"),
        ({"variant.quantisation": "w8a8", "weights.quantisation": "w8a8", "engine.quantisations.w8a8.chips": ["beta"]},
         "row 2"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_source_that_the_engine_cites(change: Changes, source: str) -> None:
    assert [source in one.found.text for one in judged(change)] == [True]


def test_served_and_plain_are_told_apart() -> None:
    change: Data = {"engine.models.tiny.modalities_served": ["text"]}
    assert found(change) == ["FR309"]
    script = {"variant.serving": None, "variant.script": {"command": ["ask"], "source": "an example"}}
    assert found(change | script) == []


@pytest.mark.parametrize(
    ("size", "rules", "severity"), [(30.0, [], None), (31.0, ["FR324"], "error"), (15.5, [], None)]
)
def test_weights_have_to_leave_room_on_the_devices_that_hold_them(
    size: float, rules: list[str], severity: str | None
) -> None:
    # Two dies of 16 GB each.
    judged_ = judged({"weights.size_gb": size, "variant.parallel": {"tensor": 2}})
    assert [one.rule.id for one in judged_] == rules
    assert {one.severity for one in judged_} <= {severity}


def test_weights_that_fit_the_larger_card_only_are_a_warning() -> None:
    both: Changes = {"chip.hardware.a1.memory_gb": [32, 64], "weights.size_gb": 20.0}
    assert [(one.rule.id, one.severity) for one in judged(both)] == [("FR324", "warning")]


def test_a_size_that_is_not_stated_is_that_of_the_parameters() -> None:
    (text,) = texts({"weights.size_gb": None, "model.parameters": 70_000_000_000}, "FR324")
    assert text.startswith("the weights take 140.0 GB (at least: 70,000,000,000 parameters of 16 bits)")


@pytest.mark.parametrize(
    "value",
    ["hf_" + "a" * 34, "ghp_" + "b" * 36, "sk-" + "c" * 40, "https://somebody:pass" + "word@registry.example/x",
     "AGE-SECRET-KEY-1" + "Q" * 20, "-----BEGIN OPENSSH PRIVATE KEY-----"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["variant.env", "sdk.env"])
def test_a_secret_is_found_by_its_shape_and_never_shown(value: str, key: str) -> None:
    secrets = [one for one in judged({key: {"X": value}}) if one.rule.id == "FR701"]
    assert len(secrets) == 1
    assert value not in f"{secrets[0].found.text}{secrets[0].hint}"


@pytest.mark.parametrize(
    ("name", "value", "rules"),
    [("HUB_TOKEN", "abc", ["FR701"]), ("DB_PASSWORD", "x y", ["FR701"]), ("API_KEY", "EMPTY", []),
     ("HF_TOKEN", "/run/secrets/hub", []), ("TOKENIZERS_PARALLELISM", "false", []), ("MAX_TOKENS", "256", []),
     ("KEYBOARD", "de", [])],
)  # fmt: skip
def test_a_variable_that_is_called_a_secret_has_no_value(name: str, value: str, rules: list[str]) -> None:
    assert found({"variant.env": {name: value}}) == rules


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"variant.env": {"ADDR": "10.232.2.19"}}, ["FR703"]),
        ({"variant.env": {"ADDR": "0.0.0.0"}}, []),
        ({"variant.env": {"MACA_VERSION": "3.7.2.1"}}, []),
        ({"sdk.version": "3.7.2.1"}, []),
        ({"variant.note": "seen at 10.232.2.19"}, []),
        ({"variant.settings": {"options": "-i https://mirror.example/simple"}}, ["FR702"]),
        ({"variant.defects": [{"what": "-i https://mirror.example/simple", "instead": "x", "source": "y"}]}, []),
        ({"component.source": {"kind": "index", "project": "lib", "version": "1.0", "index": "https://i.example"}},
         ["FR702"]),
        ({"component.install": [{"tool": "pip", "env": {"https_proxy": "http://proxy.example"}}]}, ["FR702"]),
    ],
)  # fmt: skip
def test_addresses_are_found_where_they_act_and_not_where_they_are_told(change: Changes, rules: list[str]) -> None:
    assert found(change) == rules


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"chip.vendor": "TODO: who makes it"}, 1),
        ({"bundle.variants.todo": {"revision": "r1", "sdk": "one", "weights": "plain", "engine": "serve",
                                   "script": {"command": ["ask"], "source": "TODO"}}}, 2),
        ({"variant.note": "the facts speak of TODOs in a file"}, 0),
        ({"variant.title": "<the model>"}, 1),
    ],
)  # fmt: skip
def test_gaps_that_a_draft_leaves_are_found(change: Changes, count: int) -> None:
    assert len(texts(change, "FR712")) == count


def test_a_way_to_the_devices_is_waived_by_the_variants_that_take_it() -> None:
    change: Changes = {"chip.container.raw.privileged": True, "chip.container.toolkit.network": "host"}
    cells = {one.rule.id: one.found.cells for one in judged(change)}
    assert len(cells["FR221"]) == 1
    assert cells["FR222"] == ()


def test_variables_are_judged_together_wherever_they_are_set() -> None:
    change: Data = {"variant.features": ["speed_run"]}
    for key in ("sdk.env", "variant.env", "variant.container.env"):
        assert found(change | {key: {"LOG": "1"}}) == ["FR601"]
    assert found(change | {"variant.profiles": ["log"], "variant.env": {"LOG": "0"}}) == []


def test_a_table_that_is_already_another_models_is_told_at_the_later_one() -> None:
    rows: list[Data] = [
        {"benchmark": name, "scale": 100, "reference": 51.0, "target": 52.0} for name in ("quiz", "essay", "riddle")
    ]
    swapped: list[Data] = [
        {"benchmark": name, "scale": 100, "reference": 52.0, "target": 51.0} for name in ("quiz", "essay", "riddle")
    ]
    assert found({"table.scores.rows": rows, "copy.scores.rows": swapped}) == ["FR526"]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"variant.settings": {"options": "--trusted-host mirror.example"}}, ["FR705"]),
        ({"variant.env": {"PIP_TRUSTED_HOST": "mirror.example"}}, ["FR705"]),
        ({"variant.env": {"GIT_SSL_NO_VERIFY": "1"}}, ["FR705"]),
        ({"variant.env": {"GIT_SSL_NO_VERIFY": "0"}}, []),
        ({"variant.env": {"REQUESTS_CA_BUNDLE": ""}}, ["FR705"]),
        ({"variant.env": {"REQUESTS_CA_BUNDLE": "/etc/ssl/site.pem"}}, []),
        ({"variant.settings": {"get": "curl -sSLk https://x.example/y"}}, ["FR705"]),
        ({"variant.settings": {"get": "wget --no-check-certificate x"}}, ["FR705"]),
        ({"component.install": [{"tool": "pip", "arguments": ["--config=http.sslVerify=false"]}]}, ["FR705"]),
        ({"variant.defects": [{"what": "--trusted-host after an error", "instead": "x", "source": "y"}]}, []),
        ({"variant.settings": {"note_of": "verified by curl"}}, []),
    ],
)  # fmt: skip
def test_tls_is_not_weakened_in_anything_that_acts(change: Changes, rules: list[str]) -> None:
    assert found(change) == rules
