# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators with attributes, shapes and constants that they cannot have, and constants that fold to gigabytes."""
import numpy as np
from onnx import AttributeProto, TensorProto, helper

from .build import BOOL, F32, FILTER, I32, I64, LEAST, MOST, U64, integers, model, node, opset, tensor, value

HUGE = 1 << 40


def add_to(corpus):
    convolutions(corpus)
    attributes(corpus)
    shapes(corpus)
    bombs(corpus)
    arithmetic(corpus)
    indices(corpus)
    trees(corpus)


def convolutions(corpus):
    def conv(name, w=FILTER, x=(1, 4, 8, 8), **attributes_):
        corpus.add(f"conv_{name}", model(node("Conv", "x w", "y", "conv1", **attributes_), {"x": list(x)}, weights=[w]))

    for key, count in (("strides", 2), ("dilations", 2), ("pads", 4)):
        for number in (-1, LEAST, MOST, 1 << 62, *(() if key == "pads" else (0,))):
            conv(f"{key}_{number}", **{key: [number] * count})
        conv(f"{key}_too_few", **{key: [1]})
        conv(f"{key}_too_many", **{key: [1] * 1000})
        conv(f"{key}_one_too_many", **{key: [1] * (count + 1)})
    for number in (-1, 0, 3, MOST, LEAST):
        conv(f"group_{number}", group=number)
    conv("kernel_shape_lies", kernel_shape=[5, 5])
    conv("kernel_shape_negative", kernel_shape=[-3, -3])
    conv("auto_pad_unknown", auto_pad="SOMETIMES")
    conv("auto_pad_empty", auto_pad="")
    conv("filter_rank_2", w=tensor("w", np.zeros((4, 4)), np.float32))
    conv("filter_rank_9", w=tensor("w", np.zeros([1] * 9), np.float32))
    conv("filter_larger_than_input", w=tensor("w", np.zeros((4, 4, 99, 99)), np.float32))
    conv("filter_of_integers", w=tensor("w", np.zeros((4, 4, 3, 3)), np.int32))
    conv("filter_of_other_channels", w=tensor("w", np.zeros((4, 5, 3, 3)), np.float32))
    conv("filter_of_nothing", w=tensor("w", np.zeros((4, 4, 0, 0)), np.float32))
    conv("input_rank_1", x=[4])
    conv("input_of_huge_dims", x=[1, 4, 1 << 30, 1 << 30])
    corpus.add("conv_bias_too_long", model(node("Conv", "x w b", "y", "conv1"), weights=[FILTER, tensor("b", np.zeros(5), np.float32)]))


