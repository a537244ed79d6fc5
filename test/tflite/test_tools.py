#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""TensorFlow Lite models in all of Smelt's commands: inspect, compare, profile, lower precisions.

usage: test_tools.py [NAME…] [--json FILE]
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import litert

litert.enter()

import numpy as np
from ai_edge_litert import interpreter

import builder
import harness
import operators
import smelt
from harness import expect
from test_tflite import sums

case = harness.Suite()
DIGITS = {"bf16": 0.02, "f16": 0.005, "int8-dynamic": 0.03, "int8-weights": 0.01, "int4-weights": 0.15}  # error of the largest value; 0.7 times that is seen


def floats(folder):
    """A convolution, a pool and two products by matrices that are large enough for weights in blocks."""
    model = builder.Model()
    main = model.main
    x = main.input(np.float32, (1, 8, 8, 16), name="image")
    x = main.op("CONV_2D", [x, main.constant(operators.draw(64, 3, 3, 16) / 12), main.constant(operators.draw(64))], [main.tensor(np.float32, name="features")],
                "Conv2DOptions", padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=1)
    x = main.op("MEAN", [x, main.constant(np.array([1, 2], np.int32))], [main.tensor(np.float32, name="means")], "ReducerOptions")
    for size, name in ((128, "hidden"), (64, "scores")):
        weights = main.constant(operators.draw(size, 64 if size == 128 else 128) / 8)
        x = main.op("FULLY_CONNECTED", [x, weights, main.constant(operators.draw(size))], [main.tensor(np.float32, name=name)], "FullyConnectedOptions")
    main.output(x)
    return model.save(folder / "floats.tflite")


def bytes_(folder):
    """The same kind of model in 8 bits."""
    model = builder.Model()
    main = model.main
    x = main.input(np.int8, (1, 8, 8, 4), name="image", quantised=(0.02, 3))
    x = main.op("CONV_2D", [x, main.constant(operators.codes(8, 3, 3, 4), quantised=(0.01, 0)), main.constant(np.arange(8, dtype=np.int32), quantised=(2e-4, 0))], [main.tensor(np.int8, name="features", quantised=(0.1, -128))],
                "Conv2DOptions", padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=1)
    x = main.op("MEAN", [x, main.constant(np.array([1, 2], np.int32))], [main.tensor(np.int8, name="means", quantised=(0.1, -128))], "ReducerOptions")
    main.output(main.op("FULLY_CONNECTED", [x, main.constant(operators.codes(5, 8), quantised=(0.01, 0)), -1], [main.tensor(np.int8, name="scores", quantised=(0.2, 0))],
                        "FullyConnectedOptions"))
    return model.save(folder / "bytes.tflite")


def handle(graph):
    return graph.op("VAR_HANDLE", [], ["RESOURCE"], "VarHandleOptions", container="", sharedName="sum")


def value(graph):
    return graph.op("READ_VARIABLE", [handle(graph)], [graph.tensor(np.float32, (3,))], "ReadVariableOptions")


def compared(path, *options):
    return json.loads(harness.smelt_ok("compare", path, "--json", *options).stdout)


@case
def inspect_tells_what_the_file_says(folder):
    told = json.loads(harness.smelt_ok("inspect", floats(folder), "--json").stdout)
    counts = {each["name"]: each["count"] for each in told["operators"]}
    expect(counts == {"CONV_2D": 1, "FULLY_CONNECTED": 2, "MEAN": 1}, f"{counts}")
    expect("made by a test of Smelt" in json.dumps(told), f"{told}")
    artefact = smelt.compile(folder / "floats.tflite", folder / "m.so")
    names = [step["name"] for step in json.loads(harness.smelt_ok("inspect", artefact, "--json").stdout)["steps"]]
    expect(any("hidden" in name for name in names), f"{names}")


@case
def inspect_tells_what_stays(folder):
    """Variables are what the artefact says that they are."""
    path = sums(np.float32, [0.5, -2, 1e30]).save(folder / "sums.tflite")
    artefact = smelt.compile(path, folder / "m.so")
    told, made = (json.loads(harness.smelt_ok("inspect", file, "--json").stdout)["states"] for file in (path, artefact))
    expect(len(told) == 1 and told == [{key: state[key] for key in ("name", "type", "shape", "output")} for state in made], f"{told} and {made}")


