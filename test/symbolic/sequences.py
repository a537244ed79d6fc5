"""Attention, recurrent cells and normalisations of batches and lengths that only the run knows."""
import numpy as np
from onnx import TensorProto

from building import floats, graph, indices, integers, node, nodes

LENGTHS = [(1, 1), (2, 5), (3, 17), (1, 64)]


def rows(width, name="x", sizes=LENGTHS):
    return [{name: floats(n, s, width)} for n, s in sizes]


def unary(operator, width=24, opset=17, **attributes):
    return graph([node(operator, ["x"], "y", **attributes)], {"x": ["n", "s", width]}, ["y"], opset=opset), rows(width)


def recurrent(operator, gates, direction="forward", layout=0, hidden=10, **attributes):
    directions = 2 if direction == "bidirectional" else 1
    weights = {"w": floats(directions, gates * hidden, 6), "r": floats(directions, gates * hidden, hidden),
               "b": floats(directions, 2 * gates * hidden)}
    model = graph([nodes(operator, ["x", "w", "r", "b"], ["y", "h"], hidden_size=hidden, direction=direction, **attributes)],
                  {"x": ["t", "n", 6]}, ["y", "h"], **weights)
    return model, [{"x": floats(t, n, 6)} for t, n in ((1, 1), (7, 2), (20, 3))]


def lengths(t, n):
    return {"x": floats(t, n, 6), "l": (1 + indices(t, n)).astype(np.int32), "h": floats(1, n, 8), "c": floats(1, n, 8)}


def multi_head(n, s, t):
    return {"q": floats(n, s, 32), "k": floats(n, t, 32), "v": floats(n, t, 32)}


def decode(n, s, past):
    return {"q": floats(n, s, 32), "k": floats(n, s, 16), "v": floats(n, s, 16), "pk": floats(n, 2, past, 8), "pv": floats(n, 2, past, 8),
            "l": np.full(n, past + s - 1, np.int32), "t": np.array([past + s], np.int32)}


def scores(operand, weights, *nodes, **inputs):
    """x · xᵀ and something of its columns' number, or of one."""
    product = [node("Transpose", ["x"], "t", perm=[0, 2, 1]), node("MatMul", ["x", "t"], "p"), node("Shape", ["x"], "l", start=1, end=2)]
    return graph([*product, *nodes, node("Add", ["p", operand], "y")], {"x": ["n", "s", 24], **inputs}, ["y"], **weights)


