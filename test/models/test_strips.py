#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whatever is computed in strips of rows has the same bits: as many as pay, for speed or for memory, or 2, 3 and 5 of all that can be split, beside
none. The arenas of the first two are no larger than that of none.

usage: test_strips.py [NAME…] [--json FILE]
"""
import pathlib
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "python"), str(pathlib.Path(__file__).resolve().parents[1])]
import numpy as np

import harness
import models
import smelt

NAMES = ("mobilenetv2", "resnet18", "shufflenet", "yolov8n", "ppocr4_rec", "basic_pitch")
FLAGS = ((), ("--optimize-for", "memory"), *(("--strips", strips) for strips in (2, 3, 5)))


def results(name, path, *flags):
    """Of two runs on unlike inputs, so that what a run leaves in the arena would show; and the arena's bytes."""
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), *flags, "-o", path, seconds=300)
    model, rng, found = smelt.load(path), np.random.default_rng(1), []
    for _ in range(2):
        call, outputs = model.bind({one.name: rng.standard_normal(tuple(one.shape)).astype(one.dtype) for one in model.inputs})
        call()
        found.append({key: value.tobytes() for key, value in outputs.items()})
    return found, model.arena_bytes


def same_bits(name):
    with tempfile.TemporaryDirectory() as folder:
        whole, most = results(name, pathlib.Path(folder) / "whole.so", "--strips", 1)
        arenas = []
        for number, flags in enumerate(FLAGS):
            found, arena = results(name, pathlib.Path(folder) / f"{number}.so", *flags)
            if found != whole:
                raise harness.Failure(f"{' '.join(map(str, flags))}: other results than without strips")
            arenas.append(arena)
        if max(arenas[:2]) > most:
            raise harness.Failure(f"arenas of {arenas[0]} and {arenas[1]} bytes, {most} without strips")
        return {"arena_mb": arenas[0] / 1e6, "for_memory_mb": arenas[1] / 1e6, "without_mb": most / 1e6}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or NAMES:
        cases.run(name, lambda: same_bits(name))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