def entries(folder):
    """Two signatures of one variable, whose outputs have names in another order than the file's; a third is of what nothing imports."""
    model = builder.Model()
    main, scale, train = model.main, model.graph("scale"), model.graph("train")
    begin = model.graph("begin")
    begin.op("ASSIGN_VARIABLE", [handle(begin), begin.constant(np.array([1, 2, 3], np.float32))], [], "AssignVariableOptions")
    for graph in (main, scale):
        graph.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=3)
    x = main.input(np.float32, (3,), name="serving_default_x:0")
    total = main.op("ADD", [x, value(main)], [main.tensor(np.float32, (3,), name="PartitionedCall:0")], "AddOptions")
    main.op("ASSIGN_VARIABLE", [handle(main), total], [], "AssignVariableOptions")
    twice = main.op("ADD", [total, total], [main.tensor(np.float32, (3,), name="PartitionedCall:1")], "AddOptions")
    main.output(total, twice)
    factor, x = scale.input(np.float32, (), name="scale_factor:0"), scale.input(np.float32, (3,), name="scale_x:0")
    scaled = scale.op("MUL", [x, factor], [np.float32], "MulOptions")
    scale.output(scale.op("ADD", [scaled, value(scale)], [scale.tensor(np.float32, (3,), name="PartitionedCall_1:0")], "AddOptions"))
    y = train.input(np.float32, (3,))
    train.output(train.op("FlexErf", [y], [train.tensor(np.float32, (3,))], custom=b"abc"))
    model.signature("total", 0, {"x": main._graph.inputs[0]}, {"twice": twice, "total": total})
    model.signature("scale", 1, {"x": x, "factor": factor}, {"scaled": scale._graph.outputs[0]})
    model.signature("train", 2, {"y": y}, {"loss": train._graph.outputs[0]})
    return model.save(folder / "entries.tflite")


@case
def signatures_are_listed(folder):
    told = json.loads(harness.smelt_ok("inspect", entries(folder), "--json").stdout)
    names = {each["name"]: [[tensor["name"] for tensor in each[of]] for of in ("inputs", "outputs")] for each in told["signatures"]}
    expect(names == {"total": [["x"], ["twice", "total"]], "scale": [["factor", "x"], ["scaled"]], "train": [["y"], ["loss"]]}, f"{names}")
    expect([tensor["name"] for tensor in told["inputs"]] == ["serving_default_x:0"] and not told["unsupported"], f"{told}")
    text = harness.smelt_ok("inspect", entries(folder)).stdout
    expect("signature 'scale'\n  input  'factor'  f32 scalar\n  input  'x'  f32 3\n  output 'scaled'  f32 3\n" in text, text)
    other = json.loads(harness.smelt_ok("inspect", entries(folder), "--json", "--signature", "train").stdout)
    expect([each["operator"] for each in other["unsupported"]] == ["FlexErf"] and other["name"] == "train", f"{other}")
    expect("signature" not in harness.smelt_ok("inspect", floats(folder)).stdout, "of a file without")


@case
def a_signature_is_compiled(folder):
    """Under its names; what the others lack does not matter, and variables are each artefact's own."""
    path = entries(folder)
    for key, feeds in (("total", [{"x": operators.draw(3)} for _ in range(3)]), ("scale", [{"x": operators.draw(3), "factor": np.array(2.5, np.float32)}])):
        ours = smelt.load(smelt.compile(path, folder / f"{key}.so", signature=key))
        judge = interpreter.Interpreter(model_path=str(path)).get_signature_runner(key)
        for given in feeds:
            got, want = ours.run(given), judge(**given)
            expect(set(got) == set(want) and all(np.allclose(got[name], want[name], rtol=1e-6) for name in want), f"{key}: {got} and not {want}")
        rows = compared(path, "--signature", key, "--against", "litert")["outputs"]
        expect({row["name"] for row in rows} == set(want) and all(row["holds"] for row in rows), f"{rows}")
    first = smelt.load(smelt.compile(path, folder / "first.so"))
    expect([tensor.name for tensor in first.inputs] == ["serving_default_x:0"], f"{first.inputs}")
    expect([tensor["name"] for tensor in smelt.inspect(path, signature="scale")["inputs"]] == ["factor", "x"], "inspect of a signature")


