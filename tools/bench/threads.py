"""How Smelt's wall-clock time shrinks with threads: ./dev bench --threads N."""
import json
import pathlib
import statistics
import tempfile

import numpy as np

import contestants
import harness
import models

SECONDS_PER_TURN = 0.3  # of one `smelt bench`
ROUNDS = 7


def turn(artefact, feeds, threads):
    done = harness.smelt_ok("bench", artefact, "--inputs", feeds, "--threads", threads, "--seconds", SECONDS_PER_TURN, "--no-peaks", "--json", seconds=120)
    return json.loads(done.stdout)["min_ms"]


def bench(name, args):
    """Milliseconds by the clock with one thread and with several: the least of all runs in interleaved rounds, because whatever else runs on the machine
    takes a core from one thread, and half of them from two."""
    with tempfile.TemporaryDirectory() as folder:
        artefact = contestants.compile_for(name, args.target, folder, args.precision)
        feeds = pathlib.Path(folder) / "in.npz"
        np.savez(feeds, **models.inputs(name))
        turns = {1: [], args.threads: []}
        for _ in range(args.rounds or ROUNDS):
            for threads, samples in turns.items():
                samples.append(turn(artefact, feeds, threads))
    one, several = (min(samples) for samples in turns.values())
    return {"model": name, "threads": args.threads, "one_ms": one, "several_ms": several, "speedup": one / several}


def header(args):
    return f"{'model':14} {'1 thread':>9} {args.threads:>2} threads  faster by"


def row(result, _args):
    return f"{result['model']:14} {result['one_ms']:9.3f} {result['several_ms']:10.3f}  {result['speedup']:.2f}"


def summary(results, _args):
    if not results:
        return []
    slower = [result["model"] for result in results if result["speedup"] < 1]
    return [f"geometric mean {statistics.geometric_mean([result['speedup'] for result in results]):.2f}; slower than with one thread: "
            f"{', '.join(slower) or 'none'}"]
