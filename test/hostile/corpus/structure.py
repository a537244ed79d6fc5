# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs that do not hold together: names, order, operators, versions, subgraphs, functions."""
from onnx import AttributeProto, helper

from .build import BOOL, F32, I64, MOST, field, integers, model, node, opset, small_model, tensor, value, with_graph

HOSTILE_NAMES = {"controls": "a\x1b[31m\r\n\tb", "nul": "a\0b", "format": "%s%n%1$p{}", "path": "../../x", "quotes": "'\"`\\", "bidi": "\u202eevil",
                 "space": " ", "long": "n" * (1 << 20), "line": "a\u2028b", "c1": "\x9b31m"}


def add_to(corpus):
    names(corpus)
    order(corpus)
    operators(corpus)
    subgraphs(corpus)
    functions(corpus)


def names(corpus):
    for name, text in HOSTILE_NAMES.items():
        corpus.add(f"name_of_unknown_operator_{name}", model(helper.make_node("Nope" + text, ["x"], ["y"], name=text)))
        corpus.add(f"name_of_missing_value_{name}", model(helper.make_node("Relu", [text], ["y"], name=text)))
        chain = [helper.make_node("Relu", [text], [text + "2"], name=text), helper.make_node("Abs", [text + "2"], [text + "3"], name=text)]
        corpus.add(f"ok_name_{name}", model(chain, [value(text, [4])], [value(text + "3", [4])]))
    proto = small_model().SerializeToString()
    for what, old in (("value", b"\x01c"), ("operator", b"\x04Conv"), ("node", b"\x04conv")):
        corpus.add(f"maybe_name_no_utf8_{what}", proto.replace(old, old[:1] + b"\xff\xc0\xaf\x80"[: len(old) - 1]))
    corpus.add("name_of_graph", model(node("Nope", "x", "y", "a\nb")))
    corpus.add("name_empty_everywhere", model(helper.make_node("Relu", [""], [""], name="")))
    corpus.add("name_of_input_empty", model(node("Relu", "x", "y"), [value("", [4]), value("x", [4])]))
    corpus.add("name_of_weight_empty", model(node("Relu", "x", "y"), weights=[tensor("", [1.0])]))
    corpus.add("name_of_output_empty", model(node("Relu", "x", "y"), outputs=[value("", None)]))
    corpus.add("two_inputs", model(node("Relu", "x", "y"), [value("x", [4]), value("x", [4])]))
    corpus.add("two_outputs", model(node("Relu", "x", "y"), outputs=[value("y", None), value("y", None)]))
    corpus.add("two_weights", model(node("Add", "x w", "y"), weights=[tensor("w", [1.0]), tensor("w", [2.0])]))
    corpus.add("two_makers", model([node("Relu", "x", "y", "a"), node("Abs", "x", "y", "b")]))
    corpus.add("one_node_makes_it_twice", model(node("Split", "x", "y y", axis=1)))
    corpus.add("node_makes_its_input", model([node("Relu", "x", "x", "n"), node("Abs", "x", "y")]))
    corpus.add("node_makes_a_weight", model([node("Relu", "x", "w"), node("Add", "x w", "y")], weights=[tensor("w", [1.0])]))
    twice = node("LeakyRelu", "x", "y", alpha=0.5)
    twice.attribute.append(twice.attribute[0])
    corpus.add("two_attributes", model(twice))
    corpus.add("ok_input_is_output", model(node("Relu", "x", "y"), outputs=[value("x", None), value("y", None)]))
    corpus.add("ok_weight_is_output", model(node("Relu", "x", "y"), outputs=[value("w", None)], weights=[tensor("w", [1.0, 2.0], "f4")]))


