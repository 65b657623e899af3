"""All comparisons, or those named: `python -m bench [population] [norms] [vgg] … [--json]`."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict

from bench.machine import described, waiting
from bench.timing import table

SUBJECTS = ("population", "peers", "norms", "jacobian", "vgg", "playground", "growth")


def main() -> None:
    """Print least and median microseconds and their ratios, or one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", help=f"default: {' '.join(SUBJECTS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; known: {', '.join(SUBJECTS)}")
    before, found = waiting(), {}
    for name in options.subjects or SUBJECTS:
        module = importlib.import_module(f"bench.{name}")
        missing = module.absent() if hasattr(module, "absent") else {}
        times = module.compare()
        ratios = module.ratios(times)
        found[name] = {
            "seconds": {name: asdict(seen) for name, seen in times.items()},
            "ratios": ratios,
            "curves": module.curves() if hasattr(module, "curves") else {},
            "absent": missing,
        }
        if not options.json:
            print(table(times, ratios))
            for left_out, why in missing.items():
                print(f"{left_out}: left out, {why}")
    if options.json:
        load = {"before": before, "after": waiting()}
        print(json.dumps({"machine": described(), "load": load, "subjects": found}, indent=1))


if __name__ == "__main__":
    main()
