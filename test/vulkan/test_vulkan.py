#!/usr/bin/env python3
"""Models compiled for Vulkan devices, on whatever device is here: outputs near ONNX Runtime's, every shader valid, errors that say what is
missing.

usage: test_vulkan.py [NAME…] [--target T]… [--json FILE]
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
import shaders

# What any device takes, through storage buffers, on those that show most of it; lavapipe's profile on all.
PORTABLE = ("mobilenetv2", "ppocr4_rec", "minilm_l6")
MODELS = ("mobilenetv2", "resnet18", "resnet50", "shufflenet", "ppocr4_det", "ppocr4_rec", "magika", "oww_embed", "basic_pitch", "minilm_l6",
          "vit_s", "yolov8n")
WHOLE = tuple(name for name in MODELS if name != "basic_pitch")  # run on lavapipe alone; the other has kernels of bytes


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
            harness.expect(target == "vulkan" or name not in WHOLE or device["processor_steps"] == 0, f"{device['processor_steps']} steps are the processor's")
            figures = harness.agreement(run_model(artefact, models.inputs(name)), reference)
            return {**figures, **{key: device[key] for key in ("steps", "processor_steps", "copies") if key in device}}

        cases.run(f"{name} {target} agrees", agrees)
        cases.run(f"{name} {target} shaders", lambda: valid(artefact))


def refused(code, *words):
    """`smelt` ends with this exit code; returns what it says."""
    done = harness.smelt(*words)
    harness.expect(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr.strip()}")
    return done.stderr


def errors(cases):
    """Nothing is left of what cannot be compiled or run, and the message says why."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artefact, here = folder / "net.so", models.fetch("mobilenetv2")
        compile_ = ("compile", here, "--target", "vulkan", "-o", artefact)

        def no_driver():
            harness.smelt_ok(*compile_)
            np.savez(folder / "in.npz", **models.inputs("mobilenetv2"))
            environment = {**os.environ, "VK_ICD_FILENAMES": str(folder / "none.json"), "VK_DRIVER_FILES": str(folder / "none.json")}
            done = harness.smelt("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", env=environment)
            harness.expect(done.returncode == 5 and "there is no driver" in done.stderr, f"exit code {done.returncode}: {done.stderr}")
            harness.expect(not (folder / "out.npz").exists(), "outputs without a device")

        def open_dims():
            said = refused(4, "compile", models.fetch("minilm_l6"), "--target", "vulkan", "-o", folder / "open.so")
            harness.expect("--shape" in said and not (folder / "open.so").exists(), said)

        cases.run("errors no driver", no_driver)
        cases.run("errors open dims", open_dims)
        cases.run("errors static", lambda: refused(2, *compile_, "--emit", "static") and None)
        cases.run("errors precision", lambda: refused(4, *compile_, "--precision", "bf16") and None)
        cases.run("errors profile", lambda: refused(2, "compile", here, "--target", "vulkan:none", "-o", artefact) and None)


def interface(cases):
    """Bench, compare and inspect take such artefacts like any other."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artefact = folder / "net.so"

        def bench():
            compile_model("mobilenetv2", "vulkan:lavapipe", artefact)
            figures = json.loads(harness.smelt_ok("bench", artefact, "--seconds", "1", "--json").stdout)
            harness.expect(len(figures["layers"]) == 73 and figures["median_ms"] > 0, f"{len(figures['layers'])} layers")
            harness.expect(all(layer["kernel"] for layer in figures["layers"]), "layers without the names of their kernels")

        def compare():
            harness.smelt_ok("compare", models.fetch("mobilenetv2"), "--target", "vulkan:lavapipe", "--against", "onnxruntime")

        def inspect():
            said = harness.smelt_ok("inspect", artefact).stdout
            harness.expect("for vulkan:lavapipe" in said and "73 steps" in said and "needs" not in said, said)

        def same_bytes():
            other = folder / "other.so"
            compile_model("mobilenetv2", "vulkan:lavapipe", other)
            harness.expect(artefact.read_bytes() == other.read_bytes(), "compiled twice, two artefacts")

        def two_threads():
            program, runtime, libraries = folder / "two_devices", harness.REPOSITORY / "runtime", harness.BIN.parent / "lib"
            subprocess.run(["gcc", "-std=gnu11", "-O1", "-I", runtime / "include", harness.REPOSITORY / "test" / "runtime" / "two_devices.c", "-o", program,
                            libraries / "libsmelt_vulkan.a", libraries / "libsmelt_runtime.a", "-pthread", "-ldl"], check=True)
            done = subprocess.run([program, artefact], capture_output=True, text=True, timeout=300)
            harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr.strip()}")

        cases.run("interface bench", bench)
        cases.run("interface two threads", two_threads)
        cases.run("interface compare", compare)
        cases.run("interface inspect", inspect)
        cases.run("interface same bytes", same_bytes)


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", action="append", help="only these targets")
    args = options.parse_args()
    cases = harness.Cases()
    for name in args.names or MODELS:
        reference = models.reference(models.fetch(name), models.inputs(name))
        for target in args.target or (["vulkan"] if name in PORTABLE else []) + ["vulkan:lavapipe"]:
            test(cases, name, target, reference)
    if not args.names:
        errors(cases)
        interface(cases)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