# operator: attributes that it cannot have, one by one; the inputs are floats of [1, 4, 8, 8]
BAD_ATTRIBUTES = {
    "Softmax": [{"axis": 99}, {"axis": LEAST}, {"axis": MOST}, {"axis": [1]}, {"axis": 1.0}],
    "Transpose": [{"perm": [0, 0, 1, 2]}, {"perm": [0, 1, 2, 7]}, {"perm": [0, 1]}, {"perm": [0, 1, 2, -1]}, {"perm": [LEAST] * 4}],
    "Concat": [{}, {"axis": 4}, {"axis": LEAST}],
    "Flatten": [{"axis": 5}, {"axis": LEAST}],
    "Cast": [{}, {"to": 12345}, {"to": -1}, {"to": MOST}, {"to": 0}, {"to": TensorProto.COMPLEX64}],
    "LayerNormalization": [{"axis": 1}],  # and lacks its scale
    "MaxPool": [{}, {"kernel_shape": [3]}, {"kernel_shape": [0, 0]}, {"kernel_shape": [MOST, MOST]}, {"kernel_shape": [2, 2], "pads": [MOST] * 4},
                {"kernel_shape": [2, 2], "strides": [0, 1]}, {"kernel_shape": [2, 2], "dilations": [0, 0]}, {"kernel_shape": [LEAST, 1]},
                {"kernel_shape": [2, 2], "strides": [LEAST, LEAST]}],
    "AveragePool": [{"kernel_shape": [-1, -1]}, {"kernel_shape": [2, 2], "ceil_mode": "yes"}],
    "LpPool": [{"kernel_shape": [2, 2], "p": 0}, {"kernel_shape": [1 << 62, 1 << 62]}],
    "DepthToSpace": [{}, {"blocksize": 0}, {"blocksize": -2}, {"blocksize": 3}, {"blocksize": LEAST}, {"blocksize": 1 << 32}],
    "SpaceToDepth": [{"blocksize": 0}, {"blocksize": LEAST}, {"blocksize": 3}, {"blocksize": 1 << 33}],
    "LRN": [{"size": 0}, {"size": -1}, {}],
    "Hardmax": [{"axis": LEAST}], "LogSoftmax": [{"axis": 4}],
    "ArgMax": [{"axis": 9}, {"axis": LEAST}], "ReduceL2": [{"axes": [0, 0]}, {"axes": [9]}, {"axes": [LEAST]}],
    "EyeLike": [{"dtype": 99}], "Einsum": [{"equation": "a->,,->z..("}, {"equation": ""}, {"equation": "abcd->" + "a" * 70}, {"equation": "abcd->e"},
                                           {"equation": "ab...cd...->"}, {"equation": "->" * 1000}, {}],
    "Split": [{"axis": 7}], "GlobalLpPool": [{"p": 0}],
    "MeanVarianceNormalization": [{"axes": [99]}], "Shape": [{"start": LEAST, "end": MOST, "nothing": 1}],
    "BitShift": [{"direction": "SIDEWAYS"}], "RandomNormalLike": [{"dtype": 99}], "Bernoulli": [{"dtype": 99}],
}


def attributes(corpus):
    for operator, rows in BAD_ATTRIBUTES.items():
        for position, row in enumerate(rows):
            corpus.add(f"attribute_{operator}_{position}", model(node(operator, "x", "y", **row)))
    bad = node("Relu", "x", "y")
    bad.attribute.append(AttributeProto(name="alpha", type=AttributeProto.FLOATS))
    corpus.add("attribute_unknown", model(bad))
    bad = node("LeakyRelu", "x", "y")
    bad.attribute.append(AttributeProto(name="alpha", f=1.0))
    corpus.add("attribute_without_type", model(bad))
    bad.attribute[0].MergeFromString(b"\xa0\x01\x4d")
    corpus.add("attribute_of_type_77", model(bad))
    bad = node("LeakyRelu", "x", "y")
    bad.attribute.append(AttributeProto(name="alpha", f=1.0, i=3, type=AttributeProto.FLOAT))
    corpus.add("attribute_of_two_values", model(bad))
    bad = node("LeakyRelu", "x", "y")
    bad.attribute.append(AttributeProto(f=1.0, type=AttributeProto.FLOAT))
    corpus.add("attribute_without_name", model(bad))
    corpus.add("attribute_tensor_missing", model(helper.make_node("ConstantOfShape", ["x"], ["y"], value=tensor("v", [1, 2, 3]))))
    for axis in (LEAST, MOST, -5, 4):
        corpus.add(f"gather_axis_{axis}", model(node("Gather", "x i", "y", axis=axis), weights=[integers("i", 0)]))
    for to in (TensorProto.STRING, 99):
        corpus.add(f"castlike_{to}", model([node("Cast", "x", "c", to=to), node("CastLike", "x c", "y")]))


RESHAPES = {"product": [3, 3], "two_minus_one": [-1, -1], "minus_5": [-5, 4], "overflow": [1 << 62, 1 << 62], "zero_and_minus_one": [0, -1, 7],
            "overflow_to_16": [(1 << 60) + 1, 16], "least": [LEAST, 1], "minus_one_of_nothing": [-1, 0, 3], "zeros_beyond_rank": [0, 0, 0], "rank_100": [1] * 99 + [16]}