@case
def signatures_that_there_are_not(folder):
    for arguments, words in ((("compile", entries(folder), "-o", folder / "m.so", "--signature", "serve"), "there is no 'serve'; the file has 'total', 'scale', 'train'"),
                             (("inspect", entries(folder), "--signature", "serve"), "there is no 'serve'"),
                             (("compile", floats(folder), "-o", folder / "m.so", "--signature", "serve"), "there is no 'serve'; the file has none")):
        done = harness.smelt(*arguments)
        expect(done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1, f"exit code {done.returncode}: {done.stderr}")
    model = builder.Model()
    x = model.main.input(np.float32, (3,))
    model.main.output(model.main.op("NEG", [x], [np.float32]))
    for inputs, outputs, words in (({"x": 7}, {}, "signature 0 names tensor 7 of 2"), ({"x": 1}, {}, "has an input 'x', which is none of its subgraph")):
        model._model.signatureDefs = []
        model.signature("serve", 0, inputs, outputs)
        done = harness.smelt("compile", model.save(folder / "m.tflite"), "-o", folder / "m.so", "--signature", "serve")
        expect(done.returncode == 3 and words in done.stderr, f"exit code {done.returncode}: {done.stderr}")


@case
def compare_names_what_runs_a_format(folder):
    """Before anything is compiled: the model has open dims."""
    model = builder.Model()
    x = model.main.input(np.float32, (1, 4), name="x", signature=(-1, 4))
    model.main.output(model.main.op("EXP", [x], [np.float32]))
    path = model.save(folder / "m.tflite")
    for against, words in (("torch", "runs .pt2 files; this one (TensorFlow Lite model) is run by --against litert, and --against OUT.npz takes recorded outputs"),
                           ("onnxruntime", "runs .onnx files; this one (TensorFlow Lite model) is run by --against litert"), ("tensorflow", "it takes onnxruntime, litert or torch, or a .npz file of outputs")):
        done = harness.smelt("compare", path, "--against", against)
        expect(done.returncode == 2 and words in done.stderr and "open dims" not in done.stderr, f"exit code {done.returncode}: {done.stderr}")


@case
def compare_agrees_with_litert(folder):
    for path, most in ((floats(folder), 1e-4), (bytes_(folder), 1)):  # LiteRT's own kernels round integers twice
        done = harness.smelt("compare", path, "--json", "--against", "litert", "--layers")
        rows = json.loads(done.stdout)
        expect([row["name"] for row in rows["outputs"]] == ["scores"] and rows["outputs"][0]["max_abs"] <= most, f"{rows}")
        expect({"features", "means"} <= {row["name"] for row in rows["layers"]}, f"{rows['layers']}")
        expect(done.returncode == 0 and rows["outputs"][0]["limit_steps"] == (1 if most == 1 else 0), f"exit code {done.returncode}: {rows['outputs']}")


@case
def compare_tells_what_is_wrong(folder):
    """Of another model's outputs, with exit code 1."""
    path = floats(folder)
    np.savez(folder / "in.npz", image=operators.draw(1, 8, 8, 16))
    ours = smelt.load(smelt.compile(path, folder / "m.so"))
    right = ours.run(dict(np.load(folder / "in.npz")))
    for change, code in ((0, 0), (1, 1)):
        np.savez(folder / "out.npz", scores=right["scores"] + np.float32(change))
        done = harness.smelt("compare", path, "--inputs", folder / "in.npz", "--against", folder / "out.npz")
        expect(done.returncode == code, f"exit code {done.returncode}: {done.stderr}")


