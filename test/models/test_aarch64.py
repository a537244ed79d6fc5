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
import test_precision

NAMES = ("mobilenetv2", "magika", "minilm_l6")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
FORBIDDEN = ("malloc", "calloc", "realloc", "free", "_Zn", "__cxa")  # nothing may allocate or need a C++ library


def call(command, seconds=600):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    if done.returncode != 0:
        raise harness.Failure(f"{pathlib.Path(command[0]).name}: exit code {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def build(name, folder, target, precision):
    """Compiles the model and links the driver. Returns the program's path."""
    library = folder / name
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "--precision", precision, "--emit", "static", "-o", library,
                     seconds=300)
    undefined = call([f"{COMPILER.removesuffix('-gcc')}-nm", "--undefined-only", "--format=just-symbols", f"{library}.a"]).split()
    bad = [symbol for symbol in undefined if symbol in FORBIDDEN or symbol.startswith(FORBIDDEN[-2:])]
    if bad:
        raise harness.Failure(f"the library needs {', '.join(bad)}")
    core = sorted((harness.REPOSITORY / "runtime" / "core").glob("*.c"))
    driver = harness.REPOSITORY / "test" / "models" / "driver.c"
    call([COMPILER, "-std=c11", "-O2", "-Wall", "-Werror", f"-DMODEL={name}", f"-I{harness.REPOSITORY}/runtime/include", driver, *core,
          f"{library}.a", "-o", folder / "driver"])
    return folder / "driver"


def agrees(name, folder, target, precision):
    program = build(name, folder, target, precision)
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
    if precision == "f32":
        return harness.agreement(runs[0], reference)
    error, cosine = test_precision.apart(runs[0], reference)
    most, least = test_precision.BOUNDS[precision]
    harness.expect(error <= most and cosine >= least, f"{error:.3g} of the largest value, cosine {cosine:.6f}")
    return {"error": error, "cosine": cosine}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or NAMES:
        # bfdot, and f16 as storage
        for target, precision in (("aarch64", "f32"), ("neoverse-v1", "bf16"), ("aarch64", "f16")):
            with tempfile.TemporaryDirectory() as folder:
                cases.run(f"{name} {target} {precision} agrees", lambda: agrees(name, pathlib.Path(folder), target, precision))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
