"""Writes the figures of `results.json` and `eta.json` into docs/performance.md, between its two marks.

python -m benchmarks.documentation            # writes
python -m benchmarks.documentation --check    # 1 if the page is not current
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import results

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"


def section(folder: Path) -> str:
    """The figures' part of the page."""
    rows = results.load(folder / "results.json")
    if not rows:
        return "Nothing was measured yet: `make bench`.\n"
    text = results.markdown(rows)
    if (folder / "eta.json").exists():
        eta = json.loads((folder / "eta.json").read_text(encoding="utf-8"))
        text += (
            f"\nEstimated ends under load ({eta['estimates']:.0f} estimates): half of them are off by less than "
            f"{100 * eta['median_relative_error']:.0f} % of the time that was left, nine of ten by less than "
            f"{100 * eta['p90_relative_error']:.0f} %; a job's first estimate by "
            f"{100 * eta['median_relative_error_of_first']:.0f} %.\n"
        )
    return text


def filled(page: str, figures: str) -> str:
    """The page with these figures.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks its marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{figures}\n{END}{after}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    wanted = filled(page, section(HERE))
    if check:
        if page != wanted:
            print(f"{PAGE.name} is old: make docs", file=sys.stderr)
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
