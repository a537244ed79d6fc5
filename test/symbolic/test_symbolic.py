#!/usr/bin/env python3
"""Small models whose dims stay symbolic: one artefact, run at several sizes, against ONNX Runtime.

usage: test_symbolic.py [NAME…] [--json FILE]
"""
import pathlib
import re
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import control
import indexing
import numbers_found
import quantisation
import sequences
import spatial
from building import floats, graph, integers, node

# name: the model, then inputs of each run
CASES = {
    "elementwise": (graph([node("Add", ["x", "w"], "a"), node("Relu", ["a"], "y")], {"x": ["n", 4]}, ["y"], w=floats(4)),
                    [{"x": floats(n, 4)} for n in (0, 1, 3, 17, 5000)]),
    "softmax": (graph([node("Softmax", ["x"], "s", axis=-1), node("ReduceMean", ["s"], "y", axes=[1])], {"x": ["n", "m"]}, ["y"]),
                [{"x": floats(*shape)} for shape in ((1, 1), (3, 5), (17, 100), (2, 33))]),
    "softmax-across": (graph([node("Softmax", ["x"], "y", axis=0)], {"x": ["n", "m"]}, ["y"]),
                       [{"x": floats(*shape)} for shape in ((1, 1), (3, 5), (17, 100))]),
    "broadcast": (graph([node("Transpose", ["x"], "t", perm=[0, 2, 1]), node("Add", ["t", "z"], "y")], {"x": ["n", "m", "k"], "z": ["q", 1]}, ["y"]),
                  [{"x": floats(2, 3, 4), "z": floats(4, 1)}, {"x": floats(2, 3, 4), "z": floats(1, 1)}, {"x": floats(2, 3, 1), "z": floats(7, 1)}]),
    "reshape": (graph([node("Shape", ["x"], "s"), node("Gather", ["s", "zero"], "g"), node("Concat", ["g", "minus", "eight"], "c", axis=0),
                       node("Reshape", ["x", "c"], "r"), node("ReduceSum", ["r"], "y", keepdims=0)], {"x": ["n", "s", 16]}, ["y", "c"],
                      zero=integers(0), minus=integers(-1), eight=integers(8)),
                [{"x": floats(2, 3, 16)}, {"x": floats(1, 7, 16)}]),
    "matmul": (graph([node("MatMul", ["x", "w"], "h"), node("Transpose", ["h"], "t", perm=[0, 2, 1]), node("MatMul", ["h", "t"], "y")],
                     {"x": ["n", "s", 24]}, ["y"], w=floats(24, 40)),
               [{"x": floats(*shape, 24)} for shape in ((1, 1), (2, 3), (1, 37), (3, 64), (1, 130))]),
    "matmul-batches": (graph([node("MatMul", ["x", "z"], "y")], {"x": ["a", "b", "n", "k"], "z": ["c", "d", "l", "m"]}, ["y"]),
                       [{"x": floats(*x), "z": floats(*z)} for x, z in (((2, 3, 4, 5), (2, 3, 5, 6)), ((1, 3, 4, 5), (2, 1, 5, 6)), ((1, 1, 2, 3), (4, 5, 3, 1)))]),
    "gemm": (graph([node("Gemm", ["x", "z", "c"], "y", transB=1)], {"x": ["n", "k"], "z": ["m", "l"], "c": ["p", "q"]}, ["y"]),
             [{"x": floats(3, 4), "z": floats(5, 4), "c": floats(*c)} for c in ((3, 5), (1, 5), (3, 1), (1, 1))]),
    "layer-norm": (graph([node("LayerNormalization", ["x", "w", "b"], "y", axis=-1)], {"x": ["n", "s", 50]}, ["y"], w=floats(50), b=floats(50)),
                   [{"x": floats(*shape, 50)} for shape in ((1, 1), (2, 9))]),
    "slice": (graph([node("Shape", ["x"], "s"), node("Gather", ["s", "one"], "n"), node("Slice", ["table", "zero", "n", "zero"], "t"),
                     node("Add", ["x", "t"], "y")], {"x": ["b", "s", 8]}, ["y"], one=integers(1), zero=integers(0), table=floats(64, 8)),
              [{"x": floats(b, s, 8)} for b, s in ((1, 1), (2, 5), (1, 64))]),
    "concat": (graph([node("Concat", ["past", "x"], "y", axis=1), node("Expand", ["x", "shape"], "e")], {"past": ["b", "p", 8], "x": ["b", "s", 8]},
                     ["y", "e"], shape=integers(3, 1, 1, 1)),
               [{"past": floats(1, p, 8), "x": floats(1, s, 8)} for p, s in ((0, 5), (5, 1), (13, 2))]),
}
FAMILIES = (control, numbers_found, spatial, sequences, indexing, quantisation)
for family in FAMILIES:
    CASES |= family.CASES
