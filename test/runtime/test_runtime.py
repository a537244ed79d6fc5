#!/usr/bin/env python3
"""Real models in the C runtime: what they need from outside, which threads they start, and two instances at once under ThreadSanitizer.

usage: test_runtime.py [NAME…] [--json FILE]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models

HERE = pathlib.Path(__file__).resolve().parent
RUNTIME = harness.REPOSITORY / "runtime"
CORE = harness.BIN.parent / "lib" / "libsmelt_runtime.a"
NAMES = ("mobilenetv2", "oww_embed")  # inputs of floats; steps of many tiles
HAS_SMALL_STEPS = "oww_embed"
MOST_CORE_BYTES = 16 << 10


def call(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=300, **options)
    if done.returncode != 0:
        raise harness.Failure(f"{pathlib.Path(command[0]).name}: exit code {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


def needed_symbols(path, *flags):
    words = call("llvm-nm-22", "--undefined-only", "--format=just-symbols", "--quiet", *flags, path).split()
    return {word for word in words if not word.endswith(":")}  # those name the members of an archive


def needs_nothing(name, folder):
    """No allocation, no library: static and shared artefacts lack no symbol at all."""
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "-o", folder / "model.so", seconds=300)
    defined = set(call("llvm-nm-22", "--defined-only", "--format=just-symbols", "--quiet", folder / "model.a").split())
    needed = needed_symbols(folder / "model.a") - defined | needed_symbols(folder / "model.so", "--dynamic")
    if needed:
        raise harness.Failure(f"the artefact needs {', '.join(sorted(needed))}")
    return {"bytes": (folder / "model.so").stat().st_size}


def core_is_small():
    """What the whole core takes in a program, and no symbol from outside."""
    size = sum(int(line.split()[0]) for line in call("llvm-size-22", CORE).splitlines()[1:])
    needed = {symbol for symbol in needed_symbols(CORE) if not symbol.startswith("smelt_")}
    if needed or size > MOST_CORE_BYTES:
        raise harness.Failure(f"{size} bytes of text; needs {', '.join(sorted(needed)) or 'nothing'}")
    return {"text_bytes": size}


def program(folder, *flags):
    sources = [*sorted((RUNTIME / "core").glob("*.c")), *sorted((RUNTIME / "threads").glob("*.c"))]
    call("clang-22", "-std=gnu11", "-O1", "-g", "-Wall", "-Werror", "-DMODEL=model", *flags, f"-I{RUNTIME}/include", HERE / "instances.c", *sources,
         folder / "model.a", "-pthread", "-o", folder / "instances")
    return folder / "instances"


def starts_no_thread(folder):
    call(program(folder), "alone")


def needs_little_stack(folder):
    call(program(folder), "small")


def splits_what_is_worth_it(name, folder):
    small = int(call(program(folder), "split"))
    if name == HAS_SMALL_STEPS and not small:
        raise harness.Failure("every step is split")
    return {"small": small}


def two_at_once(folder):
    output = call(program(folder, "-fsanitize=thread"), "together", env={**os.environ, "TSAN_OPTIONS": "halt_on_error=0:exitcode=66"})
    if re.search("ThreadSanitizer", output):
        raise harness.Failure(output[:600])


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    cases.run("the core is small and needs nothing", core_is_small)
    for name in args.names or NAMES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            compiled = cases.run(f"{name} static", lambda: harness.smelt_ok(
                "compile", models.fetch(name), *models.shape_flags(name), "--emit", "static", "-o", folder / "model", seconds=300) and None)
            if compiled:
                cases.run(f"{name} needs nothing", lambda: needs_nothing(name, folder))
                cases.run(f"{name} starts no thread unasked", lambda: starts_no_thread(folder))
                cases.run(f"{name} needs little stack", lambda: needs_little_stack(folder))
                cases.run(f"{name} splits what is worth it", lambda: splits_what_is_worth_it(name, folder))
                cases.run(f"{name} two instances at once, ThreadSanitizer", lambda: two_at_once(folder))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
