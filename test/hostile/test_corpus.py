#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Malformed, hostile and odd models: each is compiled, and inspected, with the documented exit code within its bounds.

usage: test_corpus.py [NAME…] [--folder DIR] [--json FILE]      a NAME is that of a file of the corpus, or how some begin: maybe_grid_Conv; DIR
has another corpus, whose names say the same
"""
import concurrent.futures
import os
import pathlib
import sys
import tempfile

import corpus
from bounded import Done, one_line, refused

import harness
from harness import expect


def compiled(path, output):
    name = path.stem
    arguments = ("compile", path, "-o", output)
    may_pass, may_fail = name.startswith(("ok_", "maybe_")), not name.startswith("ok_")
    if not may_pass:
        return refused(output.parent, [3, 4], [path.name], *arguments)
    done = Done(*arguments)
    expect(done.code == 0 or (may_fail and done.code in (3, 4)), f"exit code {done.code}: {done.errors.strip()[-300:]}")
    if done.code:
        one_line(done)
    expect(output.exists() == (done.code == 0), f"exit code {done.code}, and an output file" if done.code else "no output file")
    return done


def inspected(path):
    done = Done("inspect", path)
    expect(done.code in (0, 3, 4), f"inspect: exit code {done.code}: {done.errors.strip()[-300:]}")
    if done.code:
        one_line(done)
    return done


def check(path):
    with tempfile.TemporaryDirectory() as folder:
        done = compiled(path, pathlib.Path(folder) / "m.so").within_bounds()
        inspected(path).within_bounds()
    return {"code": done.code, "seconds": done.seconds, "mb": done.bytes >> 20}


def main():
    options = harness.parser(__doc__)
    options.add_argument("--folder", metavar="DIR", type=pathlib.Path, help="the .onnx files of DIR instead")
    args = options.parse_args()
    cases = harness.Cases()
    with tempfile.TemporaryDirectory() as own, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = args.folder or pathlib.Path(own)
        names = sorted(path.stem for path in folder.glob("*.onnx")) if args.folder else sorted(corpus.write(own).names)
        chosen = [name for name in names if not args.names or name.startswith(tuple(args.names))]
        running = {name: pool.submit(check, folder / f"{name}.onnx") for name in chosen}
        for name, future in running.items():
            cases.run(name, future.result)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
