#!/usr/bin/env python3
"""Ranges that are found as a model runs: each image's and row's own, and numbers that are large, infinite or none.

usage: test_ranges.py [NAME…] [--json FILE]
"""
import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in (".", "hostile")]

import harness
from harness import expect, smelt_ok

case = harness.Suite()
IMAGES, CHANNELS, SIDE, WIDTH = 3, 8, 16, 32
CONVOLUTIONS = {  # operator, shape of weights, attributes
    "padded": ("Conv", (8, 8, 3, 3), {"pads": [1] * 4}),
    "strided": ("Conv", (8, 8, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}),
    "of one tap": ("Conv", (8, 8, 1, 1), {}),
    "dilated": ("Conv", (8, 8, 3, 3), {"pads": [2] * 4, "dilations": [2, 2]}),
    "grouped": ("Conv", (8, 4, 3, 3), {"pads": [1] * 4, "group": 2}),
    "depthwise": ("Conv", (8, 1, 3, 3), {"pads": [1] * 4, "group": 8}),
    "transposed": ("ConvTranspose", (8, 8, 4, 4), {"pads": [1] * 4, "strides": [2, 2]}),
}


def written(path, nodes, weights, shape, outputs=("y",)):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
                              [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def results(folder, artefact, x):
    np.savez(folder / "x.npz", x=x)
    smelt_ok("run", artefact, "--inputs", folder / "x.npz", "--outputs", folder / "y.npz")
    return np.load(folder / "y.npz")["y"]


def apart(got, want):
    return np.linalg.norm((got - want).astype(np.float64)) / np.linalg.norm(want.astype(np.float64))


def images_do_not_meet(folder, kind, shape):
    """What one image holds changes no result of the others, and each is as near to f32 as alone."""
    operator, weights, attributes = CONVOLUTIONS[kind]
    rng = np.random.default_rng(3)
    w = rng.standard_normal(weights) / np.sqrt(np.prod(weights[1:]))
    model = written(folder / "c.onnx", [helper.make_node(operator, ["x", "w"], ["y"], name="c", **attributes)], {"w": w}, shape)
    smelt_ok("compile", model, "--precision", "int8-dynamic", "--skip-error", "-o", folder / "d.so")
    smelt_ok("compile", model, "-o", folder / "f.so")
    x = rng.standard_normal((IMAGES, CHANNELS, SIDE, SIDE)).astype(np.float32)
    want = results(folder, folder / "f.so", x)
    for factor in (1, 1e4, 1e-4, np.nan, np.inf):
        changed = x.copy()
        changed[0] *= np.float32(factor)
        got = results(folder, folder / "d.so", changed)
        for image in (1, 2):
            expect(apart(got[image], want[image]) < 0.02, f"{kind}: image 0 times {factor}: image {image} is off by {apart(got[image], want[image]):.2%}")
        if np.isfinite(factor):
            expect(apart(got[0], want[0] * factor) < 0.02, f"{kind}: image 0 times {factor} is off by {apart(got[0], want[0] * factor):.2%}")
        else:
            expect(not np.isfinite(got[0]).any(), f"{kind}: image 0 times {factor} has finite results")


@case
def each_image_has_its_range(folder):
    for kind in CONVOLUTIONS:
        images_do_not_meet(folder, kind, [IMAGES, CHANNELS, SIDE, SIDE])


@case
def each_image_of_an_open_batch_has_its_range(folder):
    for kind in CONVOLUTIONS:
        images_do_not_meet(folder, kind, ["N", CHANNELS, SIDE, SIDE])


def layers_of(folder, first):
    """y = relu(x · w₀) · w₁, and samples for it."""
    rng = np.random.default_rng(4)
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"], name="/first"), helper.make_node("Relu", ["a"], ["b"], name="/relu"),
             helper.make_node("MatMul", ["b", "w1"], ["y"], name="/second")]
    model = written(folder / "m.onnx", nodes, {"w0": first, "w1": rng.standard_normal((WIDTH, WIDTH)) / 6}, [4, WIDTH])
    (folder / "samples").mkdir(exist_ok=True)
    for i in range(8):
        np.savez(folder / "samples" / f"{i}.npz", x=rng.standard_normal((4, WIDTH)).astype(np.float32))
    return model, np.load(folder / "samples" / "0.npz")["x"]