def order(corpus):
    corpus.add("no_nodes_no_outputs", model([], outputs=[]))
    corpus.add("undefined_input", model(node("Relu", "nowhere", "y")))
    corpus.add("undefined_output", model(node("Relu", "x", "z")))
    corpus.add("cycle_of_one", model(node("Add", "x y", "y")))
    corpus.add("cycle_of_two", model([node("Add", "x b", "a", "n1"), node("Relu", "a", "b", "n2"), node("Abs", "b", "y", "n3")]))
    ring = [node("Add", f"x t{(i + 1) % 5000}", f"t{i}", f"n{i}") for i in range(5000)]
    corpus.add("cycle_of_5000", model([*ring, node("Relu", "t0", "y")]))
    corpus.add("cycle_beside_the_result", model([node("Relu", "x", "y"), node("Abs", "b", "a"), node("Abs", "a", "b")]))
    corpus.add("maybe_unsorted", model([node("Relu", "a", "y", "n2"), node("Abs", "x", "a", "n1")]))
    chain = [node("Relu", f"t{i - 1}" if i else "x", f"t{i}", f"r{i}") for i in range(20000)]
    corpus.add("ok_chain_of_20000", model([*chain, node("Identity", "t19999", "y")], {"x": [4]}))
    fan = [node("Add", f"t{i} t{i}" if i else "x x", f"t{i + 1}", f"a{i}") for i in range(200)]
    corpus.add("ok_doublings", model([*fan, node("Identity", "t200", "y")], {"x": [4]}))  # 2^200 paths


def operators(corpus):
    corpus.add("unknown_operator", model(node("FrobnicateTensor", "x", "y")))
    corpus.add("no_operator", model(node("", "x", "y")))
    corpus.add("unknown_domain", model(helper.make_node("Relu", ["x"], ["y"], domain="com.acme"), imports=opset(17, "com.acme")))
    corpus.add("domain_not_imported", model(helper.make_node("Relu", ["x"], ["y"], domain="com.acme")))
    many = [node(f"Nope{i}", f"t{i - 1}" if i else "x", f"t{i}", f"n{i}") for i in range(3000)]
    corpus.add("3000_unknown_operators", model([*many, node("Relu", "t2999", "y")]))
    for version in (-1, 0, 1, 6, 29, 9999, MOST):
        corpus.add(f"{'ok_' if 1 <= version <= 28 else ''}opset_{version}", model(node("Relu", "x", "y"), imports=[helper.make_opsetid("", version)]))
    missing = model(node("Relu", "x", "y"))
    missing.ClearField("opset_import")
    corpus.add("opset_missing", missing)
    corpus.add("too_many_inputs", model(helper.make_node("Relu", ["x"] * 1000, ["y"])))
    corpus.add("too_many_outputs", model(helper.make_node("Relu", ["x"], ["y", *(f"y{i}" for i in range(999))])))
    corpus.add("no_inputs", model(helper.make_node("Conv", [], ["y"])))
    corpus.add("inputs_missing", model(node("Conv", "x", "y")))
    corpus.add("inputs_left_out", model(node("Conv", "- -", "y")))
    corpus.add("maybe_no_outputs", model([helper.make_node("Relu", ["x"], []), node("Relu", "x", "y")]))


def branch(inner):
    """A subgraph of one node that makes r."""
    return field(1, inner) + field(2, b"s") + field(12, field(1, b"r"))


def nested_ifs(depth):
    leaf = field(1, b"x") + field(2, b"r") + field(4, b"Identity")
    inner = leaf
    for level in range(depth):
        branches = b"".join(field(5, field(1, name) + field(6, branch(graph)) + b"\xa0\x01\x05")
                            for name, graph in ((b"then_branch", inner), (b"else_branch", leaf)))
        inner = field(1, b"c") + field(2, b"r") + field(3, b"if%d" % level) + field(4, b"If") + branches
    shell = model(node("Identity", "r", "y", "last"), [value("x", [2]), value("c", [], BOOL)])
    return with_graph(shell, field(1, inner) + shell.graph.SerializeToString())


