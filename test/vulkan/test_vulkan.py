#!/usr/bin/env python3
"""Models compiled for Vulkan devices, on whatever device is here: outputs near ONNX Runtime's, every shader valid, errors that say what is
missing.

usage: test_vulkan.py [NAME…] [--target T]… [--json FILE]
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
import shaders

TARGETS = ("vulkan", "vulkan:lavapipe")
# Steps of the processor, at most, of those that have all their kernels on the device.
MODELS = ("mobilenetv2", "resnet18", "resnet50", "shufflenet", "ppocr4_det", "ppocr4_rec", "magika", "oww_embed", "basic_pitch", "minilm_l6",
          "vit_s", "yolov8n")


def compile_model(name, target, artefact):
    report = artefact.with_suffix(".json")
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "-o", artefact, "--report", report, seconds=600)
    return json.loads(report.read_text()).get("device", {})


def run_model(artefact, feeds):
    folder = artefact.parent
    np.savez(folder / "in.npz", **feeds)
    harness.smelt_ok("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", seconds=600)
    with np.load(folder / "out.npz") as outputs:
        return dict(outputs)


def valid(artefact):
    complaints = shaders.validate(artefact)
    if complaints:
        raise harness.Failure(f"spirv-val: kernel {complaints[0][0]} and {len(complaints) - 1} more: {complaints[0][1]}")


def test(cases, name, target, reference):
    with tempfile.TemporaryDirectory() as folder:
        artefact = pathlib.Path(folder) / f"{name}.so"

        def agrees():
            device = compile_model(name, target, artefact)
            figures = harness.agreement(run_model(artefact, models.inputs(name)), reference)
            return {**figures, **{key: device[key] for key in ("steps", "processor_steps", "copies") if key in device}}

        cases.run(f"{name} {target} agrees", agrees)
        cases.run(f"{name} {target} shaders", lambda: valid(artefact))


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", action="append", help="only these targets")
    args = options.parse_args()
    cases = harness.Cases()
    for name in args.names or MODELS:
        reference = models.reference(models.fetch(name), models.inputs(name))
        for target in args.target or TARGETS:
            test(cases, name, target, reference)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
