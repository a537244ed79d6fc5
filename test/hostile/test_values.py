#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hostile values in the inputs of valid models: a run ends, whatever they are. Results are only looked at where ONNX defines them.

usage: test_values.py [NAME…] [--json FILE]
"""
import pathlib
import sys
import tempfile

import numpy as np
from bounded import Done
from corpus.build import BOOL, I64, LEAST, MOST, model, node, opset, tensor, value
from onnx import helper

import harness
from harness import expect

WILD = [LEAST, LEAST + 1, -(1 << 33), -5, -1, 0, 1, 3, 4, 5, 1 << 31, 1 << 33, MOST - 1, MOST]
CASES = {}


def add(name, nodes, arrays, weights=(), symbolic=False, version=18):
    """The inputs are arrays by name; with `symbolic`, their first dims are symbols."""
    inputs = [value(key, [f"{key}0" if symbolic and d == 0 else extent for d, extent in enumerate(array.shape)],
                    helper.np_dtype_to_tensor_dtype(array.dtype)) for key, array in arrays.items()]
    CASES[name] = (model(nodes, inputs, weights=weights, imports=opset(version)), arrays)


def f(*shape):
    return np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)


def arithmetic():
    for bits in (8, 16, 32, 64):
        least, most = np.iinfo(f"i{bits // 8}").min, np.iinfo(f"i{bits // 8}").max
        x = np.array([least, least, least, most, 7, 0, -7, least], f"i{bits // 8}")
        z = np.array([-1, 0, least, 0, -1, 0, 0, 1], f"i{bits // 8}")
        for operator, attributes in (("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1}), ("Pow", {})):
            if operator != "Pow" or bits >= 32:
                add(f"{operator}{'_fmod' if attributes else ''}_i{bits}", node(operator, "x z", "y", **attributes), {"x": x, "z": z})
        add(f"Abs_Neg_i{bits}", [node("Abs", "x", "a"), node("Neg", "a", "y")], {"x": x})
        u = np.array([1, 255, 3, 0], f"u{bits // 8}")
        shifts = np.array([bits, 200, bits - 1, bits + 1], f"u{bits // 8}")
        for direction in ("LEFT", "RIGHT"):
            add(f"BitShift_{direction}_u{bits}", node("BitShift", "x z", "y", direction=direction), {"x": u, "z": shifts})
        add(f"Div_u{bits}", node("Div", "x z", "y"), {"x": u, "z": np.zeros(4, f"u{bits // 8}")})
    wild = np.array([1e38, -1e38, np.inf, -np.inf, np.nan, 1e-45, -0.0, 3e9], np.float32)
    for to in (2, 3, 5, 6, 7, 9, 10, 12, 13, 16, 17):
        add(f"Cast_to_{to}", node("Cast", "x", "y", to=to), {"x": wild})
    add("Functions", [node(name, "x", f"y{i}") for i, name in enumerate("Exp Log Sin Cos Tan Tanh Erf Sqrt Acosh Gelu Mish Round".split()[:9])] + [
        node("Sum", " ".join(f"y{i}" for i in range(9)), "y")], {"x": wild})


def indices():
    wild = np.array(WILD, np.int64)
    for symbolic in (False, True):
        suffix = "_symbolic" if symbolic else ""
        add("Gather" + suffix, node("Gather", "x i", "y"), {"x": f(4, 3), "i": wild}, symbolic=symbolic)
        add("GatherElements" + suffix, node("GatherElements", "x i", "y"), {"x": f(4, 3), "i": np.stack([wild] * 3, 1)}, symbolic=symbolic)
        add("GatherND" + suffix, node("GatherND", "x i", "y"), {"x": f(4, 3), "i": np.stack([wild, wild[::-1]], 1)}, symbolic=symbolic)
        add("Slice" + suffix, node("Slice", "x a b", "y"), {"x": f(4, 3)}, [tensor("a", [LEAST], "i8"), tensor("b", [MOST], "i8")], symbolic)
    for row in wild:
        add(f"Scatter_{row}", node("ScatterElements", "x i u", "y"), {"x": f(4), "i": np.array([row, 0]), "u": f(2)})
        add(f"ScatterND_{row}", node("ScatterND", "x i u", "y"), {"x": f(4, 2), "i": np.array([[row]]), "u": f(1, 2)})
        add(f"OneHot_{row}", node("OneHot", "i d v", "y"), {"i": np.array([row, 0])}, [tensor("d", 4, "i8"), tensor("v", [0, 1], "f4")])
        add(f"ReverseSequence_{row}", node("ReverseSequence", "x i", "y", time_axis=0, batch_axis=1), {"x": f(4, 2), "i": np.array([row, 1])})
        add(f"Trilu_{row}", node("Trilu", "x k", "y"), {"x": f(4, 3)}, [tensor("k", row, "i8")])
        add(f"MaxUnpool_{row}", node("MaxUnpool", "x i", "y", kernel_shape=[2, 2], strides=[2, 2]), {"x": f(1, 1, 2, 2), "i": np.full((1, 1, 2, 2), row)})
        add(f"TensorScatter_{row}", node("TensorScatter", "x u i", "y"), {"x": f(1, 2, 8, 4), "u": f(1, 2, 1, 4), "i": np.array([row])}, version=24)
        add(f"Lengths_{row}", node("GRU", "x w r - n", "y"), {"x": f(3, 1, 4), "n": np.array([max(min(row, 1 << 30), -(1 << 30))], np.int32)},
            [tensor("w", np.ones((1, 9, 4)), "f4"), tensor("r", np.ones((1, 9, 3)), "f4")])
        add(f"Loss_{row}", node("NegativeLogLikelihoodLoss", "x t", "y"), {"x": f(1, 4), "t": np.array([row])})
        add(f"RotaryEmbedding_{row}", node("RotaryEmbedding", "x c s i", "y"), {"x": f(1, 2, 1, 8), "i": np.array([[row]])},
            [tensor("c", np.ones((8, 4)), "f4"), tensor("s", np.ones((8, 4)), "f4")], version=23)


def floats_as_places():
    wild = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e10, -2.0, 0.5]
    grid = np.array([[a, b] for a in wild for b in wild], np.float32).reshape(1, 8, 8, 2)
    for mode in ("linear", "nearest", "cubic"):
        for padding in ("zeros", "border", "reflection"):
            add(f"GridSample_{mode}_{padding}", node("GridSample", "x g", "y", mode=mode, padding_mode=padding), {"x": f(1, 1, 4, 4), "g": grid}, version=20)
    rois = np.array([[a, b, c, d] for a in wild[:5] for b in wild[3:] for c, d in ((1, 2), (np.nan, np.inf))], np.float32)
    batch = np.resize(np.array(WILD, np.int64), len(rois))
    for mode in ("avg", "max"):
        add(f"RoiAlign_{mode}", node("RoiAlign", "x r b", "y", output_height=2, output_width=2, sampling_ratio=2, mode=mode), {"x": f(1, 1, 4, 4), "r": rois, "b": batch})
        add(f"RoiAlign_adaptive_{mode}", node("RoiAlign", "x r b", "y", output_height=2, output_width=2, mode=mode), {"x": f(1, 1, 4, 4), "r": rois, "b": batch})
    five = np.concatenate([np.resize(np.array(wild, np.float32), (len(rois), 1)), rois], 1)
    add("MaxRoiPool", node("MaxRoiPool", "x r", "y", pooled_shape=[2, 2]), {"x": f(1, 1, 4, 4), "r": five})
    offset = np.resize(np.array(wild, np.float32), (1, 18, 4, 4))
    add("DeformConv", node("DeformConv", "x w o", "y", pads=[1] * 4), {"x": f(1, 2, 4, 4), "o": offset}, [tensor("w", np.ones((2, 2, 3, 3)), "f4")], version=19)
    add("Resize", node("Resize", "x - s", "y"), {"x": f(1, 1, 4, 4)}, [tensor("s", [1, 1, 1.7, 0.3], "f4")])
    add("TopK", node("TopK", "x k", "z y"), {"x": np.array(wild, np.float32)}, [tensor("k", [8], "i8")])
    add("TopK_found", node("TopK", "x k", "z y"), {"x": np.array(wild, np.float32), "k": np.array([8])})
    boxes = np.array([[a, b, c, d] for a in wild[:4] for b in wild[2:6] for c, d in ((1, 2), (np.nan, np.inf))], np.float32)[None]
    scores = np.resize(np.array(wild, np.float32), (1, 2, boxes.shape[1]))
    for most in (LEAST, -1, 5, MOST):
        for threshold in (np.nan, -np.inf, 0.5):
            add(f"NonMaxSuppression_{most}_{threshold}", node("NonMaxSuppression", "b s m i t", "y"),
                {"b": boxes, "s": scores, "m": np.array([most]), "i": np.array([0.5], np.float32), "t": np.array([threshold], np.float32)})
    add("ArgMax", node("ArgMax", "x", "y", axis=0), {"x": np.array([np.nan] * 5, np.float32)})
    add("Softmax", node("Softmax", "x", "y"), {"x": np.array([wild], np.float32)})
    add("Quantise", node("QuantizeLinear", "x s z", "y"), {"x": np.array(wild, np.float32)}, [tensor("s", 1e-30, "f4"), tensor("z", 3, "u1")])


def check(case, folder):
    made, arrays = case
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    done = Done("compile", folder / "m.onnx", "-o", folder / "m.so")
    if done.code == 4:
        return {"unsupported": 1}
    expect(done.code == 0, f"compile: exit code {done.code}: {done.errors.strip()}")
    np.savez(folder / "in.npz", **arrays)
    done = Done("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz").within_bounds()
    expect(done.code == 0, f"run: exit code {done.code}: {done.errors.strip()}")
    return {}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for family in (arithmetic, indices, floats_as_places):
        family()
    for name, case in CASES.items():
        if not args.names or name in args.names:
            with tempfile.TemporaryDirectory() as folder:
                cases.run(name, lambda: check(case, pathlib.Path(folder)))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
