# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Dims that stay symbolic: names that are no names, expressions that explode, sizes that overflow whatever the dims are."""
from onnx import helper

from .build import I64, LEAST, MOST, integers, model, node, tensor, value

HOSTILE_DIMS = {"controls": "a\x1b[31m\n", "nul": "a\0b", "empty_expression": "+", "zero": "n/0", "least": str(LEAST), "huge": "9" * 4000, "long": "n" * (1 << 16),
                "sum": "n+n", "negative": "-1*n", "parens": "(" * 5000 + "n" + ")" * 5000, "open_parens": "(" * 60000, "floor": "floor(n/2)",
                "broadcast": "broadcast(n, 3)", "overflow": f"{MOST}*n*{MOST}", "products": "*".join(["n"] * 3000), "sums": " + ".join(f"n{i}" for i in range(3000)),
                "power": "(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)*(n+m)", "star": "*/ #error", "quotes": "\"';--", "digits": "3x",
                "space": "past sequence + 1", "min": "min(n, " * 2000, "minus": "--" * 3000 + "n"}


def open_model(nodes, dims, weights=(), **other):
    return model(nodes, {"x": dims, **other}, weights=weights)


def add_to(corpus):
    relu = node("Relu", "x", "y")
    for name, dim in HOSTILE_DIMS.items():
        corpus.add(f"maybe_dim_{name}", open_model(relu, [dim, "n", 4]))
    corpus.add("ok_symbolic_dim", open_model(relu, ["n", 4]))
    corpus.add("maybe_symbolic_rank_64", open_model(relu, [f"d{i}" for i in range(64)]))
    corpus.add("maybe_symbolic_rank_60000", open_model(relu, [f"d{i}" for i in range(60000)]))
    corpus.add("maybe_symbolic_product_overflows", open_model(relu, ["n", 1 << 30, 1 << 30]))
    squares = [node("Mul", "s s", "t0"), *(node("Mul", f"t{i} t{i}", f"t{i + 1}", f"m{i}") for i in range(70))]
    corpus.add("maybe_symbolic_power", open_model([node("Shape", "x", "s"), *squares, node("ConstantOfShape", "t70", "y")], ["n", "m"]))
    reshape = [node("Shape", "x", "s"), *squares, node("Reshape", "x t70", "y")]
    corpus.add("maybe_symbolic_reshape_to_power", open_model(reshape, ["n", "m"]))
    sums = [node("Add", "s s", "t0"), *(node("Add", f"t{i} t{i}", f"t{i + 1}", f"a{i}") for i in range(70))]
    corpus.add("maybe_symbolic_doublings", open_model([node("Shape", "x", "s"), *sums, node("Expand", "x t70", "y")], ["n", "m"]))
    concats = [node("Concat", f"t{i} t{i}" if i else "x x", f"t{i + 1}", f"c{i}", axis=0) for i in range(70)]
    corpus.add("maybe_symbolic_concats", open_model([*concats, node("Relu", "t70", "y")], ["n"]))
    tiles = node("Tile", "x r", "y")
    for number in (1 << 40, MOST, -1, LEAST):
        corpus.add(f"maybe_symbolic_tile_{number}", open_model(tiles, ["n"], [integers("r", number)]))
        corpus.add(f"maybe_symbolic_reshape_{number}", open_model(node("Reshape", "x s", "y"), ["n", 4], [integers("s", number, 2)]))
        corpus.add(f"maybe_symbolic_slice_{number}", open_model(node("Slice", "x a b c", "y"), ["n", 4], [integers("a", number), integers("b", MOST), integers("c", 0)]))
        corpus.add(f"maybe_symbolic_slice_step_{number}", open_model(node("Slice", "x a b c d", "y"), ["n", 4], [
            integers("a", 0), integers("b", MOST), integers("c", 0), integers("d", number)]))
        corpus.add(f"maybe_symbolic_pad_{number}", open_model(node("Pad", "x p", "y"), ["n"], [integers("p", number, number)]))
        gathered = [node("Shape", "x", "s"), node("Gather", "s i", "y")]
        corpus.add(f"maybe_symbolic_gather_{number}", model(gathered, {"x": ["n", 4]}, weights=[integers("i", number)]))
        sized = [node("Shape", "x", "s"), node("Div", "s d", "q"), node("ConstantOfShape", "q", "y")]
        corpus.add(f"maybe_symbolic_divide_{number}", open_model(sized, ["n", "m"], [integers("d", number)]))
        sized = [node("Shape", "x", "s"), node("Mod", "s d", "q"), node("ConstantOfShape", "q", "y")]
        corpus.add(f"maybe_symbolic_mod_{number}", open_model(sized, ["n", "m"], [integers("d", number)]))
    by_zero = [node("Shape", "x", "s"), node("Div", "s z", "q"), node("ConstantOfShape", "q", "y")]
    corpus.add("maybe_symbolic_divide_by_zero", open_model(by_zero, ["n", "m"], [integers("z", 0)]))
    by_itself = [node("Shape", "x", "s"), node("Sub", "s s", "z"), node("Div", "s z", "q"), node("ConstantOfShape", "q", "y")]
    corpus.add("maybe_symbolic_divide_by_difference", open_model(by_itself, ["n", "m"]))
    negative = [node("Shape", "x", "s"), node("Neg", "s", "q"), node("ConstantOfShape", "q", "y")]
    corpus.add("maybe_symbolic_negative_shape", open_model(negative, ["n", "m"]))
    meeting = [node("Add", f"t{i - 1} x{i}" if i else "x x0", f"t{i}", f"a{i}") for i in range(60)]
    many = {f"x{i}": [f"n{i}"] for i in range(60)}
    corpus.add("maybe_symbolic_60_dims_meet", open_model([*meeting, node("Relu", "t59", "y")], ["n"], **many))
    corpus.add("symbolic_mismatch", open_model(node("Concat", "x z", "y", axis=0), ["n", 4], z=["n", 5]))
    corpus.add("symbolic_matmul_mismatch", open_model(node("MatMul", "x z", "y"), ["n", 4], z=[5, "n"]))
    corpus.add("ok_symbolic_output_guessed", model(relu, [value("x", ["n", 4])], [value("y", ["n", 5])]))
    corpus.add("symbolic_axis", open_model(node("Softmax", "x", "y", axis=9), ["n", 4]))
    corpus.add("maybe_symbolic_conv_too_small", open_model(node("Conv", "x w", "y"), ["n", 3, "h", "w"], [tensor("w", [[[[0.0] * 99] * 99] * 3], "f4")]))
    corpus.add("maybe_symbolic_range", open_model([node("Shape", "x", "s"), node("Squeeze", "s", "q"), node("Range", "z q o", "y")], ["n"], [
        tensor("z", 0, "i8"), tensor("o", 1, "i8")]))
    several = [node("Shape", "x", "s"), *(node("Concat", f"s{i - 1} s{i - 1}" if i else "s s", f"s{i}", f"c{i}", axis=0) for i in range(30))]
    corpus.add("maybe_symbolic_list_explodes", open_model([*several, node("ReduceSum", "s29", "y", keepdims=0)], ["n"]))
    loop = helper.make_graph([node("Identity", "ci", "co"), node("Add", "v v", "vo")], "b", [value("i", [], I64), value("ci", [], 9), value("v", None)], [
        value("co", [], 9), value("vo", None)])
    corpus.add("maybe_symbolic_loop", open_model(node("Loop", "m - x", "y", body=loop), ["n"], [tensor("m", 1 << 40, "i8")]))