def shapes(corpus):
    for name, target in RESHAPES.items():
        corpus.add(f"reshape_{name}", model(node("Reshape", "x s", "y"), {"x": [4, 4]}, weights=[integers("s", *target)]))
    corpus.add("reshape_to_floats", model(node("Reshape", "x s", "y"), {"x": [4, 4]}, weights=[tensor("s", [16.0], "f4")]))
    corpus.add("reshape_to_a_matrix", model(node("Reshape", "x s", "y"), {"x": [4, 4]}, weights=[tensor("s", [[16]], "i8")]))
    corpus.add("concat_mismatch", model(node("Concat", "x z", "y", axis=1), {"x": [1, 2, 3], "z": [1, 2, 4]}))
    corpus.add("concat_overflow", model(node("Concat", "x " * 9, "y", axis=0), {"x": [1 << 61]}))
    corpus.add("add_not_broadcastable", model(node("Add", "x z", "y"), {"x": [3], "z": [4]}))
    corpus.add("add_mixed_types", model(node("Add", "x z", "y"), [value("x", [3]), value("z", [3], I64)]))
    corpus.add("matmul_mismatch", model(node("MatMul", "x z", "y"), {"x": [3, 4], "z": [5, 6]}))
    corpus.add("matmul_scalar", model(node("MatMul", "x z", "y"), {"x": [], "z": [5, 6]}))
    corpus.add("matmul_bytes_overflow", model(node("MatMul", "x z", "y"), {"x": [1 << 31, 1], "z": [1, 1 << 31]}))
    corpus.add("gemm_rank_3", model(node("Gemm", "x z", "y"), {"x": [3, 4, 5], "z": [5, 6]}))
    corpus.add("slice_step_0", slicing(0, 4, 0, 0))
    corpus.add("slice_axis_9", slicing(0, 4, 9, 1))
    corpus.add("slice_axis_least", slicing(0, 4, LEAST, 1))
    for start, end, step in ((LEAST, MOST, 1), (MOST, LEAST, -1), (MOST, LEAST, LEAST), (LEAST, MOST, MOST), (0, MOST, LEAST), (-1, LEAST, -1)):
        corpus.add(f"ok_slice_{start}_{end}_{step}", slicing(start, end, 0, step))
    corpus.add("slice_too_few_ends", model(node("Slice", "x a b", "y"), {"x": [4, 4]}, weights=[integers("a", 0, 0), integers("b", 2)]))
    corpus.add("slice_axes_twice", model(node("Slice", "x a b c", "y"), {"x": [4, 4]}, weights=[integers("a", 0, 0), integers("b", 2, 2), integers("c", 0, 0)]))
    for name, sizes in (("sum", [3, 3]), ("negative", [-1, 5]), ("overflow", [MOST, MOST]), ("least", [LEAST, LEAST]), ("count", [4])):
        made = model(node("Split", "x s", "y z"), {"x": [4]}, [value("y", None), value("z", None)], [integers("s", *sizes)])
        corpus.add(f"split_{name}", made)
    corpus.add("split_into_nothing", model(node("Split", "x", "y z", num_outputs=0), {"x": [4]}, [value("y", None), value("z", None)], imports=opset(18)))
    for name, axes in (("twice", [0, 0]), ("range", [9]), ("least", [LEAST]), ("most", [MOST])):
        corpus.add(f"unsqueeze_{name}", model(node("Unsqueeze", "x a", "y"), {"x": [4]}, weights=[integers("a", *axes)]))
        corpus.add(f"squeeze_{name}", model(node("Squeeze", "x a", "y"), {"x": [1, 4]}, weights=[integers("a", *axes)]))
    corpus.add("squeeze_of_a_dim_of_4", model(node("Squeeze", "x a", "y"), {"x": [1, 4]}, weights=[integers("a", 1)]))
    corpus.add("unsqueeze_to_rank_200", model(node("Unsqueeze", "x a", "y"), {"x": [4]}, weights=[integers("a", *range(199))]))
    for name, target in (("mismatch", [3]), ("negative", [-4]), ("least", [LEAST])):
        corpus.add(f"expand_{name}", model(node("Expand", "x s", "y"), {"x": [4]}, weights=[integers("s", *target)]))
    for name, pads in (("huge", [1 << 62] * 2), ("overflow", [MOST, MOST]), ("least", [LEAST, 0]), ("count", [1]), ("below_nothing", [-3, -3])):
        corpus.add(f"pad_{name}", model(node("Pad", "x p", "y"), {"x": [4]}, weights=[integers("p", *pads)]))
    corpus.add("pad_mode_unknown", model(node("Pad", "x p", "y", mode="shiny"), {"x": [4]}, weights=[integers("p", 1, 1)]))
    corpus.add("pad_reflect_too_far", model(node("Pad", "x p", "y", mode="reflect"), {"x": [0]}, weights=[integers("p", 1, 1)]))
    for name, repeats in (("negative", [-1]), ("count", [1, 1]), ("huge", [1 << 62]), ("least", [LEAST])):
        corpus.add(f"tile_{name}", model(node("Tile", "x r", "y"), {"x": [4]}, weights=[integers("r", *repeats)]))
    resizes(corpus)


