# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs programs of Smelt within bounds of time and memory, and checks how they refuse."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
from harness import expect

MOST_BYTES = 500 << 20
MOST_CPU_SECONDS = 2.0
MOST_WALL_SECONDS = 60  # the machine may be busy; this is for what does not end


class Done:
    """A finished program: its exit code, what it printed, and what it took."""

    def __init__(self, *arguments, program="smelt", environment=None, output=subprocess.PIPE, folder=None):
        with tempfile.NamedTemporaryFile("r") as figures:
            command = ["time", "--quiet", "-f", "%U %S %M", "-o", figures.name, "prlimit", f"--data={MOST_BYTES}", "--core=0",
                       str(harness.BIN / program), *map(str, arguments)]
            try:
                done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, timeout=MOST_WALL_SECONDS, env={**os.environ, **(environment or {})},
                                      cwd=folder)
            except subprocess.TimeoutExpired as error:
                raise harness.Failure(f"no end after {MOST_WALL_SECONDS} s") from error
            user, system, kilobytes = figures.read().split()
        self.code = done.returncode
        self.output, self.errors = (done.stdout or b"").decode(errors="replace"), done.stderr.decode(errors="replace")
        self.seconds, self.bytes = float(user) + float(system), int(kilobytes) * 1024

    def within_bounds(self):
        expect(self.seconds <= MOST_CPU_SECONDS, f"{self.seconds:.1f} s of processor time")
        expect(self.bytes <= MOST_BYTES, f"{self.bytes >> 20} MiB of memory")
        return self


def one_line(done):
    """What a program says when it refuses."""
    expect(re.fullmatch(r"smelt(-conformance)?: error: [^\n]+\n", done.errors), f"not one line: {done.errors!r}")
    expect(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", done.errors), f"control characters: {done.errors!r}")


def refused(folder, codes, words, *arguments, **options):
    """`smelt` must fail with one of the exit codes and one line that holds all words, and leave `folder` as it was."""
    before = sorted(path for path in folder.rglob("*"))
    done = Done(*arguments, **options)
    expect(done.code in codes, f"exit code {done.code}, not {' or '.join(map(str, codes))}: {done.errors.strip()[-300:]}")
    one_line(done)
    for word in words:
        expect(word in done.errors, f"no '{word}' in: {done.errors.strip()}")
    left = [path.name for path in folder.rglob("*") if path not in before]
    expect(not left, f"left behind: {', '.join(left)}")
    return done
