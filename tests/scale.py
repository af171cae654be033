"""Two scales of one suite: CI runs all of it; `make test` does some fewer times, and leaves out what is `thorough`."""

from __future__ import annotations

import os

#: Whether everything runs: in CI, for `make test ALL=1`, and for the long version of the fault tests.
ALL = (
    os.environ.get("CI", "").lower() == "true"
    or bool(os.environ.get("ALL_TESTS"))
    or os.environ.get("SAYIT_FAULTS") == "long"
)
