"""Promise 11 as a figure: how many of 100,000 hostile values change the structure of a Dockerfile.

`python -m tests.rendering.figure` prints it, beside the same values written as most templates write them.
"""

import random
import sys
from typing import Final

import dockerfile  # type: ignore[import-not-found]

from flagrelease.domain.engine_build import ImagePlan, Step
from tests.rendering.buildkit import Reader, intended
from tests.rendering.conftest import rendered
from tests.rendering.plans import HOSTILE

VALUES: Final = 100_000
A_PLAN: Final = 24


def main() -> None:
    """Print both counts."""
    pick = random.Random(20261124)
    broken = naive = values = 0
    while values < VALUES:
        some = ["".join(pick.choices(HOSTILE, k=pick.randint(1, 4))) for _ in range(A_PLAN)]
        plan = _plan(some)
        broken += Reader().read(rendered(plan)) != intended(plan)
        naive += sum(_breaks_when_pasted(one) for one in some)
        values += A_PLAN
    sys.stdout.write(f"{broken} of {values // A_PLAN:,} Dockerfiles with {values:,} hostile values are another one\n")
    sys.stdout.write(f"{naive:,} of the values ({naive / values:.0%}) are, pasted as they are behind ENV\n")


def _plan(some: list[str]) -> ImagePlan:
    words = [one or "x" for one in some]
    step = Step(argv=tuple(words[:6]), env={"A": some[6], "B": some[7]}, why=words[8])
    return ImagePlan(
        bundle=words[9], title=words[10], chip="cpu", sdk="s", architecture="amd64", base="x:1",
        sdk_env={"C": some[11], "D": some[12]}, checks=(step,), notes=(words[13],), installers=(step,),
        env={"E": some[14], "F": some[15]}, labels={"a.b": some[16], "c": some[17]}, entrypoint=tuple(words[18:24]),
    )  # fmt: skip


def _breaks_when_pasted(value: str) -> bool:
    try:
        commands = dockerfile.parse_string(f"FROM x\nENV A={value}\nUSER y\n")
    except dockerfile.GoParseError:
        return True
    return [c.value for c in commands] != [("x",), ("A", value), ("y",)] or any(c in value for c in "$\\\"'")


if __name__ == "__main__":
    main()