@case
def compare_allows_a_step_beside_litert_alone(folder):
    path = bytes_(folder)
    done = harness.smelt_ok("compare", path, "--against", "litert")
    expect("may differ by 1, a step" in done.stdout, done.stdout)
    np.savez(folder / "in.npz", image=operators.codes(1, 8, 8, 4))
    right = smelt.load(smelt.compile(path, folder / "m.so")).run(dict(np.load(folder / "in.npz")))["scores"]
    np.savez(folder / "out.npz", scores=np.where(right < 127, right + 1, right - 1).astype(np.int8))
    done = harness.smelt("compare", path, "--inputs", folder / "in.npz", "--against", folder / "out.npz")
    expect(done.returncode == 1 and "may differ" not in done.stdout and "TOO FAR" in done.stdout, f"exit code {done.returncode}: {done.stdout}")
    expect("steps add up" not in done.stdout, done.stdout)


@case
def seeded_indices_are_places(folder):
    """LiteRT refuses others."""
    model = builder.Model()
    main = model.main
    places = main.input(np.int32, (6, 2), name="places")
    rows = main.op("GATHER", [main.constant(operators.draw(1, 4)), main.op("RESHAPE", [places, main.constant(np.array([12], np.int32))], [np.int32], "ReshapeOptions", newShape=[12])],
                   [np.float32], "GatherOptions")
    main.output(rows, main.op("GATHER_ND", [main.constant(operators.draw(50, 1)), main.input(np.int32, (3, 2), name="pairs")], [np.float32]))
    main.output(main.op("GATHER", [main.constant(operators.draw(1, 4)), main.op("CAST", [main.input(np.int64, (6,), name="wide")], [np.int32], "CastOptions")], [np.float32], "GatherOptions"))
    expect(all(row["holds"] for row in compared(model.save(folder / "m.tflite"), "--against", "litert")["outputs"]), "no places")


@case
def compare_knows_variables_and_names_that_occur_twice(folder):
    """LiteRT keeps variables for itself; the outputs are told apart by their places."""
    path = sums(np.float32, [0.5, -2, 3]).save(folder / "sums.tflite")
    rows = compared(path, "--against", "litert")["outputs"]
    expect(len(rows) == 1 and rows[0]["holds"], f"{rows}")
    model = builder.Model()
    main = model.main
    x = main.input(np.float32, (3,), name="x")
    main.output(*(main.op(name, [x], [main.tensor(np.float32, (3,), name="same")]) for name in ("NEG", "ABS", "EXP")))
    rows = compared(model.save(folder / "m.tflite"), "--against", "litert")["outputs"]
    expect(len({row["name"] for row in rows}) == 3 and all(row["holds"] for row in rows), f"{rows}")


@case
def compare_takes_shapes(folder):
    model = builder.Model()
    x = model.main.input(np.float32, (1, 4), name="x", signature=(-1, 4))
    model.main.output(model.main.op("EXP", [x], [np.float32]))
    rows = compared(model.save(folder / "m.tflite"), "--against", "litert", "--shape", "x=5x4")["outputs"]
    expect(rows[0]["type"] == "f32 5x4" and rows[0]["holds"], f"{rows}")


@case
def a_python_without_litert(folder):
    """One line, and the exit code of what is missing."""
    done = subprocess.run([harness.BIN / "smelt", "compare", floats(folder), "--against", "litert"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "SMELT_PYTHON": "/usr/bin/python3", "PYTHONNOUSERSITE": "1"})
    lines = done.stderr.strip().splitlines()
    expect(done.returncode == 5 and len(lines) == 1 and "needs the packages numpy and ai-edge-litert" in lines[0], f"exit code {done.returncode}: {done.stderr}")


@case
def floats_in_lower_precisions(folder):
    path = floats(folder)
    feeds = {"image": operators.draw(1, 8, 8, 16)}
    want = litert.Interpreter(path).run(feeds)[0]
    errors = {}
    for precision, most in DIGITS.items():
        ours = smelt.load(smelt.compile(path, folder / f"{precision}.so", precision=precision))
        errors[precision] = float(np.abs(ours.run(feeds)["scores"] - want).max() / np.abs(want).max())
        expect(0 < errors[precision] < most, f"{precision}: off by {errors[precision]:.3g} of the largest value")
    return errors


