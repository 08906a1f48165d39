"""Certificates are checked, always: a host that needs its own authority adds it."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.texts import texts_where

_OPTION: Final = re.compile(
    r"--trusted-host|--no-check-certificate|--insecure\b|\bcurl\b[^|;&]{0,200}\s-\w{0,10}k\b|--no-verify-ssl"
    r"|ssl_?verify[=: ]+\"?(?:false|0|off|no)\b|strict-ssl[=: ]+\"?false|verify-peer[=: ]+\"?(?:false|0)"
    r"|\bverify\s?=\s?false|--allow-(?:unauthenticated|insecure)",
    re.IGNORECASE,
)
_OFF: Final = frozenset({"", "0", "false", "no", "off", "none"})
_SWITCHED_OFF: Final = re.compile(
    r"(?:NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY|\w*SSL_?VERIFY|\w*STRICT_SSL|\w*VERIFY_(?:SSL|TLS|PEER)"
    r"|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|SSL_CERT_FILE)\Z",
    re.IGNORECASE,
)
"""Variables that switch the check off by these values."""

_SWITCHED_ON: Final = re.compile(
    r"(?:PIP_TRUSTED_HOST|GIT_SSL_NO_VERIFY|UV_(?:ALLOW_)?INSECURE_HOST|GOINSECURE|\w*(?:NO_CHECK_CERTIFICATE"
    r"|SSL_NO_VERIFY|DISABLE_(?:SSL|TLS)(?:_VERIFY|_VERIFICATION)?|SKIP_(?:SSL|TLS)_VERIFY|TLS_SKIP_VERIFY))\Z",
    re.IGNORECASE,
)
"""Variables that switch it off by being set to anything else."""

_MARK: Final = re.compile(_OPTION.pattern + r"|ssl|tls|verify|trusted|insecure|certificate|ca_bundle", re.IGNORECASE)


@rule(
    "FR705",
    "error",
    "certificates that are not checked",
    why=(
        "One of the seeds adds --trusted-host for a mirror after an error of TLS. Whoever stands between the mirror "
        "and the build then decides what is in the image, for everybody who runs it."
    ),
    hint="take it out; a host whose certificates are its own adds its authority to the machine's",
    bad={"variant.env": {"NODE_TLS_REJECT_UNAUTHORIZED": "0"}},
    good={"variant.env": {"NODE_TLS_REJECT_UNAUTHORIZED": "1"}},
)
def unchecked_certificates(project: Project) -> Iterator[Found]:
    """Options and variables that weaken TLS, in what acts: steps, commands, settings, environments."""
    for one in texts_where(project, _MARK):
        if not one.acts:
            continue
        value = one.value.strip().lower()
        by_variable = (_SWITCHED_OFF.match(one.name) and value in _OFF) or (
            _SWITCHED_ON.match(one.name) and value not in _OFF
        )
        if by_variable:
            yield one.found(f"`{one.name}` leaves certificates unchecked")
        elif option := _OPTION.search(one.value):
            yield one.found(f"`{option[0]}` leaves certificates unchecked")
