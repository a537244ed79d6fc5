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
from onnx import TensorProto, helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import device_program
import harness
import models
import shaders

# What any device takes, through storage buffers, on those that show most of it; lavapipe's profile on all.
PORTABLE = ("mobilenetv2", "ppocr4_rec", "minilm_l6")
MODELS = ("mobilenetv2", "resnet18", "resnet50", "shufflenet", "ppocr4_det", "ppocr4_rec", "magika", "oww_embed", "basic_pitch", "minilm_l6",
          "vit_s", "yolov8n")
# What devices may have besides, of which lavapipe has all: the model, what is asked for, and the precision.
PROFILES = (("mobilenetv2", "vulkan", "f16"), ("mobilenetv2", "vulkan:f16", "f16"), ("ppocr4_rec", "vulkan:f16,subgroup=8", "f16"), ("minilm_l6", "vulkan:f16", "f16"),
            ("minilm_l6", "vulkan", "bf16"), ("shufflenet", "vulkan", "int8"), ("shufflenet", "vulkan:int8,dot", "int8"), ("minilm_l6", "vulkan:dot", "int8"),
            ("minilm_l6", "vulkan:subgroup=8,shared=32768,int64", "f32"), ("mobilenetv2", "vulkan:lavapipe", "f16"), ("minilm_l6", "vulkan:lavapipe", "bf16"),
            ("shufflenet", "vulkan:lavapipe", "int8"), ("minilm_l6", "vulkan:lavapipe", "int8-dynamic"))
SAMPLES = 6  # that errors of lower precisions are measured on


def compile_model(name, target, artefact, *flags):
    report = artefact.with_suffix(".json")
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "-o", artefact, "--report", report, *flags, seconds=600)
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
            harness.expect(device["processor_steps"] == 0, f"{device['processor_steps']} steps are the processor's")
            figures = harness.agreement(run_model(artefact, models.inputs(name)), reference)
            return {**figures, **{key: device[key] for key in ("steps", "processor_steps", "copies") if key in device}}

        cases.run(f"{name} {target} agrees", agrees)
        cases.run(f"{name} {target} shaders", lambda: valid(artefact))


