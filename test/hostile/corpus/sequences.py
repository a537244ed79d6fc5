# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sequences and optional values: positions outside, unlike shapes and types, bodies that explode, types that nest."""
import math

from onnx import TensorProto, TypeProto, ValueInfoProto, helper

from .build import BOOL, F32, I64, LEAST, MOST, field, integers, model, node, tensor, value, with_graph

PAIR = node("SequenceConstruct", "x x", "s", "pair")


def typed(name, type_proto):
    return ValueInfoProto(name=name, type=type_proto)


def nested(depth, kind):
    """seq(seq(… tensor))"""
    top = inner = TypeProto()
    for _ in range(depth):
        inner = getattr(inner, kind).elem_type
    inner.tensor_type.elem_type = F32
    return top


def positions(corpus):
    for number in (2, -3, LEAST, MOST):
        weights = [integers("i", number)]
        corpus.add(f"sequence_at_{number}", model([PAIR, node("SequenceAt", "s i", "y")], weights=weights))
        corpus.add(f"sequence_erase_{number}", model([PAIR, node("SequenceErase", "s i", "t"), node("SequenceLength", "t", "y")], weights=weights))
        if number != 2:
            corpus.add(f"sequence_insert_{number}", model([PAIR, node("SequenceInsert", "s x i", "t"), node("SequenceLength", "t", "y")], weights=weights))
    corpus.add("ok_sequence_insert_at_end", model([PAIR, node("SequenceInsert", "s x i", "y")], weights=[integers("i", 2)]))
    corpus.add("sequence_at_two_places", model([PAIR, node("SequenceAt", "s i", "y")], weights=[integers("i", 0, 1)]))
    corpus.add("sequence_at_no_place", model([PAIR, node("SequenceAt", "s", "y")]))
    corpus.add("sequence_at_a_float", model([PAIR, node("SequenceAt", "s i", "y")], weights=[tensor("i", 0.5, "f4")]))
    corpus.add("sequence_at_of_empty", model([node("SequenceEmpty", "", "s"), node("SequenceAt", "s i", "y")], weights=[integers("i", 0)]))
    corpus.add("sequence_erase_of_empty", model([node("SequenceEmpty", "", "s"), node("SequenceErase", "s", "y")]))


def elements(corpus):
    unlike = node("SequenceConstruct", "x w", "s")
    joined = node("ConcatFromSequence", "s", "y", axis=0)
    corpus.add("sequence_of_unlike_types", model([unlike], weights=[integers("w", 1)], outputs=[helper.make_empty_tensor_value_info("s")]))
    corpus.add("sequence_of_nothing", model([node("SequenceConstruct", "", "y")]))
    corpus.add("sequence_insert_of_other_type", model([PAIR, node("SequenceInsert", "s w", "y")], weights=[integers("w", 1)]))
    for dims in ([1, 4, 8], [1, 4, 8, 7], []):
        weights = [value_of("w", dims)]
        corpus.add(f"sequence_joins_unlike_{len(dims)}_{sum(dims)}", model([unlike, joined], weights=weights))
        corpus.add(f"sequence_stacks_unlike_{len(dims)}_{sum(dims)}", model([unlike, node("ConcatFromSequence", "s", "y", axis=0, new_axis=1)], weights=weights))
    for axis in (4, -5, MOST, LEAST):
        corpus.add(f"sequence_joins_axis_{axis}", model([PAIR, node("ConcatFromSequence", "s", "y", axis=axis)]))
    corpus.add("sequence_joins_no_axis", model([PAIR, node("ConcatFromSequence", "s", "y")]))
    corpus.add("sequence_joins_empty", model([node("SequenceEmpty", "", "s"), joined]))
    for dtype in (0, 77, TensorProto.STRING, -1, LEAST):
        corpus.add(f"sequence_empty_of_{dtype}", model([node("SequenceEmpty", "", "y", dtype=dtype)]))
    corpus.add("ok_sequence_empty", model([node("SequenceEmpty", "", "y")]))


def value_of(name, dims):
    return helper.make_tensor(name, F32, dims, bytes(4 * math.prod(dims)), raw=True)


