"""The configuration that is rendered into the image and the one for the second model are one format."""

import json
import runpy
import sys
import types
from pathlib import Path

import jinja2
import pytest

from flagrelease.smoke.lifecycle import second_config
from tests.serving.locks import a_lock

TEMPLATES = Path(__file__).parents[2] / "dockerfiles" / "llamacpp"


def rendered() -> str:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.get_template("serve.json.j2").render(lock=a_lock())


def test_the_rendered_configuration_has_the_keys_of_the_second_models() -> None:
    lock = a_lock()
    weights = f"{lock.weights_folder}/{lock.weights.files[0].path}"
    assert json.loads(rendered()) == json.loads(second_config(lock.serving, weights))


class Entry:
    """The entry point, loaded with a stand-in for the wheel that is only in the image."""

    def __init__(self, asked: list[types.SimpleNamespace]) -> None:
        wheel = types.ModuleType("xllamacpp")

        def cpu() -> types.SimpleNamespace:
            return types.SimpleNamespace(n_threads=0)

        def params() -> types.SimpleNamespace:
            return types.SimpleNamespace(model=types.SimpleNamespace(), cpuparams=cpu(), cpuparams_batch=cpu())

        def server(given: types.SimpleNamespace) -> None:
            asked.append(given)
            raise RuntimeError("stop here")

        wheel.__dict__.update(CommonParams=params, Server=server)
        before = sys.modules.get("xllamacpp")
        sys.modules["xllamacpp"] = wheel
        try:
            self.names = runpy.run_path(str(TEMPLATES / "serve.py"))
        finally:
            del sys.modules["xllamacpp"]
            if before is not None:
                sys.modules["xllamacpp"] = before


@pytest.fixture
def config(tmp_path: Path) -> dict[str, object]:
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    found: dict[str, object] = json.loads(second_config(a_lock().serving, str(weights)))
    return found


def test_the_context_is_multiplied_by_the_slots(tmp_path: Path, config: dict[str, object]) -> None:
    names = Entry([]).names
    params = names["parameters"](config, "127.0.0.1", 8123)
    assert (params.n_ctx, params.n_parallel, params.kv_unified) == (64 * 8, 8, False)
    assert (params.port, params.hostnames, params.model_alias) == (8123, ["127.0.0.1"], {"smollm2-135m-instruct"})
    assert (params.ctx_shift, params.fit_params, params.endpoint_slots) == (False, False, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slots": 0}, "slots: wanted a int above zero"),
        ({"slots": True}, "slots: wanted a int above zero"),
        ({"port": "80"}, "port: wanted a int above zero"),
        ({"more": 1}, "wanted the keys"),
        ({"schema": "flagrelease.serve/v2"}, "wanted the keys"),
        ({"model": "/no/such/file"}, "there is no file /no/such/file"),
    ],
)
def test_a_configuration_that_makes_no_sense_ends_with_2(
    tmp_path: Path,
    config: dict[str, object],
    capfd: pytest.CaptureFixture[str],
    change: dict[str, object],
    said: str,
) -> None:
    path = tmp_path / "serve.json"
    path.write_text(json.dumps({**config, **change}))
    with pytest.raises(SystemExit) as caught:
        Entry([]).names["read_config"](path)
    assert caught.value.code == 2
    assert said in capfd.readouterr().err
