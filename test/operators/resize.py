"""Resize with antialias and with regions of interest; RoiAlign, MaxRoiPool, DeformConv, pools whose places are asked for, MelWeightMatrix."""
import itertools

import numpy as np


def cases(Case):
    random = np.random.default_rng(1)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    image = normal(1, 2, 9, 12)
    for mode, scales in itertools.product(("linear", "cubic"), ((0.4, 0.7), (1.7, 0.5), (2.0, 3.0))):
        operands = {"x": image, "roi": None, "scales": np.array([1, 1, *scales], np.float32)}
        yield Case(f"Resize antialias {mode} {scales}", "Resize", operands, weights=("scales",), mode=mode, antialias=1, tolerance=1e-5)
    yield Case("Resize antialias exclude_outside", "Resize", {"x": image, "roi": None, "scales": None, "sizes": np.array([1, 2, 4, 5], np.int64)},
               weights=("sizes",), mode="cubic", antialias=1, exclude_outside=1)
    for mode in ("linear", "cubic", "nearest"):
        operands = {"x": image, "roi": np.array([0, 0, 0.2, -0.3, 1, 1, 0.9, 1.2], np.float32), "scales": None, "sizes": np.array([1, 2, 5, 7], np.int64)}
        yield Case(f"Resize tf_crop_and_resize {mode}", "Resize", operands, weights=("roi", "sizes"), mode=mode, extrapolation_value=7.0,
                   coordinate_transformation_mode="tf_crop_and_resize")

    rois = np.array([[0, 0, 8, 6], [-3, 2, 20, 9], [5, 5, 3, 2], [1.5, 2.5, 4.25, 7.75]], np.float32)
    operands = {"x": normal(2, 3, 10, 12), "rois": rois, "batches": np.array([0, 1, 1, 0], np.int64)}
    for ratio, coordinates in itertools.product((0, 2), ("half_pixel", "output_half_pixel")):
        yield Case(f"RoiAlign {ratio} {coordinates}", "RoiAlign", operands, opset=16, sampling_ratio=ratio, output_height=3, output_width=4, spatial_scale=0.8,
                   coordinate_transformation_mode=coordinates)
    yield Case("RoiAlign 10", "RoiAlign", operands, opset=10, sampling_ratio=2, output_height=3, output_width=2)

    pooled = {"x": operands["x"], "rois": np.concatenate([np.array([[0], [1], [1], [0]], np.float32), rois], 1)}
    yield Case("MaxRoiPool", "MaxRoiPool", pooled, pooled_shape=[3, 2], spatial_scale=0.6)
    pooled["rois"] = np.array([[1, 3, 2, 11.5, 9], [0, 0, 0, 30, 30]], np.float32)
    yield Case("MaxRoiPool beyond the border", "MaxRoiPool", pooled, pooled_shape=[4, 5])
    mel = {"bins": np.array(8, np.int64), "length": np.array(64, np.int64), "rate": np.array(8192, np.int64), "low": np.array(20, np.float32),
           "high": np.array(4000, np.float32)}
    yield Case("MelWeightMatrix", "MelWeightMatrix", mel, weights=tuple(mel))

    for group, offset_group, dilation in ((1, 1, 1), (2, 1, 2), (2, 4, 1)):
        height = 7 + 2 - 2 * dilation - 1 + 1
        operands = {"x": normal(2, 4, 7, 6), "w": normal(6, 4 // group, 3, 2), "offset": normal(2, offset_group * 6 * 2, height, 6 + 2 - dilation),
                    "b": normal(6), "mask": normal(2, offset_group * 6, height, 6 + 2 - dilation)}
        yield Case(f"DeformConv {group} {offset_group} {dilation}", "DeformConv", operands, weights=("w", "b"), opset=19, kernel_shape=[3, 2], group=group,
                   offset_group=offset_group, pads=[1, 1, 1, 1], dilations=[dilation, dilation])

    for order in (0, 1):
        yield Case(f"MaxPool indices {order}", "MaxPool", {"x": normal(2, 3, 9, 8)}, 2, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], storage_order=order)
        yield Case(f"MaxPool indices 3d {order}", "MaxPool", {"x": normal(1, 2, 5, 6, 7)}, 2, kernel_shape=[2, 2, 2], storage_order=order, ceil_mode=1, strides=[2, 2, 2])
    yield Case("MaxPool indices 1d", "MaxPool", {"x": normal(1, 2, 40)}, 2, kernel_shape=[3], dilations=[2])
    yield Case("Det", "Det", {"x": normal(2, 3, 6, 6)})
