# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every integer that a structured operator takes, as an attribute or a constant, replaced by hostile ones in turn.

Whether a model compiles is not asked here, only that nothing crashes, hangs or fills memory.
"""
import numpy as np

from .build import LEAST, MOST, model, node, opset, tensor, value

NUMBERS = (LEAST, -1, 0, 1 << 31, 1 << 62, MOST)
SAME = ([1, 2, 4, 4],)


def f(*shape):
    return np.ones(shape, np.float32)


def i(*numbers):
    return np.array(numbers, np.int64)


# operator: opset, shapes of its inputs, constants behind them, attributes that it can have
OPERATORS = {
    "AveragePool": (22, SAME, (), {"kernel_shape": [2, 2], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "ceil_mode": 1}),
    "BlackmanWindow": (17, (), (np.int64(8),), {"output_datatype": 1, "periodic": 1}),
    "CenterCropPad": (18, SAME, (i(3, 6),), {"axes": [2, 3]}),
    "Col2Im": (18, ([1, 4, 4],), (i(4, 4), i(2, 2)), {"strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]}),
    "ConstantOfShape": (17, (), (i(2, 3),), {}),
    "Conv": (17, SAME, (f(2, 2, 3, 3),), {"strides": [1, 1], "pads": [1] * 4, "dilations": [1, 1], "group": 1, "kernel_shape": [3, 3]}),
    "ConvTranspose": (17, SAME, (f(2, 2, 3, 3),), {"strides": [2, 2], "pads": [1] * 4, "dilations": [1, 1], "group": 1, "output_padding": [0, 0],
                                                   "output_shape": [8, 8]}),
    "CumSum": (17, SAME, (np.int64(1),), {"exclusive": 1, "reverse": 1}),
    "DFT": (17, ([1, 8, 1],), (np.int64(8),), {"axis": 1, "onesided": 1}),
    "DeformConv": (19, ([1, 2, 4, 4],), (f(2, 2, 3, 3), f(1, 18, 4, 4)), {"strides": [1, 1], "pads": [1] * 4, "dilations": [1, 1], "group": 1, "offset_group": 1}),
    "DepthToSpace": (17, ([1, 4, 2, 2],), (), {"blocksize": 2}),
    "Expand": (17, ([1, 4],), (i(3, 4),), {}),
    "EyeLike": (17, ([4, 4],), (), {"k": 1, "dtype": 1}),
    "Flatten": (17, SAME, (), {"axis": 2}),
    "Gather": (17, SAME, (i(0, 1),), {"axis": 1}),
    "GatherElements": (17, ([4],), (i(0, 1),), {"axis": 0}),
    "GatherND": (17, SAME, (np.zeros((1, 2), np.int64),), {"batch_dims": 0}),
    "GridSample": (20, SAME, (f(1, 3, 3, 2),), {"align_corners": 1}),
    "GroupNormalization": (21, SAME, (f(2), f(2)), {"num_groups": 1}),
    "GRU": (17, ([3, 2, 4],), (f(1, 9, 4), f(1, 9, 3)), {"hidden_size": 3, "layout": 0, "linear_before_reset": 1}),
    "InstanceNormalization": (17, SAME, (f(2), f(2)), {"epsilon": 1}),
    "LayerNormalization": (17, SAME, (f(4),), {"axis": -1, "stash_type": 1}),
    "LRN": (17, SAME, (), {"size": 3}),
    "LSTM": (17, ([3, 2, 4],), (f(1, 12, 4), f(1, 12, 3)), {"hidden_size": 3, "layout": 0, "input_forget": 0}),
    "LpNormalization": (17, SAME, (), {"axis": 1, "p": 2}),
    "LpPool": (18, SAME, (), {"kernel_shape": [2, 2], "p": 2, "strides": [1, 1], "dilations": [1, 1], "ceil_mode": 1}),
    "MaxPool": (17, SAME, (), {"kernel_shape": [2, 2], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "ceil_mode": 1, "storage_order": 0}),
    "MaxRoiPool": (17, SAME, (f(1, 5),), {"pooled_shape": [2, 2]}),
    "MaxUnpool": (17, SAME, (np.zeros((1, 2, 4, 4), np.int64), i(1, 2, 8, 8)), {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0] * 4}),
    "MelWeightMatrix": (17, (), (np.int64(8), np.int64(16), np.int64(8192), np.float32(0), np.float32(4096)), {"output_datatype": 1}),
    "Multinomial": (17, ([1, 4],), (), {"sample_size": 2, "dtype": 6}),
    "NonMaxSuppression": (17, ([1, 4, 4], [1, 1, 4]), (np.int64(2), np.float32(0.5), np.float32(0)), {"center_point_box": 0}),
    "OneHot": (17, (), (i(0, 1), np.int64(4), f(2)), {"axis": -1}),
    "Pad": (19, SAME, (i(0, 0, 1, 1, 0, 0, 1, 1), np.float32(0), i(0, 1, 2, 3)), {}),
    "RandomNormal": (17, (), (), {"shape": [2, 3], "dtype": 1}),
    "Range": (17, (), (np.int64(0), np.int64(5), np.int64(1)), {}),
    "ReduceSum": (17, SAME, (i(1, 2),), {"keepdims": 1, "noop_with_empty_axes": 0}),
    "ReduceMean": (17, SAME, (), {"keepdims": 0, "axes": [1, 2]}),
    "Reshape": (17, SAME, (i(2, 16),), {"allowzero": 1}),
    "Resize": (19, SAME, (f(0), f(0), i(1, 2, 8, 8)), {"antialias": 1, "exclude_outside": 1, "mode": "linear", "axes": [0, 1, 2, 3]}),
    "ReverseSequence": (17, ([4, 2],), (i(1, 2),), {"batch_axis": 1, "time_axis": 0}),
    "RNN": (17, ([3, 2, 4],), (f(1, 3, 4), f(1, 3, 3)), {"hidden_size": 3, "layout": 0}),
    "RoiAlign": (17, SAME, (f(1, 4), i(0)), {"output_height": 2, "output_width": 2, "sampling_ratio": 2}),
    "ScatterElements": (17, ([4],), (i(0, 1), f(2)), {"axis": 0}),
    "ScatterND": (17, ([4],), (np.zeros((1, 1), np.int64), f(1)), {}),
    "Shape": (17, SAME, (), {"start": 0, "end": 2}),
    "Slice": (17, SAME, (i(0, 0), i(2, 2), i(2, 3), i(1, 1)), {}),
    "Softmax": (17, SAME, (), {"axis": 1}),
    "SpaceToDepth": (17, SAME, (), {"blocksize": 2}),
    "Split": (18, SAME, (), {"axis": 1, "num_outputs": 1}),
    "Squeeze": (17, SAME, (i(0),), {}),
    "STFT": (17, ([1, 32, 1],), (np.int64(8), f(16), np.int64(16)), {"onesided": 1}),
    "TensorScatter": (24, ([1, 2, 8, 4], [1, 2, 1, 4]), (i(0),), {"axis": -2}),
    "Tile": (17, ([2, 3],), (i(2, 2),), {}),
    "TopK": (17, SAME, (i(2),), {"axis": -1, "largest": 1, "sorted": 1}),
    "Transpose": (17, SAME, (), {"perm": [0, 2, 3, 1]}),
    "Trilu": (17, SAME, (np.int64(1),), {"upper": 1}),
    "Unique": (17, ([4],), (), {"axis": 0, "sorted": 1}),
    "Unsqueeze": (17, SAME, (i(0),), {}),
    "Attention": (23, ([1, 2, 4, 8],) * 3, (), {"is_causal": 1, "q_num_heads": 2, "kv_num_heads": 2, "softmax_precision": 1}),
    "RotaryEmbedding": (23, ([1, 2, 4, 8],), (f(8, 4), f(8, 4), np.zeros((1, 4), np.int64)), {"interleaved": 1, "num_heads": 2, "rotary_embedding_dim": 8}),
    "QuantizeLinear": (21, SAME, (f(2), ), {"axis": 1, "block_size": 0, "output_dtype": 2}),
    "BitCast": (26, SAME, (), {"to": 6}),
}


def build(operator, version, shapes, constants, attributes):
    inputs = [value(f"x{n}", shape) for n, shape in enumerate(shapes)]
    weights = [tensor(f"w{n}", constant) for n, constant in enumerate(constants) if np.size(constant)]
    known = {weight.name for weight in weights}
    names = [item.name for item in inputs] + [name if name in known else "-" for name in (f"w{n}" for n in range(len(constants)))]
    return model(node(operator, " ".join(names), "y", **attributes), inputs, weights=weights, imports=opset(version))


def variants(constants, attributes):
    """Constants and attributes with one number replaced, and what was."""
    for key, old in attributes.items():
        for number in NUMBERS:
            if isinstance(old, list):
                yield f"{key}_{number}", constants, {**attributes, key: [number] * len(old)}
                yield f"{key}_first_{number}", constants, {**attributes, key: [number, *old[1:]]}
            elif isinstance(old, int):
                yield f"{key}_{number}", constants, {**attributes, key: number}
    for place, old in enumerate(constants):
        if old.dtype == np.int64:
            for number in NUMBERS:
                yield f"input_{place}_{number}", (*constants[:place], np.full_like(old, number), *constants[place + 1:]), attributes
                if old.size > 1:
                    changed = old.copy()
                    changed.flat[-1] = number
                    yield f"input_{place}_last_{number}", (*constants[:place], changed, *constants[place + 1:]), attributes


def add_to(corpus):
    for operator, (version, shapes, constants, attributes) in OPERATORS.items():
        corpus.add(f"maybe_grid_{operator}", build(operator, version, shapes, constants, attributes))
        for name, changed, row in variants(constants, attributes):
            corpus.add(f"maybe_grid_{operator}_{name}", build(operator, version, shapes, changed, row))
