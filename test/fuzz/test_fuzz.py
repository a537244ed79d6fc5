#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs each fuzz target once on its seeds and on what fuzzing has found so far, under the sanitizers.

usage: test_fuzz.py [TARGET…] [--json FILE]      SMELT_BUILD names the build folder, build-asan where there is one
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import fuzz
import harness

MOST_SECONDS = 300


def program(target):
    folders = [os.environ["SMELT_BUILD"]] if "SMELT_BUILD" in os.environ else ["build-asan", "build"]
    found = [path for path in (harness.REPOSITORY / folder / "bin" / f"smelt_fuzz_{target}" for folder in folders) if path.exists()]
    if not found:
        raise harness.Failure(f"smelt_fuzz_{target} is not built")
    return found[0]


def replay(target):
    files = sorted(path for folder in fuzz.seeds_of(target) for path in folder.iterdir())
    done = subprocess.run([program(target), *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=MOST_SECONDS,
                          env={**os.environ, **fuzz.SANITIZER})
    lines = done.stdout.splitlines()
    if done.returncode:
        raise harness.Failure(f"exit code {done.returncode} on {lines[-1] if lines else 'no file'}: {done.stderr.strip()[-600:]}")
    passed = sum(line.startswith("PASS ") for line in lines)
    if passed != len(files) or not files:
        raise harness.Failure(f"{passed} of {len(files)} files")
    return {"files": passed}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for target in args.names or fuzz.TARGETS:
        cases.run(target, lambda: replay(target))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