def subgraph(nodes, inputs=(), outputs=("r",), weights=()):
    return helper.make_graph(nodes, "s", list(inputs), [helper.make_empty_tensor_value_info(name) for name in outputs], list(weights))


def subgraphs(corpus):
    for depth in (8, 40, 400, 5000):
        corpus.add(f"{'ok_' if depth == 8 else ''}nested_if_{depth}", nested_ifs(depth))
    c = [value("x", [4]), value("c", [], BOOL)]
    good = subgraph([node("Relu", "x", "r")])
    cases = {
        "undefined": subgraph([node("Relu", "nowhere", "r")]), "no_output": subgraph([node("Relu", "x", "q")]), "two_outputs": subgraph(
            [node("Relu", "x", "r"), node("Abs", "x", "q")], outputs=("r", "q")), "takes_inputs": subgraph([node("Relu", "z", "r")], [value("z", [4])]),
        "other_shape": subgraph([node("Concat", "x x", "r", axis=0)]), "other_type": subgraph([node("Cast", "x", "r", to=I64)]),
        "makes_outer_value": subgraph([node("Abs", "x", "x"), node("Relu", "x", "r")]), "is_empty": subgraph([], outputs=()),
        "uses_the_result": subgraph([node("Relu", "y", "r")]),
    }
    for name, graph in cases.items():
        maybe = "maybe_" if name in ("other_shape", "makes_outer_value") else ""
        corpus.add(f"{maybe}branch_{name}", model(node("If", "c", "y", then_branch=graph, else_branch=good), c))
    corpus.add("branch_missing", model(node("If", "c", "y", then_branch=good), c))
    corpus.add("branch_condition_of_floats", model(node("If", "x", "y", then_branch=good, else_branch=good), c))
    for name, inputs, outputs, maybe in (("arity", "m - x x", "y z", ""), ("max_trip", "m c x", "y", "ok_")):
        body = helper.make_graph([node("Identity", "ci", "co"), node("Relu", "v", "vo")], "b", [value("i", [], I64), value("ci", [], BOOL), value("v", [4])],
                                 [value("co", [], BOOL), value("vo", [4])])
        made = model(node("Loop", inputs, outputs, body=body), c, [helper.make_empty_tensor_value_info(word) for word in outputs.split()],
                     [tensor("m", MOST if maybe else 3, "i8")])
        corpus.add(f"{maybe}loop_{name}", made)
    loop_body = helper.make_graph([node("Identity", "ci", "co"), node("Concat", "v v", "vo", axis=0)], "b",
                                  [value("i", [], I64), value("ci", [], BOOL), value("v", None)], [value("co", [], BOOL), value("vo", None)])
    corpus.add("maybe_loop_that_doubles_its_value", model(node("Loop", "m - x", "y", body=loop_body), {"x": [4]}, weights=[tensor("m", 200, "i8")]))
    counting = helper.make_graph([node("Identity", "ci", "co"), node("Add", "v v", "vo"), node("Identity", "v", "s")], "b",
                                 [value("i", [], I64), value("ci", [], BOOL), value("v", [4])],
                                 [value("co", [], BOOL), value("vo", [4]), value("s", [4])])
    for trips in (-1, 0, 1 << 40):
        made = model(node("Loop", "m - x", "z y", body=counting), {"x": [4]}, [value("z", None), value("y", None)], [tensor("m", trips, "i8")])
        corpus.add(f"maybe_loop_scans_{trips}", made)


def calls(callee, count=1, inputs="a", result="b"):
    """Nodes that call one after the other."""
    return [helper.make_node(callee, [inputs if i == 0 else f"t{i - 1}"], [f"t{i}" if i < count - 1 else result], domain="loc", name=f"call{i}" + "z" * 9)
            for i in range(count)]


def function(name, nodes, inputs=("a",), outputs=("b",), **options):
    return helper.make_function("loc", name, list(inputs), list(outputs), nodes, opset(17, "loc"), **options)


