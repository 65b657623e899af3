"""All comparisons, or those named: `python -m bench [population] [norms] [vgg] … [--json]`."""

from __future__ import annotations

import argparse
import importlib
import json

from bench.timing import table

SUBJECTS = ("population", "norms", "jacobian", "vgg", "playground")


def main() -> None:
    """Print least and median microseconds and their ratios, or one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", help=f"default: {' '.join(SUBJECTS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; known: {', '.join(SUBJECTS)}")
    found = {}
    for name in options.subjects or SUBJECTS:
        module = importlib.import_module(f"bench.{name}")
        times = module.compare()
        ratios = module.ratios(times)
        found[name] = {"seconds": {n: vars(t) for n, t in times.items()}, "ratios": ratios}
        if not options.json:
            print(table(times, ratios))
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
