"""A load on any installation, as its users make it: 85 % Korean, 15 % English, mostly files of about 90 s.

    python -m benchmarks.load --gateway 127.0.0.1:50051 --rate 0.5 --duration 60

Requests come as a Poisson process whether or not earlier ones are answered (an open loop), and every time counts from
the moment when a request was to be sent, so that no wait is left out (Gil Tene's "coordinated omission").
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from benchmarks.load.arrivals import arrivals
from benchmarks.load.driver import Target, drive
from benchmarks.load.report import text


def main() -> int:
    """The command line; 0 if every request completed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gateway", required=True, metavar="HOST:PORT")
    parser.add_argument("--rate", type=float, required=True, help="requests per second, in the mean")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds in which requests come")
    parser.add_argument("--shrink", type=float, default=1.0, help="factor for the lengths of all files")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other files at other times")
    parser.add_argument("--tokens", type=int, default=0, help="for random weights: tokens of each window, greedy")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a request counts as failed")
    parser.add_argument("--root-certificates", type=Path, help="PEM file; connects with TLS")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.rate <= 0 or given.duration <= 0 or given.shrink <= 0:
        parser.error("--rate, --duration and --shrink are above 0")
    target = Target(
        address=given.gateway,
        api_key=os.environ.get("SAYIT_API_KEY", ""),
        root_certificates=given.root_certificates.read_bytes() if given.root_certificates else None,
        tokens=given.tokens,
        limit_s=given.limit,
    )
    load = arrivals(rate=given.rate, duration_s=given.duration, seed=given.seed, shrink=given.shrink)
    found = asyncio.run(drive(target, load, duration_s=given.duration))
    print(json.dumps(found.as_dict(), indent=2) if given.json else text(found))
    return int(found.completed < found.requests)


if __name__ == "__main__":
    sys.exit(main())
