#!/usr/bin/env python3
"""How well models keep their results at a lower precision, on real data and by their own metric: Smelt at that precision against Smelt in f32.

usage: accuracy.py [MODEL…] [--precision P] [--target T] [--json FILE] [-- FLAG…]
       accuracy.py [MODEL…] --data-only

What comes after -- goes to smelt compile at the lower precision. Exit code 1 where a model misses its bar.
"""
import argparse
import json
import pathlib
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/demo", "tools/python")]

import files  # noqa: E402
import harness  # noqa: E402
import models  # noqa: E402
import saliency  # noqa: E402
import samples  # noqa: E402
import sentences  # noqa: E402
import smelt  # noqa: E402
import sources  # noqa: E402
import text  # noqa: E402
import voice  # noqa: E402
from pictures import CALIBRATION, EVALUATION  # noqa: E402

TASKS = {task.model: task for module in (files, text, sentences, saliency, voice) for task in module.TASKS}
MOST_IN_F32 = 0.15  # of the multiply-adds
COMPILE_SECONDS = 1800


def compile_model(task, target, flags, stem):
    """(loaded artefact, its bytes, its report, seconds that it took)"""
    artefact, report = stem.with_suffix(".so"), stem.with_suffix(".json")
    start = time.monotonic()
    harness.smelt_ok("compile", models.fetch(task.model), *models.shape_flags(task.model), "--target", target, *flags, "-o", artefact, "--report", report,
                     seconds=COMPILE_SECONDS)
    return smelt.load(artefact), artefact.stat().st_size, json.loads(report.read_text()), time.monotonic() - start


def share_in_f32(report):
    """Of the multiply-adds of products by weights; None where the report does not tell, as of precisions that all products have."""
    return report["mixture"]["multiply_adds_share"].get("f32", 0.0) if "mixture" in report else None


def measure(task, args):
    """Both artefacts on all evaluation samples, in this process."""
    place = samples.prepare(task) / "artefacts"
    place.mkdir(exist_ok=True)
    lower = ["--precision", args.precision, "--calibration", samples.folder(task) / CALIBRATION, *args.flags]
    exact, exact_bytes, _, _ = compile_model(task, args.target, [], place / "f32")
    rounded, bytes_, report, seconds = compile_model(task, args.target, lower, place / args.precision)
    agreement, details = task.score((exact.run, rounded.run), samples.evaluation(task))
    share = share_in_f32(report)
    holds = agreement >= task.bar and (share is None or share <= MOST_IN_F32)
    return {"model": task.model, "metric": task.metric, "agreement": agreement, "bar": task.bar, "holds": holds, "f32_share": share,
            "bytes": bytes_, "f32_bytes": exact_bytes, "compile_seconds": seconds, "details": details}


def row(result):
    share = "-" if result["f32_share"] is None else f"{100 * result['f32_share']:.1f} %"
    details = ", ".join(f"{key.replace('_', ' ')} {value if isinstance(value, int) else format(value, '.4g')}" for key, value in result["details"].items())
    return (f"{result['model']:11} {result['metric']:34} {result['agreement']:8.5f} {result['bar']:6.3f} {'holds' if result['holds'] else 'MISSED':6} "
            f"{share:>8} {result['f32_bytes'] / 1e6:8.2f} {result['bytes'] / 1e6:8.2f}  {details}")


HEADER = f"{'model':11} {'metric':34} {'measured':>8} {'bar':>6} {'':6} {'f32 MACs':>8} {'f32 MB':>8} {'MB':>8}"


def arguments():
    """(those before --, those after it, which are for smelt compile)"""
    given = sys.argv[1:]
    at = given.index("--") if "--" in given else len(given)
    return given[:at], given[at + 1 :]


def parse():
    before, flags = arguments()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(TASKS)}; all by default")
    parser.add_argument("--precision", default="int8", metavar="P", help="as of smelt compile (default: int8)")
    parser.add_argument("--target", default="native", metavar="T", help="as of smelt compile (default: native); this machine has to run it")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--data-only", action="store_true", help="fetch and prepare the data, and print the folders with calibration samples")
    args = parser.parse_args(before)
    if unknown := [name for name in args.names if name not in TASKS]:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(TASKS)}")
    args.flags = flags
    return args


def prepare_only(tasks):
    for task in tasks:
        place = samples.prepare(task)
        print(f"{place / CALIBRATION}  {samples.count(task, CALIBRATION)} samples, and {samples.count(task, EVALUATION)} to evaluate on", flush=True)
    return 0


def measure_all(tasks, args):
    print(f"{args.precision} against f32, target {args.target}\n{HEADER}", flush=True)
    results, failed = [], 0
    for task in tasks:
        try:
            results.append(measure(task, args))
            print(row(results[-1]), flush=True)
        except (harness.Failure, smelt.SmeltError) as error:
            failed += 1
            print(f"{task.model:11} {error}", flush=True)
    missed = [result["model"] for result in results if not result["holds"]]
    print(f"{len(results) - len(missed)} of {len(tasks)} hold" + (f"; missed by {', '.join(missed)}" if missed else "") +
          (f"; {failed} could not be measured" if failed else ""))
    if args.json:
        args.json.write_text(json.dumps({"precision": args.precision, "target": args.target, "flags": args.flags, "results": results}, indent=1) + "\n")
    return 1 if missed or failed else 0


def main():
    args = parse()
    tasks = [TASKS[name] for name in args.names or TASKS]
    try:
        sources.install()
        return prepare_only(tasks) if args.data_only else measure_all(tasks, args)
    except sources.Missing as error:
        print(f"smelt: error: {error}", file=sys.stderr)
        return 5


if __name__ == "__main__":
    sys.exit(main())
