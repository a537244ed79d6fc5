"""What the test programs share: calling smelt, comparing tensors, counting cases."""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
BIN = REPOSITORY / os.environ.get("SMELT_BUILD", "build") / "bin"
TARGET = os.environ.get("SMELT_TEST_TARGET", "native")  # of tests that devices take too: one must be here
MOST_RELATIVE_ERROR = 1e-3  # of the largest value of the reference
LEAST_COSINE = 0.99999

sys.path[:0] = [str(REPOSITORY / "test" / "models"), str(REPOSITORY / "tools" / "python")]


class Failure(Exception):
    """A case does not hold; the text says why."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


class Suite(list):
    """Decorates functions as cases, which are (name, function) pairs."""

    def __call__(self, function):
        self.append((function.__name__.replace("_", " "), function))
        return function


class Cases:
    """Runs cases, prints "PASS name figures" or "FAIL name why" for each, and closes with "N passed, N failed"."""

    def __init__(self):
        self.results = []

    def run(self, name, function):
        """`function` returns the case's figures, a dict, or raises Failure."""
        start = time.monotonic()
        try:
            figures, why = function() or {}, None
        except (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            figures, why = {}, f"{'' if isinstance(error, Failure) else type(error).__name__ + ': '}{error}"
        self.results.append({"name": name, "passed": why is None, "why": why, "seconds": round(time.monotonic() - start, 2), **figures})
        words = why or " ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in figures.items())
        print("PASS" if why is None else "FAIL", name, " ".join(words.split()), flush=True)
        return why is None

    def close(self, json_path=None):
        """Prints the counts. Returns the exit code."""
        failed = sum(not result["passed"] for result in self.results)
        if json_path:
            pathlib.Path(json_path).write_text(json.dumps(self.results, indent=1) + "\n")
        print(f"{len(self.results) - failed} passed, {failed} failed")
        return 1 if failed else 0


def parser(description):
    """Options that every test program has."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help="only these")
    options.add_argument("--json", metavar="FILE", help="write the cases and their figures to FILE")
    return options


def run_cases(description, functions, in_folder=False):
    """A suite of (name, function) pairs, those that the command line names or all; each function gets a folder of its own where `in_folder`."""
    options = parser(description).parse_args()
    cases = Cases()
    for name, function in functions:
        if options.names and name not in options.names:
            continue
        if not in_folder:
            cases.run(name, function)
            continue
        with tempfile.TemporaryDirectory() as folder:
            cases.run(name, lambda: function(pathlib.Path(folder)))
    return cases.close(options.json)


def smelt(*arguments, seconds=120, prefix=(), **options):
    """Runs `smelt`; returns the finished process with text output, whatever its exit code."""
    command = [*map(str, prefix), str(BIN / "smelt"), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=seconds, **options)


def smelt_ok(*arguments, **options):
    """Runs `smelt`; raises Failure with its message unless it succeeds."""
    done = smelt(*arguments, **options)
    if done.returncode != 0:
        message = done.stderr.strip().splitlines()
        raise Failure(f"smelt {arguments[0]}: exit code {done.returncode}: {message[-1] if message else 'no message'}")
    return done


def python(script, *arguments, env=None):
    """Runs a script that may import smelt, with these variables besides; returns the finished process with text output."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools" / "python"), **(env or {})}
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], env=environment, capture_output=True, text=True)


def peak_bytes(*arguments):
    """Runs smelt, and returns the most memory it had resident. Through `time`: what a process forked from Python had counts for its child."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", BIN / "smelt", *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Failure(done.stderr.strip())
    return int(done.stderr.split()[-1]) * 1024


def x86_targets():
    """Targets whose code this machine can run."""
    if platform.machine() != "x86_64":
        return ["native"]
    flags = set(next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split())
    v4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags
    return ["x86-64-v3", *(["x86-64-v4"] if v4 else []), "native"]


def _distance(value, reference):
    """(error of the largest value, cosine) of one output."""
    a, b = value.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)), float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def agreement(got, want):
    """Largest error relative to the largest reference value, and least cosine, over all outputs. Raises Failure beyond the limits, and where integers
    differ at all."""
    worst, cosine = 0.0, 1.0
    for name, reference in want.items():
        if name not in got:
            raise Failure(f"no output '{name}'; there are {', '.join(got)}")
        value = got[name]
        if value.shape != reference.shape or value.dtype != reference.dtype:
            raise Failure(f"output '{name}' is {value.dtype} {value.shape}, not {reference.dtype} {reference.shape}")
        if reference.dtype.kind in "iub" and (value != reference).any():
            raise Failure(f"output '{name}' has {int((value != reference).sum())} other integers")
        if not np.isfinite(value).all():
            raise Failure(f"output '{name}' has values that are not finite")
        error, near = _distance(value, reference)
        worst = max(worst, error)
        if value.any() or reference.any():
            cosine = min(cosine, near)
    if worst > MOST_RELATIVE_ERROR or cosine < LEAST_COSINE:
        raise Failure(f"error {worst:.3g} of the largest value, cosine {cosine:.7f}")
    return {"error": worst, "cosine": round(cosine, 8)}


def apart(got, want):
    """(error of the largest value, cosine), the worst of all outputs of floats."""
    worst, cosine = 0.0, 1.0
    for name, reference in want.items():
        expect(got[name].shape == reference.shape, f"{name} is {got[name].shape}, not {reference.shape}")
        expect(bool(np.isfinite(got[name].astype(np.float64)).all()), f"{name} has values that are no numbers")
        error, near = _distance(got[name], reference)
        worst, cosine = max(worst, error), min(cosine, near)
    return worst, cosine


def _angle(cosine):
    """About the root mean square of errors, in those of the values."""
    return (2 * max(1 - cosine, 0)) ** 0.5


def error_as_said(report, pairs, times=1.25):
    """Raises Failure where outputs are further off than so many times what the compiler's report says of a lower precision: in their largest error, and on the
    whole, by the cosine. The pairs, of outputs and what they should be, are of the inputs that the compiler measured on. The largest error is one element's,
    which another order of the same roundings doubles as easily as it halves it: of several inputs it is less of a draw."""
    told, measured = json.loads(report.read_text())["error"]["outputs"], [apart(got, want) for got, want in pairs]
    found, cosine = max(error for error, _ in measured), min(cosine for _, cosine in measured)
    said, on_the_whole = max(_angle(output["cosine"]) for output in told), _angle(cosine)
    expect(on_the_whole <= times * said + 1e-3, f"an output is off by {on_the_whole:.3g} on the whole, where {said:.3g} was said")
    said = max(output["max_relative"] for output in told)
    expect(found <= times * said + 1e-3, f"error {found:.3g} of the largest value, where {said:.3g} was said")
    return {"error": found, "said": said}
