#!/usr/bin/env python3
"""Latency of Smelt beside ONNX Runtime's and OpenVINO's, on this machine, one thread, f32.

usage: bench.py [MODEL…] [--dynamic] [--target NAME] [--rounds N] [--json FILE]

Contestants take turns round by round in one process, so that whatever else the machine does meets all of them; each figure is the median of CPU
time per inference. OpenVINO is held to f32: by default it computes in bf16 where the processor can. A ratio below 1 means that Smelt is faster.
With --dynamic, models whose files leave dims open are compared with themselves: compiled as they are, and compiled for one size.
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/python")]

import dynamic  # noqa: E402
import harness  # noqa: E402
import models  # noqa: E402

SECONDS_PER_MODEL = 6.0  # of CPU time, all contestants together
LEAST_BATCH_SECONDS = 0.02  # shorter turns would measure the clock


def smelt_contestant(name, target, folder):
    from smelt import runtime

    artefact = pathlib.Path(folder) / f"{name}.so"
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "-o", artefact, seconds=600)
    return runtime.load(artefact).bind(models.inputs(name))[0]


def onnxruntime_contestant(name):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(models.fetch(name)), options, providers=["CPUExecutionProvider"])
    feeds = models.inputs(name)
    return lambda: session.run(None, feeds)


def openvino_contestant(name):
    import openvino

    core = openvino.Core()
    model = core.read_model(models.fetch(name))
    feeds = models.inputs(name)
    model.reshape({key: list(value.shape) for key, value in feeds.items()})
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(model, "CPU", config).create_infer_request()
    return lambda: request.infer(feeds)


def batch_size(call):
    """How many calls make one turn."""
    for _ in range(2):
        start = time.process_time()
        call()
        seconds = time.process_time() - start
    return max(1, round(LEAST_BATCH_SECONDS / max(seconds, 1e-6)))


def measure(contestants, rounds=None):
    """{name: call} → {name: [milliseconds of CPU time per inference, one a round]}."""
    sizes = {name: batch_size(call) for name, call in contestants.items()}
    times = {name: [] for name in contestants}
    start = time.process_time()
    while len(next(iter(times.values()))) < (rounds or 5) or (not rounds and time.process_time() - start < SECONDS_PER_MODEL):
        for name, call in contestants.items():
            before = time.process_time()
            for _ in range(sizes[name]):
                call()
            times[name].append(1e3 * (time.process_time() - before) / sizes[name])
    return times


def bench(name, target, rounds):
    """Medians in milliseconds, and Smelt's ratio to each peer; a peer that cannot run the model is left out, with its reason."""
    with tempfile.TemporaryDirectory() as folder:
        contestants, errors = {"smelt": smelt_contestant(name, target, folder)}, {}
        for peer, make in (("onnxruntime", onnxruntime_contestant), ("openvino", openvino_contestant)):
            try:
                contestants[peer] = make(name)
            except Exception as error:  # whatever a peer raises is its own
                errors[peer] = str(error).splitlines()[0]
        times = measure(contestants, rounds)
    medians = {key: statistics.median(values) for key, values in times.items()}
    ratios = {key: medians["smelt"] / value for key, value in medians.items() if key != "smelt"}
    return {"model": name, "rounds": len(times["smelt"]), "median_ms": medians, "ratio": ratios, "errors": errors}


def processor():
    for line in open("/proc/cpuinfo") if pathlib.Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def row(result):
    def peer(key):
        if key not in result["ratio"]:
            return f"{'-':>9} {'-':>6}"
        return f"{result['median_ms'][key]:9.3f} {result['ratio'][key]:6.2f}"

    return f"{result['model']:14} {result['median_ms']['smelt']:9.3f} {peer('onnxruntime')} {peer('openvino')}"


def measure_all(names, measure_one, print_row):
    """The results, and how many failed."""
    results, failed = [], 0
    for name in names:
        try:
            results.append(measure_one(name))
            print(print_row(results[-1]), flush=True)
        except (harness.Failure, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{name:14} {error}", flush=True)
    return results, failed


def compare_with_peers(names, args):
    print("ratios: Smelt's time to the peer's")
    print(f"{'model':14} {'Smelt':>9} {'ORT':>9} {'ratio':>6} {'OpenVINO':>9} {'ratio':>6}")
    results, failed = measure_all(names, lambda name: bench(name, args.target, args.rounds), row)
    for peer in ("onnxruntime", "openvino"):
        ratios = [result["ratio"][peer] for result in results if peer in result["ratio"]]
        if ratios:
            print(f"geometric mean of the ratio to {peer}: {statistics.geometric_mean(ratios):.3f}, largest {max(ratios):.2f}")
    return results, failed


def compare_dynamic(names, args):
    print("ratios: symbolic dims to one size")
    print(dynamic.HEADER)
    names = [name for name in names if dynamic.is_open(name)]
    results, failed = measure_all(names, lambda name: dynamic.bench(name, args.target, args.rounds), dynamic.row)
    if results:
        ratios = [result["ratio"] for result in results]
        print(f"geometric mean {statistics.geometric_mean(ratios):.3f}, largest {max(ratios):.2f}")
    return results, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(models.MODELS)}; by default those of every release, with --dynamic all that fit")
    parser.add_argument("--dynamic", action="store_true", help="compare models whose dims stay symbolic with those compiled for one size")
    parser.add_argument("--target", default="native", help="what Smelt compiles for (default: native)")
    parser.add_argument("--rounds", type=int, help=f"turns of each contestant (default: about {SECONDS_PER_MODEL:g} s a model)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in models.MODELS]
    if unknown:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(models.MODELS)}")

    print(f"{processor()}, target {args.target}; ms of CPU time, one thread, f32; ", end="")
    compare = compare_dynamic if args.dynamic else compare_with_peers
    results, failed = compare(args.names or list(models.MODELS if args.dynamic else models.RELEASED), args)
    if args.json:
        args.json.write_text(json.dumps({"processor": processor(), "target": args.target, "results": results}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
