#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Latency of real TensorFlow Lite models beside LiteRT with XNNPACK: one thread, CPU time, in turns on the same inputs.

usage: litert.py [MODEL…] [--rounds N] [--json FILE]      `./dev bench --format tflite` calls it
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "test" / "tflite"), str(REPOSITORY / "tools" / "python"), str(HERE)]
import litert_models

litert_models.litert.enter()

import numpy as np
import smelt
import turns

SECONDS_PER_MODEL = 6


def compare(name, folder, rounds):
    """{"model", "precision" (f32: as the file is), "median_ms": {"smelt", "litert"}, "ratio"}"""
    path = litert_models.fetched(name, folder)
    judge = litert_models.litert.Interpreter(path)
    random = np.random.default_rng(1)
    feeds = {detail["name"]: random.random(detail["shape"]).astype(np.float32) if detail["dtype"] == np.float32 else
             random.integers(0, 100, detail["shape"]).astype(detail["dtype"]) for detail in judge.inputs}
    judge.run(feeds)
    shapes = {detail["name"]: tuple(int(extent) for extent in detail["shape"]) for detail in judge.inputs}
    call, _ = smelt.load(smelt.compile(path, folder / "m.so", shapes=shapes)).bind(feeds)
    medians, _ = turns.take_turns([turns.Call("smelt", call), turns.Call("litert", judge.invoke)], SECONDS_PER_MODEL, rounds)
    return {"model": name, "precision": "f32", "median_ms": medians, "ratio": medians["smelt"] / medians["litert"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(litert_models.REAL)}")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"turns of each (default: about {SECONDS_PER_MODEL} s a model)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in litert_models.REAL]:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(litert_models.REAL)}")
    print(f"{'model':34}{'Smelt ms':>10}{'LiteRT ms':>11}{'ratio':>8}")
    results = []
    for name in args.names or litert_models.REAL:
        with tempfile.TemporaryDirectory() as folder:
            results.append(compare(name, pathlib.Path(folder), args.rounds))
        medians = results[-1]["median_ms"]
        print(f"{name:34}{medians['smelt']:10.4f}{medians['litert']:11.4f}{results[-1]['ratio']:8.3f}", flush=True)
    print(f"{'geometric mean':55}{statistics.geometric_mean(result['ratio'] for result in results):8.3f}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