def kinds(corpus):
    corpus.add("sequence_for_a_tensor", model([PAIR, node("Relu", "s", "y")]))
    corpus.add("sequence_for_one_of_tensors", model([PAIR, node("Concat", "x s", "y", axis=0)]))
    corpus.add("sequence_for_a_shape", model([PAIR, node("Reshape", "x s", "y")]))
    corpus.add("sequence_of_sequences", model([PAIR, node("SequenceConstruct", "s s", "y")]))
    corpus.add("tensor_for_a_sequence", model([node("SequenceLength", "x", "y")]))
    corpus.add("absent_for_a_tensor", model([node("Optional", "", "o"), node("Relu", "o", "y")]))
    corpus.add("absent_for_a_sequence", model([node("Optional", "", "o"), node("SequenceLength", "o", "y")]))
    corpus.add("element_of_absent", model([node("Optional", "", "o"), node("OptionalGetElement", "o", "y")]))
    corpus.add("element_of_nothing", model([node("OptionalGetElement", "", "y")]))
    corpus.add("ok_optional_of_optional", model([node("Optional", "x", "o"), node("Optional", "o", "p"), node("OptionalGetElement", "p", "y")]))
    tensors, sequences = [value("s", None)], [helper.make_tensor_sequence_value_info("y", F32, None)]
    corpus.add("sequence_output_lies", model([PAIR], outputs=tensors))
    corpus.add("sequence_output_is_a_tensor", model([node("Relu", "x", "y")], outputs=sequences))
    corpus.add("sequence_output_type_lies", model([PAIR], outputs=[helper.make_tensor_sequence_value_info("s", I64, None)]))
    corpus.add("absent_output_lies", model([node("Optional", "", "y")], outputs=sequences))
    corpus.add("sequence_names_meet", model([PAIR, node("Relu", "x", "s[1]")], outputs=[helper.make_empty_tensor_value_info(name) for name in ("s", "s[1]")]))
    lines = "a\nb: sequence of 2"
    corpus.add("sequence_name_of_lines", model([helper.make_node("SequenceConstruct", ["x"], [lines])], outputs=[helper.make_empty_tensor_value_info(lines)]))


def splits(corpus):
    def split(name, parts, **attributes):
        weights = [tensor("n", parts, "i8")]
        corpus.add(f"{name}", model(node("SplitToSequence", "x n", "y", **attributes), weights=weights))

    for number in (0, -1, LEAST):
        split(f"sequence_split_{number}", number, axis=1)
        split(f"{'ok_' if number == 0 else ''}sequence_split_list_{number}", [number, 4], axis=1)
    split("ok_sequence_split_most", MOST, axis=1)
    for parts in ([1, 1], [5], [MOST, 5], [], [[4]]):
        split(f"sequence_split_{str(parts).replace(' ', '')}", parts, axis=1)
    for axis in (4, -5, MOST):
        split(f"sequence_split_axis_{axis}", 1, axis=axis)
    corpus.add("sequence_of_a_million", model(node("SplitToSequence", "x", "y"), {"x": [1000000]}))
    corpus.add("ok_sequence_split_nothing", model(node("SplitToSequence", "x", "y"), {"x": [0, 3]}))


def bodies(corpus):
    def mapped(name, nodes, inputs, outputs, sequences="s", before=(PAIR,), x=None):
        body = helper.make_graph(nodes, "body", [value(word, None) for word in inputs.split()], [helper.make_empty_tensor_value_info(word) for word in outputs.split()])
        corpus.add(name, model([*before, node("SequenceMap", sequences, "y", "map", body=body)], x))

    relu = node("Relu", "a", "b", "r")
    mapped("ok_sequence_map", [relu], "a", "b")
    mapped("sequence_map_of_two_inputs", [relu], "a c", "b")
    mapped("sequence_map_of_no_input", [node("Constant", "", "b", value_int=1)], "", "b")
    mapped("sequence_map_of_sequences", [node("SequenceConstruct", "a", "b")], "a", "b")
    mapped("sequence_map_of_unlike", [node("Add", "a c", "b")], "a c", "b", "s t", [PAIR, node("SequenceConstruct", "x", "t")])
    mapped("sequence_map_of_a_tensor", [relu], "a", "b", "x")
    mapped("sequence_map_of_itself", [node("SequenceMap", "s", "b", body=helper.make_graph([], "g", [], []))], "a", "b")
    many, inner = [node("SplitToSequence", "x", "s", "split")], relu
    for depth in range(4):  # 300 ** 4
        body = helper.make_graph([inner], f"b{depth}", [value("a", None)], [value("b", None)])
        inner = node("SequenceMap", "s", "t", f"m{depth}", body=body)
        last = node("SequenceLength", "t", "b")
        inner_graph = helper.make_graph([inner, last], f"g{depth}", [value("a", None)], [value("b", None)])
        inner = node("SequenceMap", "s", "b", f"n{depth}", body=inner_graph)
    mapped("sequence_map_explodes", [inner], "a", "b", before=many, x={"x": [300]})
    chain = [node("SequenceInsert", f"s{i - 1} x" if i else "e x", f"s{i}", f"n{i}") for i in range(6000)]
    empty = node("SequenceEmpty", "", "e")
    corpus.add("sequence_of_6000_inserts", model([empty, *chain, node("SequenceLength", "s5999", "y")]))
    corpus.add("ok_sequence_of_2000_inserts", model([empty, *chain[:2000], node("SequenceLength", "s1999", "y")]))
    copies = [node("SequenceErase", "s", f"t{i}", f"n{i}") for i in range(20000)]
    corpus.add("sequence_of_many_copies", model([*many, *copies, node("SequenceLength", "t9", "y")], {"x": [4000]}))