def slicing(start, end, axis, step):
    weights = [integers(name, number) for name, number in zip("abcd", (start, end, axis, step))]
    return model(node("Slice", "x a b c d", "y"), {"x": [4]}, weights=weights)


def resizes(corpus):
    inf, nan = float("inf"), float("nan")
    for name, scales in (("inf", [1, 1, inf, 1]), ("nan", [1, 1, nan, 1]), ("zero", [1, 1, 0, 0]), ("negative", [1, 1, -2, 2]), ("huge", [1, 1, 1e30, 1e30]),
                         ("count", [1, 2]), ("large", [1, 1, 1e5, 1e5])):
        corpus.add(f"resize_scales_{name}", model(node("Resize", "x - s", "y"), weights=[tensor("s", scales, "f4")]))
    for name, sizes in (("negative", [1, 4, -1, 8]), ("huge", [1, 4, 1 << 40, 1 << 40]), ("overflow", [MOST] * 4), ("count", [8, 8, 8]), ("large", [1, 4, 1 << 17, 1 << 17])):
        corpus.add(f"resize_sizes_{name}", model(node("Resize", "x - - s", "y"), weights=[integers("s", *sizes)]))
    for policy in ("not_smaller", "not_larger"):
        resized = node("Resize", "x - - s", "y", keep_aspect_ratio_policy=policy)
        corpus.add(f"resize_{policy}", model(resized, {"x": [1, 1, 1 << 20, 1]}, weights=[integers("s", MOST, MOST, MOST, MOST)], imports=opset(18)))
    for key, text in (("mode", "cubist"), ("coordinate_transformation_mode", "x"), ("nearest_mode", "x")):
        corpus.add(f"resize_{key}", model(node("Resize", "x - s", "y", **{key: text}), weights=[tensor("s", [1, 1, 2, 2], "f4")]))
    corpus.add("resize_scales_and_sizes", model(node("Resize", "x - s t", "y"), weights=[tensor("s", [1, 1, 2, 2], "f4"), integers("t", 1, 4, 16, 16)]))