def in_integers(folder, model):
    """Artefacts of int8 in both ways, of the second without data and from a file as well."""
    for name, *options in (("a", "int8", "--calibration", folder / "samples"), ("b", "int8-dynamic", "--calibration", folder / "samples"), ("c", "int8-dynamic"),
                           ("d", "int8", "--calibration", folder / "samples", "--calibration-method", "dynamic")):
        smelt_ok("compile", model, "--precision", *options, "-o", folder / f"{name}.so")
        yield options[0], folder / f"{name}.so"


@case
def weights_that_are_not_finite_stay(folder):
    for odd in (np.inf, -np.inf, np.nan):
        first = np.random.default_rng(5).standard_normal((WIDTH, WIDTH)) / 6
        first[3, 5] = odd
        model, x = layers_of(folder, first)
        smelt_ok("compile", model, "-o", folder / "f.so")
        want = results(folder, folder / "f.so", x)
        expect(not np.isfinite(want).all(), "the model's results are finite")
        for precision, artefact in in_integers(folder, model):
            got = results(folder, artefact, x)
            expect((np.isfinite(got) == np.isfinite(want)).all(), f"{precision}, a weight of {odd}: {np.isfinite(got).sum()} finite results, f32 has {np.isfinite(want).sum()}")


@case
def large_weights_have_finite_results(folder):
    """Sums, times the weights' step, are beyond f32; times the input's step as well they are not."""
    model, x = layers_of(folder, np.random.default_rng(6).standard_normal((WIDTH, WIDTH)) * 2e36)
    smelt_ok("compile", model, "-o", folder / "f.so")
    want = results(folder, folder / "f.so", x)
    for precision, artefact in in_integers(folder, model):
        got = results(folder, artefact, x)
        expect(np.isfinite(got).all() and apart(got, want) < 0.05, f"{precision}: off by {apart(got, want):.2%}")


@case
def huge_inputs_have_finite_results(folder):
    """The extent of their range is beyond f32; results are not."""
    rng = np.random.default_rng(8)
    model, x = layers_of(folder, rng.standard_normal((WIDTH, WIDTH)) / 1e3)
    smelt_ok("compile", model, "-o", folder / "f.so")
    smelt_ok("compile", model, "--precision", "int8", "--calibration", folder / "samples", "--calibration-method", "dynamic", "--skip-error", "-o", folder / "r.so")
    smelt_ok("compile", model, "--precision", "int8-dynamic", "--skip-error", "-o", folder / "d.so")
    huge = rng.uniform(-3e38, 3e38, x.shape).astype(np.float32)
    huge[:, :2] = [3.3e38, -3.3e38]
    want = results(folder, folder / "f.so", huge)
    expect(np.isfinite(want).all(), "the model's results are not finite")
    for name in ("r", "d"):
        got = results(folder, folder / f"{name}.so", huge)
        expect(np.isfinite(got).all() and apart(got / 1e30, want / 1e30) < 0.05, f"{name}: off by {apart(got / 1e30, want / 1e30):.2%}")


@case
def inputs_that_are_not_finite(folder):
    """A row with such a number has none that is finite where ranges are found in the run; other rows are as they were."""
    model, x = layers_of(folder, np.random.default_rng(7).standard_normal((WIDTH, WIDTH)) / 6)
    smelt_ok("compile", model, "--precision", "int8-dynamic", "--skip-error", "-o", folder / "d.so")
    plain = results(folder, folder / "d.so", x)
    for odd in (np.nan, np.inf, -np.inf):
        changed = x.copy()
        changed[1, 3] = odd
        got = results(folder, folder / "d.so", changed)
        expect(not np.isfinite(got[1]).any(), f"a row with {odd} has finite results")
        expect((np.delete(got, 1, 0) == np.delete(plain, 1, 0)).all(), f"{odd} changes other rows")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
