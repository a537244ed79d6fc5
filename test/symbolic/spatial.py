"""Convolutions and pools of inputs whose batch, height and width only the run knows."""
import numpy as np
from onnx import TensorProto

from building import floats, graph, indices, integers, node, nodes

SIZES = [(1, 7, 9), (2, 16, 16), (3, 5, 6), (1, 33, 8), (1, 64, 67)]


def images(channels, sizes=None):
    return [{"x": floats(n, channels, h, w)} for n, h, w in sizes or SIZES]


def conv(channels, outputs, kernel, group=1, **attributes):
    weights = floats(outputs, channels // group, *kernel)
    return graph([node("Conv", ["x", "w", "b"], "y", group=group, **attributes)], {"x": ["n", channels, "h", "w"]}, ["y"],
                 w=weights, b=floats(outputs))


def pool(operator, **attributes):
    return graph([node(operator, ["x"], "y", **attributes)], {"x": ["n", 3, "h", "w"]}, ["y"])


def resize(scales=None, sizes=None, dims=("n", 3, "h", "w"), **attributes):
    """By constant scales, or to the height and width of another image."""
    if scales:
        return graph([node("Resize", ["x", "", "s"], "y", **attributes)], {"x": dims}, ["y"], opset=18, s=np.array(scales, np.float32))
    steps = [node("Shape", ["x"], "a"), node("Slice", ["a", "zero", "two"], "nc"), node("Shape", ["z"], "c"), node("Slice", ["c", "two", "four"], "hw"),
             node("Concat", ["nc", "hw"], "sizes", axis=0)]
    return graph([*steps, node("Resize", ["x", "", "", "sizes"], "y", **attributes)], {"x": dims, "z": ["m", 1, "H", "W"]}, ["y"], opset=18,
                 zero=integers(0), two=integers(2), four=integers(4))


def pairs(sizes=((4, 5, 8, 10), (7, 9, 3, 20), (1, 6, 5, 1), (16, 16, 16, 16))):
    return [{"x": floats(2, 3, h, w), "z": floats(1, 1, *to)} for h, w, *to in sizes]


def rois(count):
    corners = np.sort(np.abs(floats(count, 4)) * 4, axis=1)
    return corners[:, [0, 1, 2, 3]].astype(np.float32)


CASES = {
    "resize-nearest": (resize([1, 1, 2, 2]), images(3)),
    "resize-down": (resize([1, 1, 0.5, 0.5], mode="linear"), images(3)),
    "resize-odd": (resize([1, 1, 1.5, 2.25], mode="linear", coordinate_transformation_mode="asymmetric"), images(3)),
    "resize-floor": (resize([1, 1, 2, 3], nearest_mode="floor", coordinate_transformation_mode="asymmetric"), images(3)),
    "resize-corners": (resize([1, 1, 2, 2], mode="linear", coordinate_transformation_mode="align_corners"), images(3)),
    "resize-to": (resize(mode="linear"), pairs()),
    "resize-to-nearest": (resize(mode="nearest"), pairs()),
    "resize-to-cubic": (resize(mode="cubic", exclude_outside=1), pairs()),
    "resize-to-pytorch": (resize(mode="linear", coordinate_transformation_mode="pytorch_half_pixel"), pairs()),
    "resize-to-corners": (resize(mode="linear", coordinate_transformation_mode="align_corners"), pairs()),
    "resize-antialias": (graph([node("Resize", ["x", "", "", "s"], "y", axes=[2], mode="linear", antialias=1)], {"x": ["n", 3, 8, "w"]}, ["y"], opset=18,
                               s=integers(5)), [{"x": floats(n, 3, 8, w)} for n, w in ((1, 1), (2, 9))]),
    "upsample": (graph([node("Upsample", ["x", "s"], "y", mode="nearest")], {"x": ["n", 3, "h", "w"]}, ["y"], opset=9, s=np.array([1, 1, 2, 3], np.float32)),
                 images(3)),
    "grid-sample": (graph([node("GridSample", ["x", "g"], "y")], {"x": ["n", 3, "h", "w"], "g": ["n", "p", "q", 2]}, ["y"], opset=16),
                    [{"x": floats(n, 3, h, w), "g": floats(n, p, q, 2)} for n, h, w, p, q in ((1, 2, 3, 4, 5), (2, 9, 8, 3, 1))]),
    "grid-sample-reflected": (graph([node("GridSample", ["x", "g"], "y", padding_mode="reflection", mode="bicubic", align_corners=1)],
                                    {"x": ["n", 3, "h", "w"], "g": ["n", "p", "q", 2]}, ["y"], opset=16),
                              [{"x": floats(n, 3, h, w), "g": floats(n, p, q, 2)} for n, h, w, p, q in ((1, 2, 3, 4, 5), (2, 9, 8, 3, 1))]),
    "affine-grid": (graph([node("Shape", ["x"], "s"), node("AffineGrid", ["t", "s"], "g"), node("GridSample", ["x", "g"], "y")],
                          {"x": ["n", 3, "h", "w"], "t": ["n", 2, 3]}, ["y"], opset=20),
                    [{"x": floats(n, 3, h, w), "t": floats(n, 2, 3)} for n, h, w in ((1, 3, 4), (2, 7, 5))]),
    "roi-align": (graph([node("RoiAlign", ["x", "r", "b"], "y", output_height=2, output_width=3)], {"x": ["n", 3, "h", "w"], "r": ["k", 4], "b": ["k"]},
                        ["y"], opset=16, types={"b": TensorProto.INT64}),
                  [{"x": floats(n, 3, h, w), "r": rois(k), "b": indices(n, k)} for n, h, w, k in ((1, 5, 6, 1), (2, 9, 8, 4))]),
    "max-roi-pool": (graph([node("MaxRoiPool", ["x", "r"], "y", pooled_shape=[2, 2])], {"x": [1, 3, "h", "w"], "r": ["k", 5]}, ["y"]),
                     [{"x": floats(1, 3, h, w), "r": np.concatenate([np.zeros((k, 1), np.float32), rois(k)], 1)} for h, w, k in ((5, 6, 1), (9, 8, 4))]),
    "max-unpool": (graph([nodes("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2], strides=[2, 2]),
                          node("MaxUnpool", ["p", "i"], "y", kernel_shape=[2, 2], strides=[2, 2])], {"x": ["n", 3, "h", "w"]}, ["y"]),
                   images(3, [(1, 2, 4), (2, 8, 6)])),
    "deform-conv": (graph([node("DeformConv", ["x", "w", "o"], "y", pads=[1, 1, 1, 1])], {"x": ["n", 3, "h", "w0"], "o": ["n", 18, "h", "w0"]}, ["y"], opset=19,
                          w=floats(4, 3, 3, 3)), [{"x": floats(n, 3, h, w), "o": floats(n, 18, h, w)} for n, h, w in ((1, 4, 5), (2, 7, 3))]),
    "conv": (conv(3, 8, (3, 3), pads=[1, 1, 1, 1]), images(3)),
    "conv-strided": (conv(3, 8, (3, 5), strides=[2, 3], pads=[0, 2, 1, 2]), images(3)),
    "conv-dilated": (conv(4, 6, (3, 3), group=2, dilations=[2, 1]), images(4)),
    "conv-depthwise": (conv(8, 8, (3, 3), group=8, strides=[2, 2], pads=[1, 1, 1, 1]), images(8)),
    "conv-depthwise-valid": (conv(24, 24, (3, 3), group=24), images(24)),
    # By Winograd's algorithm where the target gains: one tile of 4x4, several blocks of them, panels that end in a vector.
    "conv-winograd": (conv(64, 72, (3, 3), pads=[1, 1, 1, 1]), images(64, [(1, 2, 3), (1, 4, 4), (2, 7, 9), (1, 33, 30), (3, 40, 41)])),
    "conv-winograd-valid": (conv(32, 48, (3, 3)), images(32, [(1, 3, 3), (2, 7, 70)])),
    "conv-winograd-two-taps": (conv(64, 64, (2, 2)), images(64, [(1, 2, 3), (2, 7, 12), (1, 41, 36)])),
    "conv-winograd-1d": (graph([node("Conv", ["x", "w"], "y", dilations=[3], pads=[6, 6])], {"x": ["n", 64, "t"]}, ["y"], w=floats(72, 64, 5)),
                         [{"x": floats(n, 64, t)} for n, t in ((1, 1), (1, 12), (2, 100), (1, 1033))]),
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
    "max-pool-indices-ceil": (graph([nodes("MaxPool", ["x"], ["y", "i"], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=1)],
                                    {"x": ["n", 3, "h", "w"]}, ["y", "i"]), images(3)),
    "max-pool-indices-columns": (graph([nodes("MaxPool", ["x"], ["y", "i"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER", storage_order=1)],
                                       {"x": ["n", 3, "h", "w"]}, ["y", "i"]), images(3)),
    "max-pool-indices-bytes": (graph([nodes("MaxPool", ["x"], ["y", "i"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")],
                                     {"x": ["n", 2, "h", "w"]}, ["y", "i"], types={"x": TensorProto.UINT8}),
                               [{"x": (2 * np.abs(image["x"])).astype(np.uint8)} for image in images(2)]),
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
    # Levels of a pyramid are added to what the smaller one becomes when it is doubled.
    "conv-transpose-to": (graph([node("ConvTranspose", ["x", "w"], "y", strides=[2, 3], output_shape=[9, 10])], {"x": ["n", 4, "h", "w0"]}, ["y"],
                                w=floats(4, 5, 3, 2)), images(4, [(1, 4, 4), (2, 6, 3), (1, 5, 6)])),
    "conv-transpose-to-upper": (graph([node("ConvTranspose", ["x", "w", "b"], "y", strides=[2], output_shape=[8], auto_pad="SAME_UPPER")],
                                      {"x": ["n", 4, "t"]}, ["y"], w=floats(4, 5, 3), b=floats(5)), [{"x": floats(1, 4, t)} for t in (3, 4, 7, 10)]),
    "conv-filters": (graph([node("Conv", ["x", "w"], "y", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], dilations=[1, 2])],
                           {"x": ["n", "c", "h", "w0"], "w": ["o", "c", "p", "q"]}, ["y"]),
                     [{"x": floats(n, c, 6, 7), "w": floats(o, c, 3, 2)} for n, c, o in ((1, 1, 1), (2, 3, 5), (1, 16, 40))]),
    "conv-filters-biased": (graph([node("Conv", ["x", "w", "b"], "y", pads=[1, 1, 1, 1])], {"x": [1, 4, "h", "w0"], "w": ["o", 4, 3, 3]}, ["y"], b=floats(6)),
                            [{"x": floats(1, 4, 5, 9), "w": floats(6, 4, 3, 3)}]),
    "pool-of-none": (pool("MaxPool", kernel_shape=[3, 2], dilations=[2, 1]), images(3, [(1, 4, 9), (2, 5, 2), (2, 4, 1), (1, 7, 1)])),
    "pyramid": (graph([node("Conv", ["x", "a"], "p", strides=[2, 2], pads=[1, 1, 1, 1]), node("Conv", ["p", "b"], "q", strides=[2, 2], pads=[1, 1, 1, 1]),
                       node("Resize", ["q", "", "scales"], "r", mode="nearest"), node("Add", ["p", "r"], "s"), node("Relu", ["s"], "t"),
                       node("Resize", ["t", "", "scales"], "u", mode="nearest"), node("Add", ["u", "x"], "y")], {"x": ["n", 3, "h", "w"]}, ["y"],
                      a=floats(3, 3, 3, 3), b=floats(3, 3, 3, 3), scales=np.array([1, 1, 2, 2], np.float32)),
                images(3, [(1, 4, 8), (2, 16, 12), (1, 64, 36)])),
    "skip": (graph([node("MaxPool", ["x"], "p", kernel_shape=[2, 2], strides=[2, 2]), node("ConvTranspose", ["p", "w"], "u", strides=[2, 2]),
                    node("Concat", ["x", "u"], "y", axis=1), node("Add", ["x", "u"], "z")],
                   {"x": ["n", 3, "h", "w"]}, ["y", "z"], w=floats(3, 3, 2, 2)),
             images(3, [(1, 2, 2), (2, 8, 6), (1, 32, 34)])),
}
REFUSED = {
    "resize-to": {"x": floats(2, 3, 0, 4), "z": floats(1, 1, 2, 2)},
    "grid-sample": {"x": floats(2, 3, 0, 4), "g": floats(2, 1, 1, 2)},
    "conv-valid": {"x": floats(1, 3, 2, 8)},
    "pool-of-none": {"x": floats(1, 3, 3, 8)},
    "conv-filters": {"x": floats(1, 3, 6, 7), "w": floats(5, 2, 3, 2)},
    "conv-filters-biased": {"x": floats(1, 4, 6, 7), "w": floats(5, 4, 3, 3)},
    "conv-chain": {"x": floats(1, 4, 8, 8)},
    "skip": {"x": floats(1, 3, 3, 4)},
    "pyramid": {"x": floats(1, 3, 8, 10)},
}