def bombs(corpus):
    """A few bytes that stand for more memory than there is."""
    def bomb(name, nodes, inputs=None, weights=(), **options):
        corpus.add(f"bomb_{name}", model(nodes, {} if inputs is None else inputs, weights=weights, **options))

    bomb("expand", node("Expand", "x s", "y"), {"x": [1]}, [integers("s", HUGE)])
    bomb("tile", [node("Tile", "w r", "t"), node("Add", "x t", "y")], {"x": [1]}, [tensor("w", np.zeros(1024), "f4"), integers("r", 1 << 30)])
    for name, sizes in (("2_35", [1 << 35]), ("overflow", [1 << 40, 1 << 40]), ("negative", [-1]), ("least", [LEAST]), ("zero_and_most", [0, MOST, MOST])):
        bomb(f"constant_of_shape_{name}", [node("ConstantOfShape", "s", "c", "c"), node("ReduceSum", "c", "y")], weights=[integers("s", *sizes)])
    for name, (start, limit, delta) in {"2_60": (0, 1 << 60, 1), "everything": (LEAST, MOST, 1), "down": (MOST, LEAST, -1), "step_0": (0, 5, 0)}.items():
        bomb(f"range_{name}", node("Range", "a b c", "y"), weights=[tensor("a", start, "i8"), tensor("b", limit, "i8"), tensor("c", delta, "i8")])
    for name, (start, limit, delta) in {"nan": (0, float("nan"), 1), "inf": (0, float("inf"), 1), "tiny_step": (0, 1, 1e-45), "largest": (-3e38, 3e38, 1)}.items():
        bomb(f"range_{name}", node("Range", "a b c", "y"), weights=[tensor("a", start, "f4"), tensor("b", limit, "f4"), tensor("c", delta, "f4")])
    far = [tensor("a", 3e38, "f4"), tensor("b", -3e38, "f4"), tensor("c", 1, "f4")]
    corpus.add("ok_range_that_is_far_from_its_end", model(node("Range", "a b c", "y"), {}, weights=far))
    for depth in (HUGE, -1, LEAST):
        bomb(f"one_hot_{depth}", node("OneHot", "i d v", "y"), [value("i", [4], I64)], [tensor("d", depth, "i8"), tensor("v", [0, 1], "f4")])
    bomb("eye_like", [node("ConstantOfShape", "s", "c"), node("EyeLike", "c", "y")], weights=[integers("s", 1 << 20, 1 << 20)])
    bomb("pad", node("Pad", "x p", "y"), {"x": [4]}, [integers("p", 0, HUGE)])
    bomb("window", node("HannWindow", "n", "y"), weights=[tensor("n", HUGE, "i8")])
    bomb("window_negative", node("HannWindow", "n", "y"), weights=[tensor("n", -5, "i8")])
    bomb("mel", node("MelWeightMatrix", "a b c d e", "y"), weights=[tensor(name, number, "i8") for name, number in zip("abc", (1 << 30, 1 << 30, 16000))] + [
        tensor("d", 0.0, "f4"), tensor("e", 8000.0, "f4")])
    bomb("random", node("RandomNormal", "", "y", shape=[HUGE, HUGE]))
    bomb("random_negative", node("RandomUniform", "", "y", shape=[-1]))
    bomb("dft", node("DFT", "x n", "y"), {"x": [1, 8, 1]}, [tensor("n", HUGE, "i8")])
    bomb("col2im", node("Col2Im", "x a b", "y"), {"x": [1, 4, 4]}, [integers("a", MOST, MOST), integers("b", 2, 2)], imports=opset(18))
    bomb("grid", node("AffineGrid", "x s", "y"), {"x": [1, 2, 3]}, [integers("s", 1, 1, 1 << 40, 1 << 40)], imports=opset(20))
    bomb("max_unpool", node("MaxUnpool", "x i", "y", kernel_shape=[1 << 40, 1 << 40]), [value("x", [1, 1, 2, 2]), value("i", [1, 1, 2, 2], I64)])
    bomb("top_k", node("TopK", "x k", "y z"), {"x": [4]}, [integers("k", HUGE)], outputs=[value("y", None)])
    bomb("top_k_negative", node("TopK", "x k", "y z"), {"x": [4]}, [integers("k", -1)], outputs=[value("y", None)])
    doubling = [node("Concat", f"t{i} t{i}" if i else "x x", f"t{i + 1}", f"c{i}", axis=0) for i in range(62)]
    bomb("doublings", [*doubling, node("Relu", "t62", "y")], {"x": [1]})
    folded = [node("Concat", f"t{i} t{i}" if i else "w w", f"t{i + 1}", f"c{i}", axis=0) for i in range(40)]
    bomb("folded_doublings", [*folded, node("ReduceSum", "t40", "y")], weights=[tensor("w", np.ones(1024), "f4")])
    outer = [node("Reshape", "w s", "c"), node("Mul", "w c", "p"), node("Mul", "p x", "y")]
    bomb("outer_product", outer, {"x": [1]}, [tensor("w", np.ones(1 << 17), "f4"), integers("s", -1, 1)])
    many = [node("ConstantOfShape", "s", f"c{i}", f"c{i}", value=tensor("v", [i], "f4")) for i in range(2000)]
    corpus.add("maybe_bomb_of_many_constants", model([*many, node("Sum", " ".join(f"c{i}" for i in range(2000)), "y")], {}, weights=[integers("s", 1 << 16)]))


