"""How a card starts its server and asks it: options of serving commands, FlagScale's YAML, and the shown request."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from flagrelease.formats.positions import Node, UnreadableError, plain
from flagrelease.formats.yaml_tree import YamlTree
from flagrelease.importing.layout import Line
from flagrelease.importing.shell import Command

Option = str | bool | int | float

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?\Z")
_SHORT: Final = {"tp": "tensor-parallel-size", "pp": "pipeline-parallel-size", "dp": "data-parallel-size"}
_YAML_START: Final = re.compile(r"\s*(model_args\s*:|-\s*serve_id\s*:)")
_YAML_LINE: Final = re.compile(r"\s*(-\s*)?[\w.-]+\s*:(\s|\Z)|\s*-\s+\S|\s*#|\s*\Z")
_MOST_YAML: Final = 200
_MOST_BLOCKS: Final = 20
_MODEL_IN_JSON: Final = re.compile(r'"model"\s*:\s*"([^"]{1,300})"')
_MODEL_IN_PYTHON: Final = re.compile(r"\s*model\s*=\s*[\"']([^\"']{1,300})[\"']\s*,?\s*\Z")
_URL_IN_PYTHON: Final = re.compile(r"base_url\s*=\s*[\"'](https?://[^\"']{1,300})[\"']")
_SERVER_MODULES: Final = {"vllm.entrypoints.openai.api_server": "vllm", "sglang.launch_server": "sglang"}


@dataclass(frozen=True, kw_only=True)
class Serve:
    """One start of a server. `options` are long names without dashes; `model` is what it is told to load."""

    line: int
    way: str
    engine: str
    model: str
    options: Mapping[str, Option]
    env: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The names that clients may use for the model."""
        told = self.options.get("served-model-name")
        return str(told).split() if told else [self.model]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to the server, as the card shows it."""

    line: int
    way: str
    model: str
    host: str
    port: int | None


def serves(commands: Sequence[Command], lines: Sequence[Line]) -> list[Serve]:
    """Every start of a server, by command or by FlagScale's YAML."""
    found: list[Serve] = []
    exported: dict[str, dict[str, str]] = {}
    for command in commands:
        if command.program == "export":
            pairs = (word.partition("=")[::2] for word in command.words[1:] if "=" in word)
            exported.setdefault(command.way, {}).update(pairs)
        elif engine := _engine(command):
            words = command.words[3 if engine[1] else 2 :]
            if engine[0] != "flagscale":
                options, first = _options(words)
                model = str(options.pop("model", "")) or str(options.pop("model-path", "")) or first
                env = {**exported.get(command.way, {}), **command.env}
                found.append(
                    Serve(line=command.line, way=command.way, engine=engine[0], model=model, options=options, env=env)
                )
    return [*found, *_flagscale(lines)]


def _engine(command: Command) -> tuple[str, bool] | None:
    """The engine that a command starts, and whether it is started as a module."""
    if command.starts("vllm", "serve"):
        return "vllm", False
    if command.starts("sglang", "serve"):
        return "sglang", False
    if command.starts("flagscale", "serve"):
        return "flagscale", False
    if command.program.startswith("python") and len(command.words) > 2 and command.words[1] == "-m":  # noqa: PLR2004
        module = _SERVER_MODULES.get(command.words[2])
        return (module, True) if module else None
    return None


def _options(words: Sequence[str]) -> tuple[dict[str, Option], str]:
    """Options by long name, and the first word that belongs to none."""
    options: dict[str, Option] = {}
    first, index = "", 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("-") or _NUMBER.match(word):
            first = first or word
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = _SHORT.get(name, name).replace("_", "-").lower()
        if equals:
            options[name] = value
        elif index < len(words) and (not words[index].startswith("-") or _NUMBER.match(words[index])):
            options[name] = words[index]
            index += 1
        else:
            options[name] = True
    return options, first


def _flagscale(lines: Sequence[Line]) -> Iterator[Serve]:
    """What FlagScale's serve YAML says, in its older and its newer form."""
    starts = [index for index, line in enumerate(lines) if _YAML_START.match(line.text)]
    for index in starts[:_MOST_BLOCKS]:
        line = lines[index]
        for options in _engine_arguments(_yaml(lines[index : index + _MOST_YAML])):
            if model := str(options.pop("model-tag", "")) or str(options.pop("model", "")):
                yield Serve(line=line.number, way=line.way, engine="flagscale", model=model, options=options, env={})


def _yaml(lines: Sequence[Line]) -> object:
    indent = len(lines[0].text) - len(lines[0].text.lstrip())
    kept: list[str] = []
    for line in lines:
        text = line.text
        is_outside = text.strip() and len(text) - len(text.lstrip()) < indent
        if line.fence != lines[0].fence or not _YAML_LINE.match(text) or is_outside:
            break
        kept.append(text)
    try:
        node: Node = YamlTree().read("\n".join(kept))
    except UnreadableError:
        return None
    return plain(node)


def _engine_arguments(data: object) -> Iterator[dict[str, Option]]:
    holders: list[object] = []
    if isinstance(data, dict) and isinstance(data.get("model_args"), dict):
        holders = list(data["model_args"].values())
    elif isinstance(data, list):
        holders = [one.get("engine_args") for one in data if isinstance(one, dict)]
    for holder in holders:
        if isinstance(holder, dict):
            options: dict[str, Option] = {}
            for key, value in holder.items():
                if isinstance(value, list):
                    options |= {str(one).replace("_", "-"): True for one in value if isinstance(one, str)}
                elif isinstance(value, str | int | float | bool):
                    options[str(key).replace("_", "-")] = value
            yield options


def requests(commands: Sequence[Command], lines: Sequence[Line]) -> list[Request]:
    """Every request that names a model, by curl or by the openai client."""
    found = [one for command in commands if command.program == "curl" and (one := _curl(command))]
    url, way = "", ""
    for line in lines:
        if base := _URL_IN_PYTHON.search(line.text):
            url, way = base[1], line.way
        if (named := _MODEL_IN_PYTHON.match(line.text)) and url and line.way == way:
            host, port = _address(url)
            found.append(Request(line=line.number, way=line.way, model=named[1], host=host, port=port))
            url = ""
    return sorted(found, key=lambda one: one.line)


def _curl(command: Command) -> Request | None:
    url = next((word for word in command.words[1:] if re.match(r"(https?://)?[\w.‹›-]+(:\d+)?/", word)), "")
    body = next((word for word in command.words[1:] if word.lstrip().startswith("{")), "")
    model = _model_in(body)
    if not model:
        return None
    host, port = _address(url if "//" in url else f"http://{url}")
    return Request(line=command.line, way=command.way, model=model, host=host, port=port)


def _model_in(body: str) -> str:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and isinstance(data.get("model"), str):
        return str(data["model"])
    found = _MODEL_IN_JSON.search(body)
    return found[1] if found else ""


def _address(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "", None
    return host or "", port
