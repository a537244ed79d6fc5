"""Reads and writes at indices, and elements in other orders, of dims that only the run knows."""
import numpy as np
from onnx import TensorProto

from building import floats, graph, indices, integers, node, nodes

INT64 = TensorProto.INT64


def gather(operator, shape, where, limit, **attributes):
    """Runs over n in three sizes; `shape` and `where` are dims of n and numbers."""
    model = graph([node(operator, ["x", "i"], "y", **attributes)], {"x": shape, "i": where}, ["y"], types={"i": INT64})
    sized = lambda dims, n: [n if dim == "n" else n + 1 if dim == "m" else dim for dim in dims]
    return model, [{"x": floats(*sized(shape, n)), "i": indices(limit or n, *sized(where, n))} for n in (1, 5, 33)]


def scatter(operator, shape, where, updates, limit, **attributes):
    model = graph([node(operator, ["x", "i", "u"], "y", **attributes)], {"x": shape, "i": where, "u": updates}, ["y"], types={"i": INT64}, opset=18)
    sized = lambda dims, n: [n if dim == "n" else 2 if dim == "k" else dim for dim in dims]
    return model, [{"x": floats(*sized(shape, n)), "i": permuted(limit or n, sized(where, n)), "u": floats(*sized(updates, n))} for n in (2, 5, 33)]


def permuted(limit, shape):
    """Indices that do not meet, along the first dim."""
    columns = int(np.prod(shape[1:]))
    return np.stack([np.random.default_rng(limit).permutation(limit)[: shape[0]]] * columns, 1).reshape(shape).astype(np.int64)


def images(channels, sizes):
    return [{"x": floats(n, channels, h, w)} for n, h, w in sizes]


