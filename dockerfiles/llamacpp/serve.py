"""Entry point of a llama.cpp bundle: serves one GGUF model with an OpenAI-compatible API until SIGTERM or SIGINT.

Usage: serve.py [--config PATH] [--host ADDRESS] [--port PORT]

The configuration is a JSON object with exactly these keys: `schema` ("flagrelease.serve/v1"), `model` (path of the
weights), `served_name`, `context_length` (tokens of one request, prompt and answer), `slots` (requests served at once),
`threads`, `port`. It exits with 0 when it was told to stop, 2 when the configuration makes no sense, 1 when the model
could not be loaded.
"""

# ruff: noqa: INP001 - a script
import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from xllamacpp import CommonParams, Server

CONFIG = Path("/opt/bundle/serve.json")
SCHEMA = "flagrelease.serve/v1"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - in a container, where it faces the container's network only
KEYS = {
    "schema": str,
    "model": str,
    "served_name": str,
    "context_length": int,
    "slots": int,
    "threads": int,
    "port": int,
}
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
READ_TIMEOUT_S = 600


def say(text: str) -> None:
    """One line to the log, at once."""
    sys.stderr.write(f"serve: {text}\n")
    sys.stderr.flush()


def read_config(path: Path) -> dict:
    """The configuration, checked; ends the program with one line when it makes no sense."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(refuse(f"{path}: {error}")) from error
    if not isinstance(config, dict) or set(config) != set(KEYS) or config["schema"] != SCHEMA:
        raise SystemExit(refuse(f"{path}: wanted the keys {', '.join(KEYS)} and the schema {SCHEMA}"))
    for key, kind in KEYS.items():
        value = config[key]
        if type(value) is not kind or (kind is int and value < 1):
            raise SystemExit(refuse(f"{path}: {key}: wanted a {kind.__name__} above zero, found {value!r}"))
    if not Path(config["model"]).is_file():
        raise SystemExit(refuse(f"{path}: model: there is no file {config['model']}"))
    return config


def refuse(text: str) -> int:
    """Say what is wrong; the exit status for it."""
    say(text)
    return 2


def parameters(config: dict, host: str, port: int) -> CommonParams:
    """The configuration in the terms of llama.cpp."""
    params = CommonParams()
    params.model.path = config["model"]
    params.model_alias = {config["served_name"]}
    params.hostnames = [host]
    params.port = port
    params.n_parallel = config["slots"]
    # llama.cpp divides n_ctx by the slots, and rounds a slot up to a multiple of 256 tokens.
    params.n_ctx = config["context_length"] * config["slots"]
    params.kv_unified = False
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    # A context made smaller to fit the memory would be another bundle under the same name.
    params.fit_params = False
    # A request longer than its slot is refused, its beginning is not dropped.
    params.ctx_shift = False
    # Up to 8 GiB of old prompts by default; memory in use has to come from the configuration.
    params.cache_ram_mib = 0
    # It would show the prompts of other clients.
    params.endpoint_slots = False
    params.ui = False
    params.offline = True
    params.timeout_read = READ_TIMEOUT_S
    params.timeout_write = READ_TIMEOUT_S
    return params


def end_at_once(numbers: set) -> None:
    """End the process on these signals from C, without the interpreter.

    Loading holds the interpreter's lock, so that no handler in Python could run, and the first process of a container
    ignores a signal it has no handler for.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    for number in numbers:
        libc.signal(number, ctypes.cast(libc["_exit"], ctypes.c_void_p))


def main(arguments: list) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="serve.py", description="Serve a GGUF model with an OpenAI-compatible API.")
    parser.add_argument("--config", type=Path, default=CONFIG, help="configuration file (default: %(default)s)")
    parser.add_argument("--host", default=ANY_ADDRESS, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: the configuration's)")
    options = parser.parse_args(arguments)
    config = read_config(options.config)
    end_at_once(STOP_SIGNALS)
    try:
        server = Server(parameters(config, options.host, options.port or config["port"]))
    except RuntimeError as error:
        say(f"{config['model']} could not be served: {error}")
        return 1
    # Blocked before they are waited for: a signal in between is kept (sigwait(3)).
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    say(f"{config['served_name']} at {server.listening_address}")
    number = signal.sigwait(STOP_SIGNALS)
    say(f"{signal.Signals(number).name}: stopping")
    # The server's own end waits for requests in flight and does not come while one is (xllamacpp 2026.10.11549).
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