def arithmetic(corpus):
    """Numbers that machines trap on, where all is constant: they have a value, or none."""
    def fold(name, operator, dtype, *operands, **attributes_):
        weights = [tensor(letter, [number], dtype) for letter, number in zip("ab", operands)]
        onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        nodes = [node(operator, " ".join("ab"[: len(operands)]), "q", "q", **attributes_), node("Add", "x q", "y")]
        corpus.add(name, model(nodes, [value("x", [1], onnx_type)], weights=weights))

    for bits in (8, 16, 32, 64):
        least = -(1 << (bits - 1))
        fold(f"ok_fold_least_over_minus_one_i{bits}", "Div", f"i{bits // 8}", least, -1)
        fold(f"ok_fold_least_mod_minus_one_i{bits}", "Mod", f"i{bits // 8}", least, -1)
        fold(f"ok_fold_least_fmod_minus_one_i{bits}", "Mod", f"i{bits // 8}", least, -1, fmod=1)
        fold(f"maybe_fold_over_zero_i{bits}", "Div", f"i{bits // 8}", least, 0)
        fold(f"maybe_fold_mod_zero_i{bits}", "Mod", f"i{bits // 8}", least, 0)
        fold(f"ok_fold_shift_by_width_u{bits}", "BitShift", f"u{bits // 8}", 1, bits, direction="LEFT")
        fold(f"ok_fold_shift_by_200_u{bits}", "BitShift", f"u{bits // 8}", 1, 200, direction="RIGHT")
        fold(f"ok_fold_abs_of_least_i{bits}", "Abs", f"i{bits // 8}", least)
        fold(f"ok_fold_neg_of_least_i{bits}", "Neg", f"i{bits // 8}", least)
        fold(f"ok_fold_product_i{bits}", "Mul", f"i{bits // 8}", least, least)
        fold(f"maybe_fold_power_i{bits}", "Pow", f"i{bits // 8}", 3, (1 << (bits - 1)) - 1)
        fold(f"maybe_fold_power_negative_i{bits}", "Pow", f"i{bits // 8}", 0, least)
    for number in (1e30, -1e30, float("nan"), float("inf")):
        weights = [tensor("a", [number], "f4")]
        for to in (TensorProto.INT8, I32, I64, U64, BOOL):
            onnx_type = to
            nodes = [node("Cast", "a", "q", "q", to=to), node("Identity", "q", "y")]
            corpus.add(f"ok_fold_cast_{number}_to_{to}", model(nodes, [], [value("y", [1], onnx_type)], weights))
    div = [node("Div", "x z", "y")]
    corpus.add("maybe_division_by_constant_zero", model(div, [value("x", [2], I64)], weights=[integers("z", 0, 0)]))
    corpus.add("maybe_division_by_minus_one", model(div, [value("x", [2], I64)], weights=[integers("z", -1, -1)]))
    for name, scale in (("zero", 0.0), ("nan", float("nan")), ("inf", float("inf")), ("negative", -1.0)):
        corpus.add(f"maybe_quantize_scale_{name}", model(node("QuantizeLinear", "x s", "y"), weights=[tensor("s", scale, "f4")]))
    reduced = [node("ReduceProd", "a", "q", keepdims=1), node("Add", "x q", "y")]
    corpus.add("ok_fold_product_overflows", model(reduced, [value("x", [1], I64)], weights=[integers("a", *[LEAST] * 5)]))
    summed = [node("CumSum", "a zero", "q"), node("Add", "x q", "y")]
    corpus.add("ok_fold_running_sum_overflows", model(summed, [value("x", [3], I64)], weights=[integers("a", MOST, MOST, LEAST), tensor("zero", 0, "i8")]))


