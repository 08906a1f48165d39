"""What the regular expressions of value types stand for, in words for a message."""

from typing import Final, get_args

from flagrelease.domain import bundle, chip, component, container, source, value


def _pattern(annotated: object) -> str:
    """The regular expression of a type of `domain`."""
    constraints = (c for info in get_args(annotated)[1:] for c in (info, *getattr(info, "metadata", ())))
    return next(str(pattern) for c in constraints if (pattern := getattr(c, "pattern", None)))


_PATTERNS: Final[dict[str, str]] = {
    _pattern(value.Name): "a name: lower-case letters and digits, single '.', '_' or '-' inside",
    _pattern(value.Sha256): "a SHA-256: 64 digits of 0-9 and a-f",
    _pattern(value.Digest): "a digest: sha256: and 64 digits of 0-9 and a-f",
    _pattern(value.Text): "text without control characters",
    _pattern(value.RelativePath): "a relative path without '.', '..' or '//'",
    _pattern(value.AbsolutePath): "an absolute path without '.', '..' or '//'",
    _pattern(source.Commit): "a full commit id: 40 digits of 0-9 and a-f",
    _pattern(source.RepoId): "a repository: owner/name",
    _pattern(source.Project): "a project name: letters, digits, '.', '_' or '-' inside",
    _pattern(source.Version): "a version",
    _pattern(container.EnvName): "a variable's name: letters, digits and '_', no digit first",
    _pattern(container.EnvValue): "text on one line without control characters",
    _pattern(bundle.Requirement): "a pinned requirement: project==version",
    _pattern(bundle.ServedName): "a model name as clients send it: letters, digits, '/', '.', '_' or '-'",
    _pattern(bundle.ArgumentName): "lower-case letters, digits and '-', a letter first; an option without its dashes",
    _pattern(chip.DebianPackage): "a Debian package name",
    _pattern(chip.SdkVersion): "a version: letters, digits, '.', '_', '+' or '-'",
    _pattern(chip.ImageName): "an image repository in lower case, without tag or digest",
    _pattern(chip.ImageTag): "an image tag",
    _pattern(component.CommitPrefix): "a commit id: 7 to 40 digits of 0-9 and a-f",
    _pattern(component.GitRef): "the name of a tag or branch",
    _pattern(container.DevicePath): "a device node below /dev, with at most one {die}",
    _pattern(container.Capability): "a capability's name in upper case, without CAP_",
    r"^[a-z]+[0-9]{3}$": "a code of letters and three digits such as nvidia003",
    r"^[A-Za-z0-9][A-Za-z0-9._+*{}-]*$": "a file's name without a folder",
    r"^[A-Za-z0-9=/._${}-]+$": "an argument without spaces, quotes or a shell's characters",
    r"^[A-Za-z0-9=/._+${}-]+$": "an argument without spaces, quotes or a shell's characters",
    r"^USE_[A-Z_]+$": "a switch of FlagCX's makefile such as USE_NVIDIA",
    r"^[A-Z][A-Z0-9_]*$": "a name in upper case such as CUDA",
    r"^3\.[0-9]+$": "a version of Python such as 3.11",
    r"^2\.[0-9]+$": "a version of the C library such as 2.36",
    r"^[A-Za-z0-9_./-]+$": "a word of a command, without spaces or a shell's characters",
    r"^[a-z0-9_-]+$": "lower-case letters, digits, '_' or '-'",
    r"^[A-Za-z0-9_.-]+$": "letters, digits, '_', '.' or '-'",
    r"^[a-z0-9_-]+(:[a-z0-9_-]+)?$": "a user, or user:group",
    r"^0[0-7]{3}$": "a mode of four octal digits such as 0644",
    r"^[0-9A-Za-z.+!_-]+$": "a version",
    r"^r[1-9][0-9]*$": "a revision such as r1",
    r"^FR[0-9]{3}$": "a rule such as FR001",
    r"^https?://[^\s@?#]+$": "an address without a name, a key or a query in it",
    r"^[\w.-]+$": "the name of a tag or branch",
}


def pattern_words(pattern: str) -> str:
    """What text that matches is called; the expression itself where nobody has given it a name."""
    return _PATTERNS.get(pattern, f"text that matches {pattern}")
