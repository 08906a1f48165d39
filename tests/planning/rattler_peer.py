"""Renders 1,000 variants with rattler-build in process; run by the benchmark with the peers' own Python."""

import sys
import time

from rattler_build import Stage0Recipe, VariantConfig  # type: ignore[import-not-found]

ROUNDS = 8
AXES = {"chip": 20, "model": 25, "kind": 2}
RECIPE = """\
package:
  name: cell-${{ chip }}-${{ model }}-${{ kind }}
  version: "1"
build:
  noarch: generic
requirements:
  run:
    - ${{ chip }}
    - ${{ model }}
    - ${{ kind }}
"""

variants = "".join(
    f"{axis}:\n" + "".join(f"  - {axis}{number:02}\n" for number in range(count)) for axis, count in AXES.items()
)
times, rendered = [], []
for _ in range(ROUNDS):
    begin = time.perf_counter()
    rendered = Stage0Recipe.from_yaml(RECIPE).render(VariantConfig.from_yaml(variants))
    times.append(time.perf_counter() - begin)
sys.stdout.write(f"{len(rendered)} {sorted(times[1:])[len(times) // 2]:.6f}\n")