CASES = {
    "pad-edge": (graph([node("Pad", ["x", "p"], "y", mode="edge")], {"x": ["n", "m"], "p": [4]}, ["y"], types={"p": INT64}),
                 [{"x": floats(n, m), "p": integers(*pads)} for n, m, *pads in ((2, 3, 1, 0, 2, 4), (3, 2, -1, 1, 0, 0), (0, 3, 0, 1, 0, 1))]),
    "pad-constant": (graph([node("Pad", ["x", "p"], "y")], {"x": ["n", "m"], "p": [4]}, ["y"], types={"p": INT64}),
                     [{"x": floats(n, m), "p": integers(*pads)} for n, m, *pads in ((0, 3, 1, 0, 0, 0), (2, 3, -2, 0, 1, 0))]),
    "squeeze-open": (graph([node("Squeeze", ["x"], "s"), node("Exp", ["s"], "y"), node("Shape", ["s"], "z")], {"x": ["n", 1, "m"]}, ["y", "z"]),
                     [{"x": floats(n, 1, m)} for n, m in ((2, 3), (5, 2), (0, 4))]),
    "nothing-and-open": (graph([node("Concat", ["x", "p"], "y", axis=1), node("Slice", ["x", "zero", "zero"], "z")], {"x": ["n", "m"], "p": ["n", 0]}, ["y", "z"],
                               zero=integers(0)), [{"x": floats(n, m), "p": floats(n, 0)} for n, m in ((2, 3), (1, 4))]),
    "zero-weights": (graph([node("MatMul", ["x", "w"], "y"), node("MatMul", ["x", "ones"], "z")], {"x": ["n", 1]}, ["y", "z"], w=np.zeros((1, 7), np.float32),
                           ones=np.ones((1, 16), np.float32)), [{"x": floats(n, 1)} for n in (1, 9)]),
    "constant-batch": (graph([node("MatMul", ["x", "w"], "y")], {"x": ["n", "m", 8]}, ["y"], w=floats(3, 8, 5)), [{"x": floats(3, m, 8)} for m in (1, 6)]),
    "constant-state": (graph([nodes("GRU", ["x", "w", "r", "", "", "h"], ["y", "last"], hidden_size=4)], {"x": ["t", "n", 5]}, ["y", "last"],
                             w=floats(1, 12, 5), r=floats(1, 12, 4), h=floats(1, 3, 4)), [{"x": floats(t, 3, 5)} for t in (1, 4)]),
    "gather-axis": gather("Gather", ["n", 7], ["m"], None, axis=0),
    "gather-inner": gather("Gather", [3, "n"], [2, 2], None, axis=1),
    "gather-elements": gather("GatherElements", ["n", 7], ["n", 3], 7, axis=1),
    "gather-nd": gather("GatherND", ["n", 4, 5], ["m", 1], None),
    "scatter-elements": scatter("ScatterElements", ["n", 4], ["k", 4], ["k", 4], None, axis=0),
    "scatter-add": scatter("ScatterElements", ["n", 4], ["k", 4], ["k", 4], None, axis=0, reduction="add"),
    "scatter-nd": scatter("ScatterND", ["n", 4, 3], ["k", 1], ["k", 4, 3], None),
    "scatter-nd-max": scatter("ScatterND", ["n", 4, 3], ["k", 1], ["k", 4, 3], None, reduction="max"),
    "one-hot": (graph([node("OneHot", ["i", "d", "v"], "y", axis=1)], {"i": ["n", "m"]}, ["y"], types={"i": INT64}, d=integers(6), v=floats(2)),
                [{"i": indices(6, n, m)} for n, m in ((1, 1), (3, 20))]),
    "top-k": (graph([nodes("TopK", ["x", "k"], ["y", "i"], axis=1)], {"x": ["n", "m", 3]}, ["y", "i"], k=integers(4)),
              [{"x": floats(n, m, 3)} for n, m in ((1, 4), (2, 9), (3, 100))]),
    "top-k-found": (graph([nodes("TopK", ["x", "k"], ["y", "i"], axis=1)], {"x": ["n", "m"], "k": [1]}, ["y", "i"], types={"k": INT64}),
                    [{"x": floats(2, m), "k": integers(k)} for m, k in ((5, 2), (5, 5), (40, 0))]),
    "arg-max": (graph([node("ArgMax", ["x"], "y", axis=1), node("ArgMin", ["x"], "z", axis=2, select_last_index=1)], {"x": ["n", "m", "k"]},
                      ["y", "z"]), [{"x": floats(*shape)} for shape in ((1, 4, 5), (2, 9, 17), (3, 100, 5))]),
    "cumulative-sum": (graph([node("CumSum", ["x", "axis"], "y", reverse=1)], {"x": ["n", "m"]}, ["y"], axis=integers(1)),
                       [{"x": floats(n, m)} for n, m in ((1, 1), (2, 9), (3, 100))]),
    "threshold-of-open-length": (graph([node("NonMaxSuppression", ["b", "s", "most", "t"], "y")], {"b": [1, "n", 4], "s": [1, 2, "n"], "t": ["one"]}, ["y"],
                                       most=integers(5)), [{"b": floats(1, n, 4).cumsum(-1), "s": floats(1, 2, n), "t": floats(1) ** 2} for n in (1, 30)]),
    "trilu": (graph([node("Trilu", ["x"], "y", upper=0)], {"x": ["n", "m", "k"]}, ["y"]),
              [{"x": floats(*shape)} for shape in ((1, 1, 1), (2, 9, 4), (3, 5, 12))]),
    "reverse-sequence": (graph([node("ReverseSequence", ["x", "l"], "y", time_axis=0, batch_axis=1)], {"x": ["t", "n", 4], "l": ["b"]}, ["y"],
                               types={"l": INT64}), [{"x": floats(t, n, 4), "l": 1 + indices(t, n)} for t, n in ((1, 1), (7, 3))]),
    "depth-to-space": (graph([node("DepthToSpace", ["x"], "y", blocksize=2)], {"x": ["n", 8, "h", "w"]}, ["y"]),
                       images(8, [(1, 1, 1), (2, 3, 5)])),
    "space-to-depth": (graph([node("SpaceToDepth", ["x"], "y", blocksize=2)], {"x": ["n", 3, "h", "w"]}, ["y"]),
                       images(3, [(1, 2, 2), (2, 4, 6)])),
    "eye-like": (graph([node("EyeLike", ["x"], "y", k=1)], {"x": ["n", "m"]}, ["y"]), [{"x": floats(n, m)} for n, m in ((1, 2), (4, 6))]),
    "squeeze": (graph([node("Squeeze", ["x", "axis"], "y")], {"x": ["n", "one", 4]}, ["y"], axis=integers(1)),
                [{"x": floats(n, 1, 4)} for n in (1, 3)]),
    "halves": (graph([node("Reshape", ["x", "shape"], "y")], {"x": ["n", 5]}, ["y"], shape=integers(-1, 2, 5)),
               [{"x": floats(n, 5)} for n in (0, 2, 6)]),
    "join-unlike": (graph([node("Concat", ["x", "y"], "z", axis=1)], {"x": ["n", "a", 4], "y": ["m", "b", 4]}, ["z"]),
                    [{"x": floats(n, a, 4), "y": floats(n, b, 4)} for n, a, b in ((1, 1, 1), (2, 3, 5), (3, 0, 2))]),
}
REFUSED = {
    "pad-edge": {"x": floats(0, 3), "p": integers(1, 0, 0, 0)},
    "pad-constant": {"x": floats(2, 3), "p": integers(-3, 0, 4, 0)},
    "squeeze-open": {"x": floats(1, 1, 3)},
    "constant-state": {"x": floats(2, 2, 5)},
    "top-k": {"x": floats(1, 3, 3)},
    "top-k-found": {"x": floats(1, 3), "k": integers(4)},
    "squeeze": {"x": floats(2, 3, 4)},
    "halves": {"x": floats(3, 5)},
    "space-to-depth": {"x": floats(1, 3, 3, 4)},
    "join-unlike": {"x": floats(2, 3, 4), "y": floats(1, 3, 4)},
    "gather-axis": {"x": floats(0, 7), "i": indices(1, 1)},
    "scatter-elements": {"x": floats(1, 4), "i": np.zeros((2, 4), np.int64), "u": floats(1, 4)},
}
