#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs fuzz targets for some time each, two at once, and says how often each was executed and what was found.

usage: fuzz.py SECONDS [TARGET…]      exit code 1 on a finding; what libFuzzer keeps lies in .cache/fuzz
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
KEPT = REPOSITORY / ".cache" / "fuzz"
AT_ONCE = int(os.environ.get("SMELT_FUZZ_AT_ONCE", 2))
MOST_MEGABYTES = 2048  # resident, with the sanitizers' shadow
# MLIR and LLVM come without instrumentation: memory that their allocators poison in our code, they do not unpoison in theirs.
SANITIZER = {"ASAN_OPTIONS": "allow_user_poisoning=0:detect_leaks=0:detect_odr_violation=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

# target: its folder of seeds, the most bytes of an input, the seconds that one may take
TARGETS = {"reader": ("model", 16384, 10), "import": ("model", 8192, 20), "compile": ("model", 4096, 40), "tflite": ("tflite", 8192, 20),
           "pt2": ("pt2", 32768, 20), "npz": ("npz", 8192, 5), "artifact": ("artifact", 16384, 5), "extents": ("extents", 512, 10), "sizes": ("sizes", 2048, 5)}


def seeds_of(target):
    """Folders of files to begin with, those of earlier findings included."""
    names = (HERE / "seeds" / TARGETS[target][0], HERE / "regressions" / TARGETS[target][0])
    return [folder for folder in names if folder.exists()]


def run(target, arguments):
    """Runs a target to its end, and what it wrote."""
    program = REPOSITORY / "build-fuzz" / "bin" / f"smelt_fuzz_{target}"
    done = subprocess.run(["nice", "-n", "19", program, f"-timeout={TARGETS[target][2]}", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, errors="replace", env={**os.environ, **SANITIZER})
    return done.returncode, done.stderr


def fuzz_once(target, seconds):
    """(executions, what was found or None, the file that found it or None)"""
    corpus, findings = KEPT / target, KEPT / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    code, log = run(target, [f"-max_total_time={seconds}", f"-max_len={TARGETS[target][1]}", f"-rss_limit_mb={MOST_MEGABYTES}",
                             f"-malloc_limit_mb={MOST_MEGABYTES // 2}", "-print_final_stats=1", f"-artifact_prefix={findings}/{target}-",
                             corpus, *seeds_of(target)])
    (KEPT / f"{target}.log").write_text(log)
    executed = re.search(r"number_of_executed_units:\s*(\d+)", log)
    why = re.findall(r"^(?:SUMMARY: .*|does not hold: .*|.*runtime error: .*|.*libFuzzer: .*)$", log, re.MULTILINE)
    kept = re.search(rf"Test unit written to (\S*/{target}-(?!slow-unit)\S+)", log)
    found = f"{'; '.join(why[:3]) or f'exit code {code}'}: {kept[1] if kept else 'no file'}" if code else None
    return int(executed[1]) if executed else 0, found, kept[1] if kept else None


def fuzz(target, seconds):
    """(executions, what was found or None)

    libFuzzer's limit is in wall clock: what was too slow once, on a busy machine, and is not when run again, is no finding."""
    executions, end = 0, time.monotonic() + seconds
    while (left := round(end - time.monotonic())) > 0:
        executed, found, path = fuzz_once(target, left)
        executions += executed
        if found and not (path and "-timeout-" in path and run(target, [path])[0] == 0):
            return executions, found
    return executions, None


def main():
    if len(sys.argv) < 2 or not sys.argv[1].isdigit() or any(name not in TARGETS for name in sys.argv[2:]):
        print(f"{__doc__}\ntargets: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    names, findings = sys.argv[2:] or list(TARGETS), 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(fuzz, name, int(sys.argv[1])) for name in names}
        for name, future in running.items():
            executed, found = future.result()
            findings += found is not None
            print(f"{name:10}{executed:10} executions  {found or 'nothing found'}", flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
