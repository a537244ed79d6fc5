#!/usr/bin/env python3
"""Numbers of single operators on devices where these are easily wrong: angles and powers without an exact fma, remainders of the least integers,
indices beyond a tensor. Integers are a processor's bit by bit.

usage: test_numbers.py [OPERATOR…] [--target T]… [--json FILE]
"""
import pathlib
import sys
import tempfile

import numpy as np
from onnx import helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness


def values(operator, feeds, target, **attributes):
    """What one operator makes of these inputs."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in feeds.items()]
        graph = helper.make_graph([helper.make_node(operator, list(feeds), ["y"], **attributes)], "one", inputs, [helper.make_empty_tensor_value_info("y")])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "one.onnx")
        np.savez(folder / "in.npz", **feeds)
        harness.smelt_ok("compile", folder / "one.onnx", "--target", target, "-o", folder / "one.so")
        harness.smelt_ok("run", folder / "one.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        with np.load(folder / "out.npz") as outputs:
            return outputs["y"]


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
    def same(operator, feeds, **attributes):
        got, want = values(operator, feeds, target, **attributes), values(operator, feeds, "native", **attributes)
        harness.expect(np.array_equal(got, want), f"{got[got != want][:3]}, not {want[got != want][:3]}")

    for dtype in (np.int32, np.int64):
        bounds = np.iinfo(dtype)
        edges = np.array([bounds.min, bounds.min + 1, bounds.min // 2, -7, -2, -1, 1, 2, 3, 7, bounds.max // 3, bounds.max - 1, bounds.max], dtype)
        a, b = (grid.ravel() for grid in np.meshgrid(edges, edges))
        sane = (a != bounds.min) | (b != -1)
        for fmod in (0, 1):
            run(f"Mod {np.dtype(dtype)} fmod={fmod} {target}", lambda: same("Mod", {"a": a[sane], "b": b[sane]}, fmod=fmod))
    x = np.arange(27, dtype=np.float32).reshape(9, 3)
    far = np.array([0, 99, 2**31, 2**40, 2**63 - 1, -1, -99, -(2**31) - 1, -(2**40)])
    run(f"GatherElements beyond {target}", lambda: same("GatherElements", {"x": x, "i": far[:, None]}))
    run(f"Gather beyond {target}", lambda: same("Gather", {"x": x, "i": far}))
    for index in (900000, 2**40, -(2**40)):
        run(f"ScatterND beyond {index} {target}", lambda: same("ScatterND", {"x": x, "i": np.array([[1], [index]]), "u": -np.ones((2, 3), np.float32)}))
        run(f"ScatterElements beyond {index} {target}", lambda: same("ScatterElements", {"x": x, "i": np.full((1, 3), index), "u": -np.ones((1, 3), np.float32)}))


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
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
