#!/usr/bin/env python3
"""Models as static libraries for AArch64, linked with the runtime's sources into a C program and run under qemu: agree with ONNX Runtime.

usage: test_aarch64.py [NAME…] [--json FILE]
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models

NAMES = ("mobilenetv2", "magika", "minilm_l6")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
FORBIDDEN = ("malloc", "calloc", "realloc", "free", "_Zn", "__cxa")  # nothing may allocate or need a C++ library


def call(command, seconds=600):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    if done.returncode != 0:
        raise harness.Failure(f"{pathlib.Path(command[0]).name}: exit code {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def build(name, folder):
    """Compiles the model and links the driver. Returns the program's path."""
    library = folder / name
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", "aarch64", "--emit", "static", "-o", library, seconds=300)
    undefined = call([f"{COMPILER.removesuffix('-gcc')}-nm", "--undefined-only", "--format=just-symbols", f"{library}.a"]).split()
    bad = [symbol for symbol in undefined if symbol in FORBIDDEN or symbol.startswith(FORBIDDEN[-2:])]
    if bad:
        raise harness.Failure(f"the library needs {', '.join(bad)}")
    core = sorted((harness.REPOSITORY / "runtime" / "core").glob("*.c"))
    driver = harness.REPOSITORY / "test" / "models" / "driver.c"
    call([COMPILER, "-std=c11", "-O2", "-Wall", "-Werror", f"-DMODEL={name}", f"-I{harness.REPOSITORY}/runtime/include", driver, *core,
          f"{library}.a", "-o", folder / "driver"])
    return folder / "driver"


def agrees(name, folder):
    program = build(name, folder)
    feeds = models.inputs(name)
    reference = models.reference(models.fetch(name), feeds)
    for position, value in enumerate(feeds.values()):
        value.tofile(folder / f"in{position}")
    inputs = [folder / f"in{position}" for position in range(len(feeds))]
    outputs = [folder / f"out{position}" for position in range(len(reference))]
    runs = []
    for fill in (0, 255):  # what the arena held before must not matter
        call([*EMULATOR, program, fill, *inputs, *outputs])
        runs.append({key: np.fromfile(path, value.dtype).reshape(value.shape) for path, (key, value) in zip(outputs, reference.items())})
    if any(runs[0][key].tobytes() != runs[1][key].tobytes() for key in reference):
        raise harness.Failure("the result depends on what the arena held before")
    return harness.agreement(runs[0], reference)


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            cases.run(f"{name} aarch64 agrees", lambda: agrees(name, pathlib.Path(folder)))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
