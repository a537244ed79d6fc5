#!/usr/bin/env python3
"""smelt profile of real models on real data, and whether a cluster that loses a worker finds the same front.

usage: models_profile.py [MODEL…] [--output DIR] [--cluster] [-- FLAG…]

What comes after -- goes to smelt profile. With --cluster each model is profiled twice, here and by two Dask workers of which one is killed half-way; exit
code 1 where the two differ in anything but latencies.
"""
import argparse
import json
import pathlib
import sys
import time

import cluster

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/demo", "tools/python", "tools/accuracy")]

import accuracy  # noqa: E402
import models  # noqa: E402
import samples  # noqa: E402
import sources  # noqa: E402

METRICS = {"minilm_l6": f"{pathlib.Path(__file__).with_name('metrics.py')}:embedding", "ppocr4_rec": "characters", "ppocr4_det": "iou:threshold=0.3"}
PROFILED = ("ppocr4_rec", "minilm_l6")


def arguments_of(name):
    return [models.fetch(name), *models.shape_flags(name), "--data", samples.prepare(accuracy.TASKS[name]), "--metric", METRICS.get(name, "cosine")]


def profiled(title, *arguments, **options):
    start = time.monotonic()
    code, said = cluster.profile(*arguments, **options)
    print(said, end="", file=sys.stderr)
    if code not in (0, 1):
        sys.exit(f"{title}: exit code {code}")
    print(f"{title}: {time.monotonic() - start:.0f} s", flush=True)


def profile(name, args):
    arguments, report = [*arguments_of(name), *args.flags], args.output / f"{name}.html"
    environment = cluster.environment()
    profiled(f"{name} here", arguments, report, environment)
    here = json.loads(report.with_suffix(".json").read_text())
    print(f"{name}: {len(here['points'])} points, {len(here['front'])} on the front: {', '.join(here['front'])}")
    if not args.cluster:
        return True
    elsewhere = args.output / f"{name}.cluster.html"
    killed = []
    with cluster.Cluster(2) as workers:
        profiled(f"{name} on two workers, of which one is killed", [*arguments, "--workers", workers.address], elsewhere, environment,
                 kill=lambda: killed.append(workers.kill(0)), after=(len(here["points"]) + 1) // 2)
    there = json.loads(elsewhere.with_suffix(".json").read_text())
    differing = cluster.differences(here, there) if killed else ["no worker was killed: it was over before"]
    print(f"{name}: {len(there['points'])} points by the workers; " + ("the same front, sizes, scores and artefacts" if not differing else "; ".join(differing)))
    return not differing


def main():
    before, flags = accuracy.arguments()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(accuracy.TASKS)} (default: {', '.join(PROFILED)})")
    parser.add_argument("--output", type=pathlib.Path, default=REPOSITORY / ".cache" / "profile", metavar="DIR", help="for the reports (default: .cache/profile)")
    parser.add_argument("--cluster", action="store_true", help="profile again on two workers, and compare")
    args = parser.parse_args(before)
    args.flags = flags
    if unknown := [name for name in args.names if name not in accuracy.TASKS]:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(accuracy.TASKS)}")
    args.output.mkdir(parents=True, exist_ok=True)
    try:
        sources.install()
        return 0 if all([profile(name, args) for name in args.names or PROFILED]) else 1
    except sources.Missing as error:
        print(f"smelt: error: {error}", file=sys.stderr)
        return 5


if __name__ == "__main__":
    sys.exit(main())