def control(corpus):
    def branch(nodes, output):
        return helper.make_graph(nodes, "branch", [], [output])

    def choice(name, left, right, kind=helper.make_tensor_sequence_value_info("b", F32, None)):
        """If of a condition that the run tells."""
        branches = {"then_branch": branch(left, kind), "else_branch": branch(right, kind)}
        corpus.add(name, model(node("If", "c", "y", **branches), [value("x", [4]), value("c", [], BOOL)], weights=[integers("w", 1)]))

    one, two = node("SequenceConstruct", "x", "b", "one"), node("SequenceConstruct", "x x", "b", "two")
    choice("ok_sequence_of_branches", [one], [two])
    choice("sequence_of_unlike_branches", [one], [node("SequenceConstruct", "w", "b")])
    choice("sequence_or_a_tensor", [one], [node("Relu", "x", "b")])
    choice("ok_sequence_or_absent", [one], [node("Optional", "", "b")])
    choice("ok_sequence_undeclared", [one], [two], helper.make_empty_tensor_value_info("b"))
    choice("ok_absent_in_both_branches", [node("Optional", "", "b")], [node("Optional", "", "b")])

    def loop(name, nodes, state, rounds=None, before=(PAIR,), kind=helper.make_tensor_sequence_value_info):
        body = helper.make_graph([node("Identity", "c", "d", "go"), *nodes], "body", [value("i", [], I64), value("c", [], BOOL), kind("v", F32, None)], [
            value("d", [], BOOL), kind("u", F32, None)])
        weights = [] if rounds is None else [tensor("m", rounds, "i8")]
        inputs = [value("x", [4]), *([value("m", [], I64)] if rounds is None else [])]
        corpus.add(name, model([*before, node("Loop", f"m - {state}", "y", "loop", body=body)], inputs, weights=weights))

    insert = [node("SequenceInsert", "v x", "u")]
    for rounds in (None, 0, 3, 1 << 20, MOST, -1):
        loop(f"{'maybe' if rounds == -1 else 'ok'}_sequence_loop_{rounds}", insert, "s", rounds)
    ranks = [node("SequenceAt", "v z", "a"), node("Unsqueeze", "a z", "b"), node("SequenceInsert", "v b", "u"), node("Constant", "", "z", value_ints=[0])]
    loop("sequence_loop_of_growing_ranks", [ranks[-1], *ranks[:-1]], "s")
    loop("sequence_loop_becomes_a_tensor", [node("Relu", "x", "u")], "s")
    loop("sequence_loop_from_a_tensor", [node("SequenceConstruct", "v", "u")], "x")
    loop("sequence_loop_of_integers", [node("Shape", "x", "n"), node("SequenceInsert", "v n", "u")], "s")
    loop("maybe_sequence_loop_erases", [node("SequenceErase", "v", "u")], "s")
    loop("sequence_loop_erases_5", [node("SequenceErase", "v", "u")], "s", 5)
    nest = insert
    for depth in range(6):
        body = helper.make_graph([node("Identity", "c", "d", f"go{depth}"), *nest], f"b{depth}", [value("i", [], I64), value("c", [], BOOL),
                                 helper.make_tensor_sequence_value_info("v", F32, None)], [value("d", [], BOOL), helper.make_tensor_sequence_value_info("u", F32, None)])
        nest = [node("Loop", "m - v", "u", f"l{depth}", body=body)]
    loop("maybe_sequence_loops_nest", nest, "s")
    loop("maybe_sequence_loops_unroll", nest, "s", 900)


def types(corpus):
    relu = node("Relu", "x", "y")
    for kind in ("sequence_type", "optional_type"):
        for depth in (1, 2, 3, 40):
            corpus.add(f"{kind}_{depth}_deep", model(relu, [typed("x", nested(depth, kind))]))
        hollow = TypeProto()
        getattr(hollow, kind).SetInParent()
        corpus.add(f"{kind}_of_nothing", model(relu, [typed("x", hollow)]))
        corpus.add(f"{kind}_as_output", model(relu, outputs=[typed("y", hollow)]))
    deep = b""
    for _ in range(3000):
        deep = field(4, field(1, deep))
    corpus.add("sequence_type_3000_deep", damaged_type(deep))
    attribute = node("Optional", "", "o", type=nested(20, "optional_type"))
    corpus.add("maybe_optional_of_deep_type", model([attribute, node("OptionalHasElement", "o", "y")]))


def damaged_type(type_bytes):
    """A model whose input has this for its type."""
    shell = model(node("Relu", "x", "y"))
    graph = shell.graph
    inputs = field(11, field(1, b"x") + field(2, type_bytes))
    graph.ClearField("input")
    return with_graph(shell, graph.SerializeToString() + inputs)


def add_to(corpus):
    for family in (positions, elements, kinds, splits, bodies, control, types):
        family(corpus)
