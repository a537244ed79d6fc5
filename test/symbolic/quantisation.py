"""Quantised operators of dims that only the run knows."""
import numpy as np
from onnx import TensorProto

from building import floats, graph, node, nodes, quantised

UINT8 = TensorProto.UINT8
SCALE, ZERO = np.float32(0.05), np.uint8(120)
PARAMETERS = {"s": SCALE, "z": ZERO}


def bytes_of(channels, sizes=((1, 5, 5), (2, 8, 9))):
    return [{"x": quantised(n, channels, h, w)} for n, h, w in sizes]


def contrib(operator, inputs, **attributes):
    model = graph([node(operator, inputs, "y", domain="com.microsoft", **attributes)], {name: ["n", 4, "h", "w"] for name in inputs if name in ("x", "u")},
                  ["y"], contrib=True, types={"x": UINT8, "u": UINT8}, **PARAMETERS)
    return model, [{name: quantised(n, 4, h, w) for name in inputs if name in ("x", "u")} for n, h, w in ((1, 5, 5), (2, 8, 9))]


CASES = {
    "quantise": (graph([node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "y")], {"x": ["n", "m"]}, ["q", "y"],
                       **PARAMETERS), [{"x": floats(n, m)} for n, m in ((1, 1), (3, 50))]),
    "quantise-channels": (graph([node("QuantizeLinear", ["x", "s", "z"], "q", axis=1), node("DequantizeLinear", ["q", "s", "z"], "y", axis=1)],
                                {"x": ["n", 4, "m"]}, ["q", "y"], s=np.abs(floats(4)) + np.float32(0.1), z=quantised(4)),
                          [{"x": floats(n, 4, m)} for n, m in ((1, 1), (3, 50))]),
    "dynamic-quantise": (graph([nodes("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])], {"x": ["n", "m"]}, ["q", "s", "z"]),
                         [{"x": floats(n, m)} for n, m in ((1, 3), (3, 50))]),
    "matmul-integer": (graph([node("MatMulInteger", ["x", "w", "z"], "y")], {"x": ["n", "s", 16]}, ["y"], types={"x": UINT8}, w=quantised(16, 9, type=np.int8),
                             z=ZERO), [{"x": quantised(n, s, 16)} for n, s in ((1, 1), (2, 7))]),
    "qlinear-conv": (graph([node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z", "b"], "y", pads=[1, 1, 1, 1], strides=[2, 2])],
                           {"x": ["n", 3, "h", "w0"]}, ["y"], types={"x": UINT8}, w=quantised(4, 3, 3, 3, type=np.int8), ws=np.full(4, 0.01, np.float32),
                           wz=np.zeros(4, np.int8), b=np.arange(4, dtype=np.int32), **PARAMETERS), bytes_of(3)),
    "qlinear-matmul": (graph([node("QLinearMatMul", ["x", "s", "z", "w", "s", "wz", "s", "z"], "y")], {"x": ["n", "s0", 16]}, ["y"], types={"x": UINT8},
                             w=quantised(16, 9, type=np.int8), wz=np.int8(0), **PARAMETERS), [{"x": quantised(n, s, 16)} for n, s in ((1, 1), (2, 7))]),
    "qlinear-add": contrib("QLinearAdd", ["x", "s", "z", "u", "s", "z", "s", "z"]),
    "qlinear-average-pool": contrib("QLinearGlobalAveragePool", ["x", "s", "z", "s", "z"]),
    "qlinear-sigmoid": contrib("QLinearSigmoid", ["x", "s", "z", "s", "z"]),
    "qlinear-concat": contrib("QLinearConcat", ["s", "z", "x", "s", "z", "u", "s", "z"], axis=1),
    "matmul-n-bits": (graph([node("MatMulNBits", ["x", "w", "s"], "y", K=32, N=8, bits=4, block_size=16, domain="com.microsoft")], {"x": ["n", "m", 32]}, ["y"],
                            contrib=True, w=quantised(8, 2, 8), s=floats(16)), [{"x": floats(n, m, 32)} for n, m in ((1, 1), (2, 7))]),
    "dynamic-matmul": (graph([node("DynamicQuantizeMatMul", ["x", "w", "s", "z"], "y", domain="com.microsoft")], {"x": ["n", "m", 16]}, ["y"], contrib=True,
                             w=quantised(16, 9), **PARAMETERS), [{"x": floats(n, m, 16)} for n, m in ((1, 1), (2, 7))]),
}
REFUSED = {"qlinear-add": {"x": quantised(1, 4, 3, 3), "u": quantised(1, 4, 3, 4)}}