# name: inputs that the artefact must refuse
REFUSED = {
    "slice": {"x": floats(1, 65, 8)},  # beyond the table
    "broadcast": {"x": floats(2, 3, 4), "z": floats(5, 1)},
    "concat": {"past": floats(2, 3, 8), "x": floats(1, 3, 8)},
}
for family in FAMILIES:
    REFUSED |= family.REFUSED


def run(folder, feeds):
    np.savez(folder / "in.npz", **feeds)
    return harness.smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")


def agrees(folder, session, feeds):
    done = run(folder, feeds)
    if done.returncode:
        raise harness.Failure(f"exit code {done.returncode}: {done.stderr.strip()}")
    want = dict(zip([output.name for output in session.get_outputs()], session.run(None, feeds)))
    with np.load(folder / "out.npz") as outputs:
        got = dict(outputs)
    empty = [name for name, value in want.items() if not value.size]
    if any(got[name].shape != want[name].shape for name in empty):
        raise harness.Failure("an empty output has another shape")
    left = [name for name in want if name not in empty]
    return harness.agreement({name: got[name] for name in left}, {name: want[name] for name in left}) if left else {}


def test(cases, folder, name, model, path, runs):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    cases.run(f"{name} compiles", lambda: harness.smelt_ok("compile", path, "-o", folder / "m.so") and None)
    for feeds in runs:
        shapes = " ".join("x".join(map(str, value.shape)) for value in feeds.values())
        cases.run(f"{name} {shapes}", lambda: agrees(folder, session, feeds))


def names_the_dim(message, feeds):
    """Whether it says of which dim two inputs have which extents, and they do."""
    found = re.search(r"dim (\d+) \('\w+'\) is (\d+) in '(\w+)' but (?:dim (\d+) is )?(\d+) in '(\w+)'", message)
    if not found:
        return False
    dim, extent, name, other_dim, other_extent, other = found.groups()
    return feeds[name].shape[int(dim)] == int(extent) and feeds[other].shape[int(other_dim or dim)] == int(other_extent)


def names_the_node(message):
    """Whether it says which node asks for what there is not: "node 'y' (TopK, opset 17): cannot find 4 of 3 elements"."""
    return re.search(r"node '\w+' \(\w+, opset \d+\): .*\d+ of \d+", message)


def refuses(folder, feeds):
    done = run(folder, feeds)
    if done.returncode != 2 or not ("shapes" in done.stderr or names_the_dim(done.stderr, feeds) or names_the_node(done.stderr)):
        raise harness.Failure(f"exit code {done.returncode}: {done.stderr.strip()}")


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name, (model, runs) in CASES.items():
        if args.names and name not in args.names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            onnx.save(model, folder / "m.onnx")
            test(cases, folder, name, model, folder / "m.onnx", runs)
            if name in REFUSED:
                cases.run(f"{name} refuses", lambda: refuses(folder, REFUSED[name]))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