def indices(corpus):
    for index in (99, -5, LEAST, MOST):
        corpus.add(f"gather_{index}", model(node("Gather", "x i", "y"), {"x": [4]}, weights=[integers("i", 0, index)]))
        corpus.add(f"gather_elements_{index}", model(node("GatherElements", "x i", "y"), {"x": [4]}, weights=[integers("i", 0, index)]))
        corpus.add(f"gather_nd_{index}", model(node("GatherND", "x i", "y"), {"x": [4]}, weights=[tensor("i", [[0], [index]], "i8")]))
        corpus.add(f"scatter_{index}", model(node("ScatterElements", "x i u", "y"), {"x": [4], "u": [2]}, weights=[integers("i", 0, index)]))
        corpus.add(f"scatter_nd_{index}", model(node("ScatterND", "x i u", "y"), {"x": [4], "u": [2]}, weights=[tensor("i", [[0], [index]], "i8")]))
        folded = [node("Gather", "w i", "q"), node("Add", "x q", "y")]
        corpus.add(f"fold_gather_{index}", model(folded, {"x": [1]}, weights=[tensor("w", np.ones(4), "f4"), integers("i", index)]))
    indexed = [value("x", [0, 4]), value("i", [2], I64)]
    for operator in ("Gather", "GatherElements", "GatherND"):
        corpus.add(f"{operator}_from_nothing", model(node(operator, "x i" if operator == "Gather" else "x j", "y"), [*indexed, value("j", [2, 1], I64)]))
    corpus.add("scatter_into_nothing", model(node("ScatterND", "x j u", "y"), [*indexed, value("j", [2, 1], I64), value("u", [2, 4])]))
    corpus.add("gather_nd_too_deep", model(node("GatherND", "x i", "y"), {"x": [4]}, weights=[tensor("i", [[0, 0]], "i8")]))
    corpus.add("gather_nd_batch_dims", model(node("GatherND", "x i", "y", batch_dims=MOST), {"x": [4]}, weights=[tensor("i", [[0]], "i8")]))
    corpus.add("scatter_reduction", model(node("ScatterElements", "x i u", "y", reduction="xor"), {"x": [4], "u": [2]}, weights=[integers("i", 0, 1)], imports=opset(18)))
    corpus.add("gather_by_floats", model(node("Gather", "x i", "y"), {"x": [4], "i": [2]}))


def trees(corpus):
    """Modes of a tree's nodes that are none."""
    for name, mode in {"ok_tree_mode": 0, "tree_mode_nan": np.nan, "tree_mode_huge": 1e30, "tree_mode_7": 7}.items():
        tree = helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", nodes_featureids=[0], nodes_truenodeids=[0], nodes_falsenodeids=[1],
                                nodes_trueleafs=[1], nodes_falseleafs=[1], tree_roots=[0], leaf_targetids=[0, 0], nodes_modes=tensor("m", [mode], "f4"),
                                nodes_splits=tensor("s", [0.5], "f4"), leaf_weights=tensor("w", [1, 2], "f4"))
        corpus.add(name, model(tree, {"x": [3, 1]}, imports=[*opset(21), helper.make_opsetid("ai.onnx.ml", 5)]))