def calling(functions_, callee="F0", **options):
    made = helper.make_node(callee, ["x"], ["y"], domain="loc", name="call", **options)
    return model([made], {"x": [4]}, imports=opset(17, "loc"), functions=functions_)


def functions(corpus):
    relu = [node("Relu", "a", "b")]
    corpus.add("ok_function", calling([function("F0", relu)]))
    corpus.add("function_calls_itself", calling([function("F0", calls("F0"))]))
    corpus.add("functions_call_each_other", calling([function("F0", calls("F1")), function("F1", calls("F0"))]))
    corpus.add("function_of_no_name", calling([function("F0", relu), function("", relu)]))
    corpus.add("two_functions", calling([function("F0", relu), function("F0", relu)]))
    corpus.add("function_with_a_cycle", calling([function("F0", [node("Add", "a d", "c"), node("Relu", "c", "d"), node("Abs", "d", "b")])]))
    corpus.add("function_without_its_output", calling([function("F0", [node("Relu", "a", "c")])]))
    corpus.add("function_sees_no_outer_value", calling([function("F0", [node("Add", "a x", "b")])]))
    corpus.add("function_input_twice", calling([function("F0", relu, inputs=("a", "a"))]))
    corpus.add("function_of_old_opset", calling([helper.make_function("loc", "F0", ["a"], ["b"], relu, [helper.make_opsetid("", 0)])]))
    corpus.add("function_lacks_input", calling([function("F0", [node("Add", "a q", "b")], inputs=("a", "q"))]))
    corpus.add("function_with_unknown_attribute", calling([function("F0", relu)], nothing=3))
    for width, depth in ((2, 30), (60, 3), (1000, 2)):
        chain = [function(f"F{i}", calls(f"F{i + 1}", width)) for i in range(depth)]
        corpus.add(f"functions_explode_{width}_{depth}", calling([*chain, function(f"F{depth}", relu)]))
    deep = [function(f"F{i}", calls(f"F{i + 1}")) for i in range(3000)]
    corpus.add("functions_3000_deep", calling([*deep, function("F3000", relu)]))
    # A node that is an If of many nodes counts for what is in it.
    inside = helper.make_graph([node("Relu", f"t{i - 1}" if i else "a", f"t{i}", f"r{i}") for i in range(2000)], "s", [], [value("t1999", None)])
    wide = function("F1", [node("Constant", "", "c", value=tensor("c", True)), node("If", "c", "b", then_branch=inside, else_branch=inside)])
    corpus.add("functions_explode_inside_branches", calling([function("F0", calls("F1", 3000)), wide]))
    # One large constant in a function that is called often is there once.
    constant = function("F1", [node("Constant", "", "w", value=tensor("w", [0.0] * (1 << 18), "f4")), node("ReduceSum", "w", "s", keepdims=0), node(
        "Add", "a s", "b")])
    corpus.add("maybe_function_with_a_constant", calling([function("F0", calls("F1", 3000)), constant]))
    names_ = [function(f"F{i}", [helper.make_node(f"F{i + 1}", ["a"], ["b"], domain="loc", name="n" * (1 << 16))]) for i in range(40)]
    leaf = function("F40", [node("Relu", "a" if i == 0 else f"t{i}", f"t{i + 1}" if i < 1999 else "b", f"r{i}") for i in range(2000)])
    corpus.add("maybe_functions_of_long_names", calling([*names_, leaf]))
    reference = node("LeakyRelu", "a", "b")
    reference.attribute.append(AttributeProto(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT))
    corpus.add("maybe_attribute_refers_to_nothing", calling([function("F0", [reference])]))
    corpus.add("attribute_refers_to_wrong_type", calling([function("F0", [reference], attributes=["slope"])], slope="text"))
    corpus.add("maybe_attribute_refers_outside_a_function", model([reference], [value("a", [4])], [value("b", None)]))
