#!/usr/bin/env python3
"""Every model on every x86-64 target: agrees with ONNX Runtime, gives the same bits on one thread and on two, and is small,
on disk and in memory.

usage: test_models.py [NAME…] [--target T]… [--json FILE]
"""
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models

MOST_CODE_BYTES = 600_000  # of an artefact, its weights aside
MOST_SPARE_BYTES = 4_000_000  # of a run, its weights and arena aside


def compile_model(name, target, artefact):
    report = artefact.with_suffix(".json")
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "-o", artefact, "--report", report, seconds=300)


def run_model(artefact, feeds, threads):
    folder = artefact.parent
    np.savez(folder / "in.npz", **feeds)
    harness.smelt_ok("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", "--threads", threads, seconds=300)
    with np.load(folder / "out.npz") as outputs:
        return dict(outputs)


def code_bytes(artefact):
    from smelt import runtime

    code = artefact.stat().st_size - runtime.load(artefact).weights_bytes
    if code > MOST_CODE_BYTES:
        raise harness.Failure(f"{code} bytes beside the weights, more than {MOST_CODE_BYTES}")
    return {"bytes": code}


def spare_bytes(artefact):
    from smelt import runtime

    folder = artefact.parent
    peak = harness.peak_bytes("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    loaded = runtime.load(artefact)
    spare = peak - loaded.weights_bytes - loaded.arena_bytes
    if spare > MOST_SPARE_BYTES:
        raise harness.Failure(f"{spare} bytes of memory beside weights and arena, more than {MOST_SPARE_BYTES}")
    return {"bytes": spare}


def same_bits(artefact, feeds, one):
    two = run_model(artefact, feeds, 2)
    differs = [name for name in one if one[name].tobytes() != two[name].tobytes()]
    if differs:
        raise harness.Failure(f"two threads change the bits of {', '.join(differs)}")


def test(cases, name, target, reference):
    feeds, one = models.inputs(name), {}
    with tempfile.TemporaryDirectory() as folder:
        artefact = pathlib.Path(folder) / f"{name}.so"

        def agrees():
            compile_model(name, target, artefact)
            one.update(run_model(artefact, feeds, 1))
            return harness.agreement(one, reference)

        cases.run(f"{name} {target} agrees", agrees)
        cases.run(f"{name} {target} threads", lambda: same_bits(artefact, feeds, one or run_model(artefact, feeds, 1)))
        cases.run(f"{name} {target} size", lambda: code_bytes(artefact))
        cases.run(f"{name} {target} memory", lambda: spare_bytes(artefact))


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", action="append", help="only these targets")
    args = options.parse_args()
    cases = harness.Cases()
    for name in args.names or models.RELEASED:
        reference = models.reference(models.fetch(name), models.inputs(name))
        for target in args.target or harness.x86_targets():
            test(cases, name, target, reference)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
