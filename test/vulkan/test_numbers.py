#!/usr/bin/env python3
"""Numbers of single operators on devices where these are easily wrong: angles and powers without an exact fma, remainders of the least integers,
indices beyond a tensor, updates that meet, results that several groups share. Integers, and what updates make, are a processor's bit by bit.

usage: test_numbers.py [OPERATOR…] [--target T]… [--json FILE]
"""
import json
import pathlib
import sys
import tempfile

import numpy as np
from onnx import helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import few_results
import harness


def values(operator, feeds, target, allows_processor=True, **attributes):
    """What one operator makes of these inputs."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in feeds.items()]
        graph = helper.make_graph([helper.make_node(operator, list(feeds), ["y"], **attributes)], "one", inputs, [helper.make_empty_tensor_value_info("y")])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "one.onnx")
        np.savez(folder / "in.npz", **feeds)
        harness.smelt_ok("compile", folder / "one.onnx", "--target", target, "-o", folder / "one.so", "--report", folder / "one.json")
        device = json.loads((folder / "one.json").read_text()).get("device", {"processor_steps": 0})
        harness.expect(allows_processor or device["processor_steps"] == 0, f"of the processor: {device.get('processor_kernels')}")
        harness.smelt_ok("run", folder / "one.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        with np.load(folder / "out.npz") as outputs:
            return outputs["y"]


def same(operator, feeds, target, allows_processor=True, **attributes):
    got, want = values(operator, feeds, target, allows_processor, **attributes), values(operator, feeds, "native", **attributes)
    harness.expect(np.array_equal(got, want), f"{got[got != want][:3]}, not {want[got != want][:3]}")


def functions(run, target):
    random = np.random.default_rng(5)
    angles = np.concatenate([sign * 10.0 ** np.linspace(-3, 12, 20000) for sign in (1, -1)]).astype(np.float32)
    powers = {"x": (10.0 ** random.uniform(-5, 5, 20000)).astype(np.float32), "e": random.uniform(-7, 7, 20000).astype(np.float32)}

    def near(operator, feeds, reference, most, relative=True):
        want = reference(*(value.astype(np.float64) for value in feeds.values()))
        error = np.abs(values(operator, feeds, target) - want) / (np.abs(want) if relative else 1)
        harness.expect(error.max() < most, f"{error.max():.2g} at {[value[error.argmax()] for value in feeds.values()]}")
        return {"error": float(error.max())}

    for operator, reference, most, relative in (("Sin", np.sin, 2e-7, False), ("Cos", np.cos, 2e-7, False), ("Tan", np.tan, 1e-6, True)):
        run(f"{operator} {target}", lambda: near(operator, {"x": angles}, reference, most, relative))
    run(f"Exp {target}", lambda: near("Exp", {"x": np.linspace(-87, 88, 40000, dtype=np.float32)}, np.exp, 3e-7))
    run(f"Pow {target}", lambda: near("Pow", powers, np.power, 3e-7))


def integers(run, target):
    for dtype in (np.int32, np.int64):
        bounds = np.iinfo(dtype)
        edges = np.array([bounds.min, bounds.min + 1, bounds.min // 2, -7, -2, -1, 1, 2, 3, 7, bounds.max // 3, bounds.max - 1, bounds.max], dtype)
        a, b = (grid.ravel() for grid in np.meshgrid(edges, edges))
        sane = (a != bounds.min) | (b != -1)
        for fmod in (0, 1):
            run(f"Mod {np.dtype(dtype)} fmod={fmod} {target}", lambda: same("Mod", {"a": a[sane], "b": b[sane]}, target, fmod=fmod))
    wide = np.random.default_rng(6).integers(-2**62, 2**62, (3, 1000))  # whose sums lie in memory that a group shares
    for operator in ("ReduceSum", "ReduceMax", "ReduceProd"):
        run(f"{operator} int64 {target}", lambda: same(operator, {"x": wide}, target, allows_processor=False, keepdims=0))
    x = np.arange(27, dtype=np.float32).reshape(9, 3)
    far = np.array([0, 99, 2**31, 2**40, 2**63 - 1, -1, -99, -(2**31) - 1, -(2**40)])
    run(f"GatherElements beyond {target}", lambda: same("GatherElements", {"x": x, "i": far[:, None]}, target))
    run(f"Gather beyond {target}", lambda: same("Gather", {"x": x, "i": far}, target))
    for index in (900000, 2**40, -(2**40)):
        run(f"ScatterND beyond {index} {target}", lambda: same("ScatterND", {"x": x, "i": np.array([[1], [index]]), "u": -np.ones((2, 3), np.float32)}, target))
        run(f"ScatterElements beyond {index} {target}", lambda: same("ScatterElements", {"x": x, "i": np.full((1, 3), index), "u": -np.ones((1, 3), np.float32)}, target))


def updates(run, target):
    """Many to the same place, of which the last one stays or all meet in their order, by invocations each of which owns some of the places."""
    random = np.random.default_rng(3)

    def draw(dtype, shape):
        return (random.standard_normal(shape) * 9).astype(dtype)

    def case(operator, data, indices, update, reduction="none", dtype=np.float32, **attributes):
        extents = data[:indices[-1]] if operator == "ScatterND" else [data[attributes["axis"]]]
        index = random.integers([-extent for extent in extents], extents, indices)
        feeds = {"x": draw(dtype, data), "i": index, "u": draw(dtype, update)}
        words = ",".join("x".join(map(str, shape)) for shape in (data, indices))
        run(f"{operator} {words} {reduction} {np.dtype(dtype)} {target}", lambda: same(operator, feeds, target, allows_processor=False, reduction=reduction, **attributes))

    for reduction in ("none", "add", "mul", "max", "min"):
        case("ScatterND", (300, 12), (90, 1), (90, 12), reduction)
        case("ScatterElements", (300, 12), (90, 7), (90, 7), reduction, axis=0)
    for reduction in ("none", "add"):
        case("ScatterND", (700,), (900, 1), (900,), reduction)
        case("ScatterND", (9, 30, 5), (7, 20, 2), (7, 20, 5), reduction)
        case("ScatterElements", (40, 1000), (33, 800), (33, 800), reduction, axis=1)
        case("ScatterElements", (3, 70, 6), (2, 90, 6), (2, 90, 6), reduction, axis=1)
        case("ScatterND", (300, 12), (90, 1), (90, 12), reduction, np.int32)
        case("ScatterND", (4000, 3), (90, 1), (90, 3), reduction, np.float16)
    case("ScatterElements", (300, 12), (90, 12), (90, 12), "none", np.int64, axis=0)
    case("ScatterND", (300, 7), (90, 1), (90, 7), "none", np.int8)


def shared(run, target):
    def alike(case):
        with tempfile.TemporaryDirectory() as folder:
            few_results.agrees(case, target, pathlib.Path(folder))

    for case in few_results.REDUCTIONS:
        run(f"{few_results.label(case)} {target}", lambda: alike(case))


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", action="append", help="only these targets")
    args = options.parse_args()
    cases = harness.Cases()

    def run(name, function):
        if not args.names or name.split()[0] in args.names:
            cases.run(name, function)

    for target in args.target or ("vulkan", "vulkan:lavapipe"):
        functions(run, target)
        integers(run, target)
        updates(run, target)
        shared(run, target)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
