"""Convolutions and pools of inputs whose batch, height and width only the run knows."""
from building import floats, graph, node, nodes

SIZES = [(1, 7, 9), (2, 16, 16), (3, 5, 6), (1, 33, 8), (1, 64, 67)]


def images(channels, sizes=None):
    return [{"x": floats(n, channels, h, w)} for n, h, w in sizes or SIZES]


def conv(channels, outputs, kernel, group=1, **attributes):
    weights = floats(outputs, channels // group, *kernel)
    return graph([node("Conv", ["x", "w", "b"], "y", group=group, **attributes)], {"x": ["n", channels, "h", "w"]}, ["y"],
                 w=weights, b=floats(outputs))


def pool(operator, **attributes):
    return graph([node(operator, ["x"], "y", **attributes)], {"x": ["n", 3, "h", "w"]}, ["y"])


CASES = {
    "conv": (conv(3, 8, (3, 3), pads=[1, 1, 1, 1]), images(3)),
    "conv-strided": (conv(3, 8, (3, 5), strides=[2, 3], pads=[0, 2, 1, 2]), images(3)),
    "conv-dilated": (conv(4, 6, (3, 3), group=2, dilations=[2, 1]), images(4)),
    "conv-depthwise": (conv(8, 8, (3, 3), group=8, strides=[2, 2], pads=[1, 1, 1, 1]), images(8)),
    "conv-depthwise-valid": (conv(24, 24, (3, 3), group=24), images(24)),
    # By Winograd's algorithm where the target gains: one tile of 4x4, several blocks of them, panels that end in a vector.
    "conv-winograd": (conv(64, 72, (3, 3), pads=[1, 1, 1, 1]), images(64, [(1, 2, 3), (1, 4, 4), (2, 7, 9), (1, 33, 30), (3, 40, 41)])),
    "conv-winograd-valid": (conv(32, 48, (3, 3)), images(32, [(1, 3, 3), (2, 7, 70)])),
    # Few channels: columns become channels.
    "conv-few-channels": (conv(3, 4, (5, 5), pads=[2, 2, 2, 2], strides=[1, 2]), images(3)),
    "conv-residual": (graph([node("Conv", ["x", "a"], "p", pads=[1, 1, 1, 1]), node("Relu", ["p"], "q"), node("Conv", ["q", "b"], "r"),
                             node("Add", ["r", "x"], "s"), node("Relu", ["s"], "y")], {"x": ["n", 20, "h", "w"]}, ["y"],
                            a=floats(36, 20, 3, 3), b=floats(20, 36, 1, 1)), images(20)),
    "conv-1x1": (conv(16, 24, (1, 1)), images(16, [(0, 4, 4), (1, 1, 1), (2, 7, 9)])),
    "conv-same-upper": (conv(3, 8, (3, 4), auto_pad="SAME_UPPER", strides=[2, 1]), images(3)),
    "conv-same-lower": (conv(3, 8, (2, 3), auto_pad="SAME_LOWER", strides=[3, 2]), images(3)),
    "conv-valid": (conv(3, 8, (3, 3), auto_pad="VALID"), images(3)),
    "conv-1d": (graph([node("Conv", ["x", "w"], "y", strides=[2], pads=[3, 2])], {"x": ["n", 4, "t"]}, ["y"], w=floats(6, 4, 5)),
                [{"x": floats(n, 4, t)} for n, t in ((1, 1), (2, 100), (1, 33))]),
    "conv-3d": (graph([node("Conv", ["x", "w"], "y", pads=[1, 1, 0, 1, 1, 0])], {"x": ["n", 2, "d", "h", "w"]}, ["y"], w=floats(4, 2, 3, 3, 1)),
                [{"x": floats(1, 2, *dims)} for dims in ((1, 1, 1), (4, 5, 6), (2, 9, 17))]),
    # The channels are symbolic as well, and every stride halves what is there.
    "conv-chain": (graph([node("Conv", ["x", "a"], "p", strides=[2, 2], pads=[1, 1, 1, 1]), node("Relu", ["p"], "q"),
                          node("Conv", ["q", "b"], "r", strides=[2, 2], pads=[1, 1, 1, 1]), node("GlobalAveragePool", ["r"], "y")],
                         {"x": ["n", "c", "h", "w"]}, ["y", "r"], a=floats(8, 3, 3, 3), b=floats(5, 8, 3, 3)), images(3)),
    "max-pool": (pool("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), images(3)),
    "max-pool-ceil": (pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1), images(3, [*SIZES, (1, 2, 8)])),
    "max-pool-ceil-padded": (pool("MaxPool", kernel_shape=[3, 3], strides=[3, 2], pads=[1, 1, 1, 1], ceil_mode=1), images(3)),
    "max-pool-same": (pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER"), images(3)),
    "max-pool-indices": (graph([nodes("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2], strides=[2, 2])],
                               {"x": ["n", 3, "h", "w"]}, ["y", "i"]), images(3)),
    "average-pool": (pool("AveragePool", kernel_shape=[3, 3], strides=[1, 2], pads=[1, 1, 1, 1]), images(3)),
    "average-pool-counted": (pool("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 2], count_include_pad=1), images(3)),
    "average-pool-ceil": (pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), images(3)),
    "average-pool-ceil-counted": (pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1), images(3)),
    "average-pool-same": (pool("AveragePool", kernel_shape=[2, 3], strides=[1, 2], auto_pad="SAME_LOWER"), images(3)),
    "lp-pool": (pool("LpPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], p=2), images(3)),
    "lp-pool-same": (pool("LpPool", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER", p=3), images(3)),
    "global-pools": (graph([node("GlobalMaxPool", ["x"], "y"), node("GlobalAveragePool", ["x"], "z"), node("GlobalLpPool", ["x"], "p", p=2),
                            node("GlobalLpPool", ["x"], "q", p=3)], {"x": ["n", 3, "h", "w"]}, ["y", "z", "p", "q"]), images(3)),
    "conv-transpose": (graph([node("ConvTranspose", ["x", "w", "b"], "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0])],
                             {"x": ["n", 4, "h", "w"]}, ["y"], w=floats(4, 6, 3, 4), b=floats(6)), images(4)),
    # A network that doubles what it has halved: only the run knows that the parts fit.
    "skip": (graph([node("MaxPool", ["x"], "p", kernel_shape=[2, 2], strides=[2, 2]), node("ConvTranspose", ["p", "w"], "u", strides=[2, 2]),
                    node("Concat", ["x", "u"], "y", axis=1), node("Add", ["x", "u"], "z")],
                   {"x": ["n", 3, "h", "w"]}, ["y", "z"], w=floats(3, 3, 2, 2)),
             images(3, [(1, 2, 2), (2, 8, 6), (1, 32, 34)])),
}
REFUSED = {
    "conv-valid": {"x": floats(1, 3, 2, 8)},
    "conv-chain": {"x": floats(1, 4, 8, 8)},
    "skip": {"x": floats(1, 3, 3, 4)},
}
