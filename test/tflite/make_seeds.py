#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the seeds of the fuzz target tflite: a small model of each kind of operator.

usage: make_seeds.py OUT_DIR      test/fuzz/seeds/tflite, for instance
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import litert

litert.enter()

import builder
import edges
import operators

MOST_BYTES = 2200  # of a seed: larger ones only slow the fuzzer down


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for cases in (*operators.CASES.values(), *edges.CASES.values()):
        kept = 0
        for name, build in cases:
            model = builder.Model()
            made = build(model.main)
            model.main.output(*(made if isinstance(made, list) else [made]))
            path = model.save(folder / name)
            kept += path.stat().st_size <= MOST_BYTES and kept < 6
            if path.stat().st_size > MOST_BYTES or kept > 5:
                path.unlink()


if __name__ == "__main__":
    sys.exit(main())
