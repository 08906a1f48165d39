"""Secrets, addresses and places of one site: a recipe is published, and is the same everywhere."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.texts import Text, texts_where, texts_with

_SECRETS: Final = re.compile(
    r"(?P<huggingface>\bhf_[A-Za-z0-9]{20,})"
    r"|(?P<github>\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}))"
    r"|(?P<gitlab>\bglpat-[\w-]{15,})"
    r"|(?P<api_key>\bsk-[A-Za-z0-9_-]{20,})"
    r"|(?P<cloud_key>\b(?:AKIA|LTAI)[A-Za-z0-9]{12,}\b)"
    r"|(?P<slack>\bxox[abprs]-[\w-]{10,})"
    r"|(?P<private_key>-----BEGIN [A-Z ]{0,30}PRIVATE KEY|AGE-SECRET-KEY-1)"
    r"|(?P<web_token>\beyJ[\w-]{10,}\.[\w-]{10,}\.)"
    r"|(?P<password_in_an_address>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"]{1,100}:[^\s/@\"]{1,200}@)"
)
_SECRET_NAMES: Final = re.compile(
    r"(?:^|_)(?:TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY)(?:_ID)?\Z", re.IGNORECASE
)
_NAMED: Final = re.compile(r"(?i)token|passw|secret|key")
_HARMLESS: Final = re.compile(r"|/run/secrets/.*|\$\{?\w+\}?|true|false|none|null|[0-9]+|EMPTY", re.IGNORECASE)


@rule(
    "FR701",
    "error",
    "a secret in a recipe",
    why=(
        "Recipes are committed, cards are generated from them, and images carry their variables. The published "
        "pipeline passes tokens on command lines and commits running containers, with whatever is inside."
    ),
    hint="revoke it, take it out, and hand it over at run time as a secret or a variable of the host",
    bad={"variant.env": {"HUB": "hf_" + "x" * 30}},
    good={"variant.env": {"HF_TOKEN": "/run/secrets/hub"}},
)
def secret(project: Project) -> Iterator[Found]:
    """Tokens, keys and passwords by their shape, and values of variables that are called so. Never shown."""
    told = set()
    for one in texts_with(project, _SECRETS):
        shape = _SECRETS.search(one.value)
        told.add((one.file, one.key))
        yield one.found(f"this looks like a secret: a {_shape(shape)}")
    for one in texts_where(project, _NAMED):
        named = one.acts and _SECRET_NAMES.search(one.name) and not _HARMLESS.fullmatch(one.value)
        if named and (one.file, one.key) not in told:
            yield one.found(f"`{one.name}` has a value here, which then is in every image")


def _shape(found: re.Match[str] | None) -> str:
    return (found.lastgroup or "secret").replace("_", " ") if found else "secret"


_INDEX: Final = re.compile(
    r"--(?:extra-)?index-url|--find-links|(?:^|\s)-i\s*https?://|://[^\s/\"]{0,200}(?:pypi|mirror)|://[^\s\"]{0,300}/simple\b"
    r"|://[^\s/\"]{0,200}hf-mirror"
)
_SITE_VARIABLES: Final = re.compile(
    r"(?:PIP_(?!TRUSTED_HOST)\w+|UV_\w*INDEX\w*|HF_ENDPOINT|MODELSCOPE_DOMAIN|(?:https?|no|all|ftp)_proxy|GOPROXY|NPM_CONFIG_REGISTRY)\Z",
    re.IGNORECASE,
)
_SITE_MARK: Final = re.compile(_INDEX.pattern + r"|(?i:pip_|index|_endpoint|_domain|proxy|registry|://)")


@rule(
    "FR702",
    "error",
    "an address of an index, a mirror or a proxy",
    why=(
        "The seeds install from several mirrors with `-i`. Which mirror answers is a matter of where one is, so it is "
        "said on the machine that locks and builds."
    ),
    hint="take it out: indexes, mirrors and proxies are settings of the host",
    bad={"variant.env": {"PIP_INDEX_URL": "https://mirror.example/simple"}},
    good={"variant.env": {"PYTHONUNBUFFERED": "1"}},
)
def site_address(project: Project) -> Iterator[Found]:
    """In what acts: options, variables, install steps, and the `index` of a component."""
    for one in texts_where(project, _SITE_MARK):
        if not one.acts:
            continue
        if _SITE_VARIABLES.match(one.name):
            yield one.found(f"`{one.name}` is a setting of the host")
        elif _INDEX.search(one.value) or (one.name == "index" and "://" in one.value):
            yield one.found("an address of an index or mirror")


_ADDRESS: Final = re.compile(r"(?<![\w.-])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])")


@rule(
    "FR703",
    "error",
    "an address of one machine",
    why=(
        "The Hy4-preview card has MASTER_ADDR 10.232.2.19 and --master-addr 10.232.2.30: two machines of its makers, "
        "and not even the same one."
    ),
    hint="take it out; what is known only at run time is a gap of the template, or is given to `run`",
    bad={"variant.env": {"MASTER_ADDR": "10.232.2.19"}},
    good={"variant.env": {"HOST": "127.0.0.1"}},
)
def machine_address(project: Project) -> Iterator[Found]:
    """IPv4 addresses in what acts, but for all interfaces and the machine itself; a version has no such place."""
    for one in texts_with(project, _ADDRESS):
        if one.acts and "version" not in one.name.lower() and not _names_files(one):
            for address in _ADDRESS.findall(one.value):
                if _is_of_one_machine(address):
                    yield one.found(f"`{address}` is the address of one machine")


def _names_files(one: Text) -> bool:
    """Images, archives, wheels and packages: what looks like an address in their names is a version."""
    return bool({"base", "image", "installers", "wheels", "components", "sdks"} & set(one.key)) and "env" not in one.key


def _is_of_one_machine(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast)


_HOME: Final = re.compile(r"(?:^|[\s=:,'\"])(?:/home/[^/\s]+|/Users/[^/\s]+|~[a-z0-9_-]*)(?:/|\Z)")


@rule(
    "FR704",
    "error",
    "a folder of one person",
    why="Cards carry paths such as /home/somebody/models, which exist on the machine where the card was written.",
    hint="use a path of the image, or a mount whose place on the host is the user's to choose",
    bad={"variant.env": {"CACHE": "/home/somebody/cache"}},
    good={"variant.env": {"CACHE": "/opt/cache"}},
)
def home_path(project: Project) -> Iterator[Found]:
    """Home folders in what acts, and a folder of the machine as the source of weights or items."""
    for one in texts_with(project, _HOME):
        if one.acts and "log_folders" not in one.key:
            yield one.found(f"`{one.value}` is in somebody's home folder")
    for file, key, folder in _folder_sources(project):
        cells = project.users(file)
        yield Found(file=file, key=key, text=f"`{folder}` is a folder of one machine", cells=cells)


def _folder_sources(project: Project) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for name, model in project.recipes.models.items():
        for form, weights in model.weights.items():
            source = weights.source
            if source and source.kind == "folder" and source.folder.startswith(("/", "~")):
                yield f"models/{name}.yaml", ("weights", form, "source", "folder"), source.folder
    for name, policy in project.recipes.policies.items():
        for task, asked in policy.tasks.items():
            source = asked.dataset.source
            if source.kind == "folder" and source.folder.startswith(("/", "~")):
                yield f"gates/{name}.yaml", ("tasks", task, "dataset", "source", "folder"), source.folder