CASES = {
    "causal-mask": (scores("m", {"table": 9 * floats(64, 64), "zero": integers(0), "one": integers(1)}, node("Slice", ["table", "zero", "l", "zero"], "r"),
                           node("Slice", ["r", "zero", "l", "one"], "m")), rows(24)),
    "table-window": (  # of a table, behind as much as there is before
        graph([node("Shape", ["before"], "p", start=0, end=1), node("Shape", ["x"], "s", start=0, end=1), node("Add", ["p", "s"], "e"),
               node("Slice", ["table", "p", "e"], "t"), node("Add", ["x", "t"], "y")], {"before": ["p"], "x": ["s", 8]}, ["y"], table=floats(64, 8)),
        [{"before": floats(p), "x": floats(s, 8)} for p, s in ((0, 1), (5, 3), (40, 24))]),
    "stacked-caches": (  # of two that lie behind one another, each with something behind it
        graph([*(step for k, part in enumerate(("k", "v")) for step in (
            node("Gather", ["past", f"at{k}"], f"p{part}", axis=0), node("Concat", [f"p{part}", "x"], part, axis=1),
            node("Unsqueeze", [part, "at0v"], f"u{part}"))), node("Concat", ["uk", "uv"], "y", axis=0)],
              {"past": [2, 4, "p", 8], "x": [4, "s", 8]}, ["y"], at0=np.int64(0), at1=np.int64(1), at0v=integers(0)),
        [{"past": floats(2, 4, p, 8), "x": floats(4, s, 8)} for p, s in ((0, 1), (5, 3), (200, 24))]),
    "columns-or-one": (scores("m", {"zero": integers(0)}, node("Slice", ["z", "zero", "l"], "m"), z=["m"]),
                       [{"x": floats(1, s, 24), "z": 9 * floats(m)} for s, m in ((5, 5), (33, 1), (17, 40))]),
    "layer-norm-axis": (
        graph([node("LayerNormalization", ["x", "w"], "y", axis=1)], {"x": ["n", "s", 24]}, ["y"], w=floats(24)), rows(24)),
    "rms-norm": (graph([node("SimplifiedLayerNormalization", ["x", "w"], "y", axis=-1)], {"x": ["n", "s", 24]}, ["y"], w=floats(24)), rows(24)),
    "instance-norm": (graph([node("InstanceNormalization", ["x", "w", "b"], "y")], {"x": ["n", 5, "s"]}, ["y"], w=floats(5), b=floats(5)),
                      [{"x": floats(n, 5, s)} for n, s in ((1, 3), (2, 64))]),
    "group-norm": (graph([node("GroupNormalization", ["x", "w", "b"], "y", num_groups=3)], {"x": ["n", 6, "h", "w0"]}, ["y"], opset=21,
                         w=floats(6), b=floats(6)), [{"x": floats(n, 6, h, w)} for n, h, w in ((1, 3, 4), (2, 8, 9))]),
    "batch-norm": (graph([node("BatchNormalization", ["x", "s", "b", "m", "v"], "y")], {"x": ["n", 6, "h", "w"]}, ["y"], s=floats(6), b=floats(6),
                         m=floats(6), v=np.abs(floats(6))), [{"x": floats(n, 6, h, w)} for n, h, w in ((1, 3, 4), (2, 8, 9))]),
    "lrn": (graph([node("LRN", ["x"], "y", size=3)], {"x": ["n", "c", "h", "w"]}, ["y"]),
            [{"x": floats(*shape)} for shape in ((1, 1, 4, 5), (2, 7, 8, 9))]),
    "lp-norm": unary("LpNormalization", axis=1),
    "mean-variance": (graph([node("MeanVarianceNormalization", ["x"], "y")], {"x": ["n", 3, "h", "w"]}, ["y"]),
                      [{"x": floats(*shape)} for shape in ((1, 3, 4, 5), (2, 3, 8, 9))]),
    "log-softmax": unary("LogSoftmax", axis=2),
    "hardmax": unary("Hardmax", axis=1),
    "hardmax-none": (graph([node("Hardmax", ["x"], "y")], {"x": ["n", "s"]}, ["y"]),
                     [{"x": x} for x in (floats(2, 0), floats(0, 3), floats(3, 7), np.full((2, 3), -np.inf, np.float32))]),
    "softmax-old": (graph([node("Softmax", ["x"], "y", axis=1)], {"x": ["n", "s", 24]}, ["y"], opset=11), rows(24)),
    # softmax(q · keys + mask) · values as one kernel: one row at a time where rows end, blocks of keys of which the last is shorter.
    "attention-of-products": (graph([node("MatMul", ["q", "k"], "p"), node("Mul", ["p", "half"], "s"), node("Add", ["s", "m"], "a"),
                                     node("Softmax", ["a"], "w", axis=-1), node("MatMul", ["w", "v"], "y")],
                                    {"q": ["b", 3, "n", 24], "k": ["b", 3, 24, "keys"], "m": ["b", 1, 1, "keys"], "v": ["b", 3, "keys", 40]}, ["y"],
                                    half=np.array(0.5, np.float32)),
                              [{"q": floats(b, 3, n, 24), "k": floats(b, 3, 24, keys), "m": floats(b, 1, 1, keys), "v": floats(b, 3, keys, 40)}
                               for b, n, keys in ((1, 1, 1), (1, 3, 0), (2, 5, 7), (1, 40, 129), (2, 17, 512), (1, 9, 1300))]),
    "attention": (graph([node("Attention", ["q", "k", "v"], "y", q_num_heads=4, kv_num_heads=4, is_causal=1)],
                        {"q": ["n", "s", 32], "k": ["n", "t", 32], "v": ["n", "t", 32]}, ["y"], opset=23),
                  [multi_head(*sizes) for sizes in ((1, 1, 1), (2, 5, 5), (1, 17, 17))]),
    "attention-past": (graph([nodes("Attention", ["q", "k", "v", "m", "pk", "pv"], ["y", "key", "value"])],
                             {"q": ["n", 4, "s", 8], "k": ["n", 2, "s", 8], "v": ["n", 2, "s", 8], "m": ["s", "total"], "pk": ["n", 2, "p", 8],
                              "pv": ["n", 2, "p", 8]}, ["y", "key", "value"], opset=23),
                       [{"q": floats(n, 4, s, 8), "k": floats(n, 2, s, 8), "v": floats(n, 2, s, 8), "m": floats(s, p + s),
                         "pk": floats(n, 2, p, 8), "pv": floats(n, 2, p, 8)} for n, s, p in ((1, 1, 4), (2, 3, 9))]),
    "rotary": (graph([node("RotaryEmbedding", ["x", "c", "s", "p"], "y", num_heads=2)], {"x": ["n", "l", 32], "p": ["n", "l"]}, ["y"], opset=23,
                     types={"p": TensorProto.INT64}, c=floats(64, 8), s=floats(64, 8)),
               [{"x": floats(n, l, 32), "p": indices(64, n, l)} for n, l in LENGTHS]),
    "multi-head-attention": (graph([node("MultiHeadAttention", ["q", "k", "v"], "y", num_heads=4, domain="com.microsoft")],
                                   {"q": ["n", "s", 32], "k": ["n", "t", 32], "v": ["n", "t", 32]}, ["y"], contrib=True),
                             [multi_head(*sizes) for sizes in ((1, 1, 1), (2, 5, 9), (1, 17, 3))]),
    "contrib-attention": (graph([nodes("Attention", ["x", "w", "b", "m"], ["y"], num_heads=4, domain="com.microsoft")],
                                {"x": ["n", "s", 32], "m": ["n", "s"]}, ["y"], contrib=True, types={"m": TensorProto.INT32},
                                w=floats(32, 96), b=floats(96)),
                          [{"x": floats(n, s, 32), "m": np.ones((n, s), np.int32)} for n, s in LENGTHS]),
    "group-query-attention": (graph([nodes("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "l", "t"], ["y", "key", "value"], num_heads=4,
                                           kv_num_heads=2, domain="com.microsoft")],
                                    {"q": ["n", "s", 32], "k": ["n", "s", 16], "v": ["n", "s", 16], "pk": ["n", 2, "p", 8], "pv": ["n", 2, "p", 8],
                                     "l": ["n"], "t": [1]}, ["y", "key", "value"], contrib=True,
                                    types={"l": TensorProto.INT32, "t": TensorProto.INT32}),
                              [decode(*sizes) for sizes in ((1, 1, 4), (2, 1, 9), (1, 6, 0))]),
    "skip-layer-norm": (graph([node("SkipLayerNormalization", ["x", "y", "g", "b"], "z", domain="com.microsoft")],
                              {"x": ["n", "s", 24], "y": ["n", "s", 24]}, ["z"], contrib=True, g=floats(24), b=floats(24)),
                        [{"x": floats(n, s, 24), "y": floats(n, s, 24)} for n, s in LENGTHS]),
    "embed-layer-norm": (graph([nodes("EmbedLayerNormalization", ["i", "t", "w", "p", "s", "g", "b", "m"], ["z", "c"], domain="com.microsoft")],
                               {"i": ["n", "s"], "t": ["n", "s"], "m": ["n", "s"]}, ["z", "c"], contrib=True,
                               types={name: TensorProto.INT32 for name in "itm"}, w=floats(50, 24), p=floats(70, 24), s=floats(2, 24), g=floats(24),
                               b=floats(24)),
                         [{"i": indices(50, n, s).astype(np.int32), "t": indices(2, n, s).astype(np.int32), "m": np.ones((n, s), np.int32)}
                          for n, s in LENGTHS]),
    "stft": (graph([node("STFT", ["x", "step", "", "length"], "y")], {"x": ["n", "t", 1]}, ["y"], step=integers(4), length=integers(16)),
             [{"x": floats(n, t, 1)} for n, t in ((1, 16), (2, 100))]),
    "dft": (graph([node("DFT", ["x"], "y", axis=1, onesided=1)], {"x": ["n", 12, 1]}, ["y"]), [{"x": floats(n, 12, 1)} for n in (1, 5)]),
    "lstm": recurrent("LSTM", 4),
    "lstm-bidirectional": recurrent("LSTM", 4, "bidirectional"),
    "gru": recurrent("GRU", 3, "reverse", linear_before_reset=1),
    "rnn": recurrent("RNN", 1, "bidirectional"),
    "lstm-lengths": (graph([nodes("LSTM", ["x", "w", "r", "", "l", "h", "c"], ["y", "", "s"], hidden_size=8)],
                           {"x": ["t", "n", 6], "l": ["n"], "h": [1, "n", 8], "c": [1, "n", 8]}, ["y", "s"], types={"l": TensorProto.INT32},
                           w=floats(1, 32, 6), r=floats(1, 32, 8)), [lengths(*sizes) for sizes in ((1, 1), (9, 3))]),
    "einsum": (graph([node("Einsum", ["x", "y"], "z", equation="bhid,bhjd->bhij")], {"x": ["b", 4, "i", 8], "y": ["b", 4, "j", 8]}, ["z"]),
               [{"x": floats(b, 4, i, 8), "y": floats(b, 4, j, 8)} for b, i, j in ((1, 1, 1), (2, 5, 9))]),
    "einsum-diagonal": (graph([node("Einsum", ["x"], "z", equation="bii->bi")], {"x": ["b", "i", "i"]}, ["z"]),
                        [{"x": floats(b, i, i)} for b, i in ((1, 1), (2, 5))]),
    "einsum-unlike": (graph([node("Einsum", ["x", "y"], "z", equation="bi,ij->bj")], {"x": ["b", "i"], "y": ["k", "j"]}, ["z"]),
                      [{"x": floats(b, i), "y": floats(i, j)} for b, i, j in ((1, 1, 1), (2, 5, 9))]),
    "matmul-unlike": (graph([node("MatMul", ["x", "y"], "z")], {"x": ["b", "i", "k"], "y": ["l", "j"]}, ["z"]),
                      [{"x": floats(b, i, k), "y": floats(k, j)} for b, i, k, j in ((1, 1, 1, 1), (2, 5, 9, 20), (0, 3, 4, 5))]),
}
REFUSED = {
    "table-window": {"before": floats(60), "x": floats(9, 8)},
    "stft": {"x": floats(1, 10, 1)},
    "matmul-unlike": {"x": floats(1, 2, 3), "y": floats(4, 2)},
    "einsum-unlike": {"x": floats(2, 3), "y": floats(4, 2)},
    "lstm-lengths": {**lengths(3, 2), "h": floats(1, 3, 8)},
    "multi-head-attention": {"q": floats(2, 3, 32), "k": floats(2, 4, 32), "v": floats(2, 5, 32)},
}