def profile(cases, name, target, precision):
    """Outputs are as far off as the compiler says, which measures the same roundings on a processor, and no step is left to it."""
    with tempfile.TemporaryDirectory() as folder:
        artefact, samples = pathlib.Path(folder) / f"{name}.so", pathlib.Path(folder) / "samples"
        samples.mkdir()
        feeds = [models.inputs(name, seed) for seed in range(1 if precision == "f32" else SAMPLES)]
        for seed, arrays in enumerate(feeds):
            np.savez(samples / f"{seed}.npz", **arrays)

        def agrees():
            device = compile_model(name, target, artefact, "--precision", precision, *(() if precision == "f32" else ("--calibration", samples)))
            harness.expect(device["processor_steps"] == 0, f"{device['processor_steps']} steps are the processor's")
            model = models.reference_of(models.fetch(name))
            pairs = [(run_model(artefact, arrays), model(arrays)) for arrays in feeds]
            if precision == "f32":
                return harness.agreement(*pairs[0])
            # Products and sums are not contracted as a processor's are: in integers a last digit may be another code, and layers on it is another error of the same size.
            return {**harness.error_as_said(artefact.with_suffix(".json"), pairs, 3 if precision == "int8" else 1.25), "steps": device["steps"]}

        cases.run(f"{name} {target} {precision} agrees", agrees)
        cases.run(f"{name} {target} {precision} shaders", lambda: valid(artefact))


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
            harness.expect(done.returncode == 5 and "there is no driver" in done.stderr and ". To run on the processor, compile" in done.stderr, f"exit code {done.returncode}: {done.stderr}")
            harness.expect(not (folder / "out.npz").exists(), "outputs without a device")

        cases.run("errors no driver", no_driver)
        cases.run("errors static", lambda: refused(2, *compile_, "--emit", "static") and None)
        cases.run("errors precision", lambda: refused(4, *compile_, "--precision", "int4-weights") and None)

        def no_option():
            for target, words in (("vulkan:none", "no option 'none'; behind vulkan: comes lavapipe, if at all, then options, separated by commas without spaces: subgroup=N"), ("vulkan:subgroup=12", "a power of two"), ("vulkan:f16=1", "written f16"), ("vulkan:f16,", "an option is empty"), ("vulkan:", "an option is empty; behind vulkan: comes lavapipe"), ("vulkan:f16, dot", "no option ' dot'"),
                                  ("vulkan:subgroup=8,subgroup=16", "option 'subgroup' is given twice"), ("vulkan:f16,lavapipe", "no option 'lavapipe'; behind vulkan: comes lavapipe, if at all, then options"),
                                  ("vulkan:subgroup", "written subgroup=NUMBER"), ("vulkan:shared=99999999999999999999", "written shared=NUMBER"), ("vulkan:lavapipe,shared=1", "16384")):
                said = refused(2, "compile", here, "--target", target, "-o", artefact)
                harness.expect(words in said, said)

        cases.run("errors profile", no_option)


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

        def integers():
            """Numbers of 64, 16 and 8 bits, which a device of `vulkan` computes with in words of 32: every bit is the processor's."""
            node, tensor = helper.make_node, TensorProto
            edges = [0, 1, -1, 2**31, -(2**31), 2**31 - 1, 2**32, 2**32 - 1, -(2**32), 2**63 - 1, -(2**63), 2**24 + 1, 2**25 + 3, -(2**24) - 1, 2**53 + 1, 2**40 + 2**16, 2**40 + 2**16 + 1]
            random = np.random.default_rng(3)
            some = random.integers(-(2**63), 2**63 - 1, 300) >> random.integers(0, 63, 300)
            numbers = np.concatenate([edges, some]).astype(np.int64)
            count = len(numbers)
            feeds = {"a": numbers, "b": random.permutation(numbers), "f": (random.normal(size=count) * 10.0 ** random.integers(-2, 18, count)).astype(np.float32),
                     "s": random.integers(-128, 128, count).astype(np.int8), "u": random.integers(0, 256, count).astype(np.uint8),
                     "w": random.integers(-(2**15), 2**15, count).astype(np.int16), "l": numbers.view(np.uint64), "by": random.integers(0, 64, count).astype(np.uint64)}
            types = {"a": tensor.INT64, "b": tensor.INT64, "f": tensor.FLOAT, "s": tensor.INT8, "u": tensor.UINT8, "w": tensor.INT16, "l": tensor.UINT64, "by": tensor.UINT64}
            nodes = [node(op, ["a", "b"], [op]) for op in ("Add", "Sub", "Mul", "Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual", "Max", "Min")]
            nodes += [node("Where", ["Less", "a", "b"], ["Where"]), node("Not", ["Less"], ["Not"]), node("And", ["Less", "Not"], ["And"]), node("Neg", ["a"], ["Neg"])]
            nodes += [node("Cast", [name], [f"float_{name}"], to=tensor.FLOAT) for name in "asuw"]
            nodes += [node("Cast", ["a"], [f"to_{to}"], to=to) for to in (tensor.INT8, tensor.UINT8, tensor.INT16, tensor.INT32, tensor.BOOL)]
            nodes += [node("Cast", [name], [f"long_{name}"], to=tensor.INT64) for name in "fsuw"] + [node("Max", ["s", "s"], ["Bytes"]), node("BitwiseXor", ["u", "u"], ["Xor"])]
            nodes += [node("BitShift", ["l", "by"], [f"shift_{way}"], direction=way) for way in ("LEFT", "RIGHT")]
            made = {"Less": tensor.BOOL, "Greater": tensor.BOOL, "Equal": tensor.BOOL, "LessOrEqual": tensor.BOOL, "GreaterOrEqual": tensor.BOOL, "Not": tensor.BOOL,
                    "And": tensor.BOOL, "Bytes": tensor.INT8, "Xor": tensor.UINT8, "shift_LEFT": tensor.UINT64, "shift_RIGHT": tensor.UINT64, f"to_{tensor.INT8}": tensor.INT8, f"to_{tensor.UINT8}": tensor.UINT8,
                    f"to_{tensor.INT16}": tensor.INT16, f"to_{tensor.INT32}": tensor.INT32, f"to_{tensor.BOOL}": tensor.BOOL, **{f"float_{name}": tensor.FLOAT for name in "asuw"}}
            value = helper.make_tensor_value_info
            outputs = [value(output, made.get(output, tensor.INT64), [count]) for one in nodes for output in one.output]
            graph = helper.make_graph(nodes, "integers", [value(name, kind, [count]) for name, kind in types.items()], outputs)
            model, net, native = folder / "integers.onnx", folder / "integers.so", folder / "native.so"
            save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), model)
            report = net.with_suffix(".json")
            harness.smelt_ok("compile", model, "--target", "vulkan", "-o", net, "--report", report)
            harness.smelt_ok("compile", model, "-o", native)
            device = json.loads(report.read_text())["device"]
            harness.expect(device["processor_steps"] == 0, f"{device['processor_kernels']}")
            valid(net)
            there, here = run_model(net, feeds), run_model(native, feeds)
            wrong = [name for name in here if not np.array_equal(here[name], there[name])]
            harness.expect(not wrong, f"not the same: {wrong}")
            return {"outputs": len(here)}

        def compare():
            harness.smelt_ok("compare", models.fetch("mobilenetv2"), "--target", "vulkan:lavapipe", "--against", "onnxruntime")

        def profiles():
            samples, page = folder / "samples", folder / "report.html"
            samples.mkdir()
            np.savez(samples / "0.npz", **models.inputs("magika"))
            harness.smelt_ok("profile", models.fetch("magika"), *models.shape_flags("magika"), "--data", samples, "--points", "3", "--seconds", "1",
                             "--target", "vulkan:lavapipe", "-o", page, env={**os.environ, "SMELT_PYTHON": sys.executable}, seconds=300)
            points = json.loads(page.with_suffix(".json").read_text())["points"]
            names, times = {point["name"] for point in points}, [point["latency_ms"] for point in points]
            harness.expect({"f32", "f16", "bf16", "int8", "int8-dynamic"} <= names and all(time and time > 0 for time in times), f"{names} {times}")

        def inspect():
            said = harness.smelt_ok("inspect", artefact).stdout
            harness.expect("for vulkan:lavapipe" in said and "73 steps" in said and "needs" not in said, said)

        def processor():
            """The one beside the device is whichever is named, and its code is there for what the device does not do."""
            other, model = folder / "other.so", models.fetch("magika")
            harness.smelt_ok("compile", model, "--target", "vulkan", "--processor", "aarch64", "-o", other)
            machine = int.from_bytes(other.read_bytes()[18:20], "little")
            said = harness.smelt_ok("inspect", other).stdout
            harness.expect(machine == 183 and "for vulkan, needs neon" in said, f"machine {machine}: {said}")
            for words, why in ((("--target", "native", "--processor", "aarch64"), "it goes with --target vulkan or cuda"), (("--target", "vulkan", "--processor", "vulkan"), "no processor 'vulkan'; there are native")):
                said = refused(2, "compile", model, *words, "-o", other)
                harness.expect(why in said, said)

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
        cases.run("interface integers", integers)
        cases.run("interface two threads", two_threads)
        cases.run("interface compare", compare)
        cases.run("interface profile", profiles)
        cases.run("interface inspect", inspect)
        cases.run("interface processor", processor)
        cases.run("interface same bytes", same_bytes)
        cases.run("interface C program", lambda: device_program.runs(pathlib.Path(folder), "device", "vulkan", os.environ))


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
        for what in PROFILES:
            profile(cases, *what)
        errors(cases)
        interface(cases)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