@case
def weights_in_16_bits_stay_so(folder):
    """Where memory counts more, of any number of rows: half the size, and the same bits."""
    model = builder.Model()
    main = model.main
    x = main.input(np.float32, (16, 256), name="x")
    half = main.constant((operators.draw(256, 256) / 16).astype(np.float16))
    weights = main.op("DEQUANTIZE", [half], [main.tensor(np.float32, (256, 256))])
    main.output(main.op("FULLY_CONNECTED", [x, weights, -1], [main.tensor(np.float32, (16, 256), name="y")], "FullyConnectedOptions"))
    path = model.save(folder / "half.tflite")
    feeds = {"x": operators.draw(16, 256)}
    made = {goal: smelt.compile(path, folder / f"{goal}.so", optimize_for=goal) for goal in ("speed", "memory")}
    outputs = {goal: smelt.load(artefact).run(feeds)["y"] for goal, artefact in made.items()}
    expect(made["speed"].stat().st_size - made["memory"].stat().st_size >= 2 * 256 * 256 - 8192, f"{[each.stat().st_size for each in made.values()]}")
    expect(outputs["speed"].tobytes() == outputs["memory"].tobytes(), "other bits")


@case
def floats_in_bytes_by_samples(folder):
    path = floats(folder)
    (folder / "samples").mkdir()
    for number in range(6):
        np.savez(folder / "samples" / f"{number}.npz", image=operators.draw(1, 8, 8, 16))
    ours = smelt.load(smelt.compile(path, folder / "m.so", precision="int8", calibration=folder / "samples"))
    feeds = dict(np.load(folder / "samples" / "3.npz"))
    want = litert.Interpreter(path).run(feeds)[0]
    error = np.abs(ours.run(feeds)["scores"] - want).max() / np.abs(want).max()
    expect(error < 0.03, f"off by {error:.3g} of the largest value")
    layers = harness.smelt_ok("compare", path, "--precision", "int8", "--calibration", folder / "samples", "--layers").stdout
    expect("hidden" in layers and "features" in layers, layers)
    return {"error": float(error)}


@case
def bytes_stay_as_they_are(folder):
    """What is quantised already is exact in any precision."""
    path = bytes_(folder)
    feeds = {"image": operators.codes(1, 8, 8, 4)}
    want = smelt.load(smelt.compile(path, folder / "m.so")).run(feeds)["scores"]
    np.savez(folder / "in.npz", **feeds)
    for precision in (*DIGITS, "int8"):
        calibration = {"calibration": folder / "in.npz"} if precision == "int8" else {}
        got = smelt.load(smelt.compile(path, folder / f"{precision}.so", precision=precision, **calibration)).run(feeds)["scores"]
        expect((got == want).all(), f"{precision}: {got} {want}")


@case
def profile_measures_precisions(folder):
    path = floats(folder)
    (folder / "samples").mkdir()
    for number in range(2):
        np.savez(folder / "samples" / f"{number}.npz", image=operators.draw(1, 8, 8, 16))
    harness.smelt_ok("profile", path, "--data", folder / "samples", "--points", 2, "--seconds", 0.02, "-o", folder / "report.html")
    points = (folder / "report.points").iterdir()
    expect({"f32", "bf16", "int8-dynamic"} <= {point.stem for point in points}, f"{[*points]}")
    smelt.compile(path, folder / "m.so", precision=folder / "report.points" / "int8.json")


@case
def refused_by_litert(folder):
    """A model that only Smelt runs: there is nothing to compare with, and that is no fault of the environment."""
    model = builder.Model()
    x = model.main.input(np.float32, (2, 3), name="x")
    model.main.output(model.main.op("NEG", [x], [np.float32]))
    model._model.operatorCodes[0].version = 99
    path = model.save(folder / "m.tflite")
    done = subprocess.run([harness.BIN / "smelt", "compare", path, "--against", "litert"], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "SMELT_PYTHON": sys.executable})
    expect(done.returncode == 1, f"exit code {done.returncode}: {done.stderr}")
    expect("litert itself does not run it" in done.stderr and "99" in done.stderr and done.stderr.count("\n") == 1, done.stderr)


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
