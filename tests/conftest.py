"""Random examples: the same ones for the same test, so that what passes here passes in CI; others on demand.

`HYPOTHESIS_PROFILE=new make test` draws new examples; the nightly run does.
"""

import os

from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.register_profile("new")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
