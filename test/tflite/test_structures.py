#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""TensorFlow Lite models whose sizes the run finds, and unusual loops, branches and variables, judged by LiteRT; and what becomes of places beyond a tensor.

usage: test_structures.py [NAME…] [--json FILE]
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import litert

litert.enter()

import numpy as np
from ai_edge_litert import interpreter

import builder
import edges
import harness
import operators
import smelt
from harness import expect
from test_tflite import compare

case = harness.Suite()
RANDOM = np.random.default_rng(23)
F32, I32, I64, BOOL = np.float32, np.int32, np.int64, np.bool_
numbers = edges.numbers


def normal(*shape):
    return RANDOM.standard_normal(shape).astype(F32)


def list_of(*values):
    return np.array(values, I32)


def agrees(folder, model, runs, most=2e-5):
    """Runs one after the other; each is what the inputs get, in their order."""
    path = model.save(folder / "m.tflite")
    judge = interpreter.Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    judge.allocate_tensors()
    ours = smelt.load(smelt.compile(path, folder / "m.so"))
    for number, given in enumerate(runs):
        details = judge.get_input_details()
        if any(tuple(detail["shape"]) != value.shape for detail, value in zip(details, given, strict=True)):
            for detail, value in zip(details, given):
                judge.resize_tensor_input(detail["index"], value.shape)
            judge.allocate_tensors()
        for detail, value in zip(details, given):
            judge.set_tensor(detail["index"], value)
        judge.invoke()
        results = ours.run({tensor.name: value for tensor, value in zip(ours.inputs, given, strict=True)})
        for tensor, detail in zip(ours.outputs, judge.get_output_details(), strict=True):
            compare(f"run {number}: {tensor.name}", results[tensor.name], judge.get_tensor(detail["index"]), most)


FOUND = []  # (name, function of a graph, runs)


def found(*runs):
    """A model whose sizes are inputs."""
    def add(function):
        def check(folder):
            model = builder.Model()
            made = function(model.main)
            model.main.output(*(made if isinstance(made, list) else [made]))
            agrees(folder, model, [[value if isinstance(value, np.ndarray) else np.array(value) for value in run] for run in runs])
        FOUND.append((f"found {function.__name__.replace('_', ' ').strip()}", check))
        return function
    return add


@found((normal(2, 6), list_of(3, 4)), (normal(2, 6), list_of(-1, 2)))
def reshape(graph):
    return graph.op("RESHAPE", [graph.input(F32, (2, 6)), graph.input(I32, (2,))], [F32], "ReshapeOptions")


@found((list_of(3, 4),), (list_of(1, 2),))
def fill(graph):
    return graph.op("FILL", [graph.input(I32, (2,)), numbers(graph, 2.5, F32)], [F32])


@found((I32(5),), (I32(0),), (I32(20),))
def range_(graph):
    places = graph.op("RANGE", [numbers(graph, 0), graph.input(I32, ()), numbers(graph, 1)], [I32])
    return graph.op("GATHER", [graph.constant(operators.draw(20, 3)), places], [F32], "GatherOptions")


@found((normal(8),), (np.ones(8, F32),))
def where(graph):
    x = graph.input(F32, (8,))
    return graph.op("GATHER_ND", [x, graph.op("WHERE", [graph.op("GREATER", [x, numbers(graph, 0, F32)], [BOOL])], [I64])], [F32])


@found((normal(8, 3), list_of(1, 0), list_of(3, 2)), (normal(8, 3), list_of(2, 1), list_of(-1, -1)))
def slice_(graph):
    return graph.op("SLICE", [graph.input(F32, (8, 3)), graph.input(I32, (2,)), graph.input(I32, (2,))], [F32])


@found((normal(8, 3), list_of(1), list_of(3)), (normal(8, 3), list_of(-4), list_of(-1)), (normal(8, 3), list_of(-40), list_of(99)))
def strided_slice(graph):
    return graph.op("STRIDED_SLICE", [graph.input(F32, (8, 3)), graph.input(I32, (1,)), graph.input(I32, (1,)), numbers(graph, [1])], [F32], "StridedSliceOptions")


@found((normal(8), list_of(6), list_of(1)), (normal(8), list_of(-1), list_of(-9)), (normal(8), list_of(99), list_of(3)))
def strided_slice_backwards(graph):
    return graph.op("STRIDED_SLICE", [graph.input(F32, (8,)), graph.input(I32, (1,)), graph.input(I32, (1,)), numbers(graph, [-2])], [F32], "StridedSliceOptions")


def element(graph):
    place = graph.input(I32, (1,))
    after = graph.op("ADD", [place, numbers(graph, [1])], [I32], "AddOptions")
    return graph.op("STRIDED_SLICE", [graph.input(F32, (8, 3)), place, after, numbers(graph, [1])], [F32], "StridedSliceOptions", shrinkAxisMask=1)


found((list_of(0), normal(8, 3)), (list_of(7), normal(8, 3)), (list_of(-8), normal(8, 3)))(element)


@found((normal(2, 8), I32(3)), (normal(2, 8), I32(8)))
def top_k(graph):
    return graph.op("TOPK_V2", [graph.input(F32, (2, 8)), graph.input(I32, ())], [F32, I32])


@found((normal(2, 3), list_of(2, 1)), (normal(2, 3), list_of(1, 3)))
def tile(graph):
    return graph.op("TILE", [graph.input(F32, (2, 3)), graph.input(I32, (2,))], [F32])


@found((normal(2, 3), list_of(1, 0, 2, 1).reshape(2, 2)), (normal(2, 3), list_of(0, 0, 0, 3).reshape(2, 2)))
def pad(graph):
    return graph.op("PAD", [graph.input(F32, (2, 3)), graph.input(I32, (2, 2))], [F32])


@found((normal(4, 5), list_of(1, 2, 2, 1).reshape(2, 2)), (normal(4, 5), list_of(0, 3, 4, 0).reshape(2, 2)))
def mirror_pad(graph):
    return graph.op("MIRROR_PAD", [graph.input(F32, (4, 5)), graph.input(I32, (2, 2))], [F32], "MirrorPadOptions", mode=0)


@found((normal(1, 4, 5, 2), list_of(7, 9)), (normal(1, 4, 5, 2), list_of(3, 2)))
def resize(graph):
    x, sizes = graph.input(F32, (1, 4, 5, 2)), graph.input(I32, (2,))
    return [graph.op("RESIZE_NEAREST_NEIGHBOR", [x, sizes], [F32], "ResizeNearestNeighborOptions"),
            graph.op("RESIZE_BILINEAR", [x, sizes], [F32], "ResizeBilinearOptions", halfPixelCenters=True)]


@found((normal(1, 3), list_of(4, 3)), (normal(1, 3), list_of(2, 3)))
def broadcast_to(graph):
    return graph.op("BROADCAST_TO", [graph.input(F32, (1, 3)), graph.input(I32, (2,))], [F32])


@found((normal(8, 3), list_of(2, 6)), (normal(8, 3), list_of(5, 3)))
def split_v(graph):
    return graph.op("SPLIT_V", [graph.input(F32, (8, 3)), graph.input(I32, (2,)), numbers(graph, 0)], [F32] * 2, "SplitVOptions", numSplits=2)


@found((list_of(1, 0, 2), I32(4)), (list_of(1, 0, 2), I32(2)))
def one_hot(graph):
    return graph.op("ONE_HOT", [graph.input(I32, (3,)), graph.input(I32, ()), numbers(graph, 1, F32), numbers(graph, 0, F32)], [F32], "OneHotOptions", axis=-1)


@found((normal(4, 5), normal(2, 2), list_of(1, 2)), (normal(4, 5), normal(2, 2), list_of(3, 4)))
def dynamic_update_slice(graph):
    return graph.op("DYNAMIC_UPDATE_SLICE", [graph.input(F32, (4, 5)), graph.input(F32, (2, 2)), graph.input(I32, (2,))], [F32])


@found((normal(2), list_of(4)), (normal(2), list_of(7)))
def scatter_nd(graph):
    return graph.op("SCATTER_ND", [numbers(graph, [[0], [2]]), graph.input(F32, (2,)), graph.input(I32, (1,))], [F32])


@found((normal(1, 4, 6),), (normal(3, 5, 6),))
def shape(graph):
    x = graph.input(F32, (1, 4, 6), signature=(-1, -1, 6))
    batch = graph.op("STRIDED_SLICE", [graph.op("SHAPE", [x], [I32], "ShapeOptions", outType=2), *(numbers(graph, [number]) for number in (0, 1, 1))], [I32],
                     "StridedSliceOptions", shrinkAxisMask=1)
    return graph.op("RESHAPE", [x, graph.op("PACK", [batch, numbers(graph, -1)], [I32], "PackOptions", valuesCount=2, axis=0)], [F32], "ReshapeOptions")


@found((normal(1, 8, 8, 3),), (normal(1, 11, 7, 3),))
def back_to_the_image(graph):
    """A mask, of an image of any size, in that size."""
    x = graph.input(F32, (1, 8, 8, 3), signature=(1, -1, -1, 3))
    y = graph.op("CONV_2D", [x, graph.constant(operators.draw(4, 3, 3, 3)), graph.constant(operators.draw(4))], [F32], "Conv2DOptions", padding=0, strideH=2, strideW=2,
                 dilationHFactor=1, dilationWFactor=1)
    sizes = graph.op("STRIDED_SLICE", [graph.op("SHAPE", [x], [I32], "ShapeOptions", outType=2), *(numbers(graph, [number]) for number in (1, 3, 1))], [I32], "StridedSliceOptions")
    return graph.op("RESIZE_BILINEAR", [y, sizes], [F32], "ResizeBilinearOptions", halfPixelCenters=True)


def upscaled(graph, x, padding, size):
    """As Keras writes a Conv2DTranspose: the result's dims are computed of the image's."""
    dims = graph.op("SHAPE", [x], [I32], "ShapeOptions", outType=2)
    each = [graph.op("STRIDED_SLICE", [dims, *(numbers(graph, [number]) for number in (at, at + 1, 1))], [I32], "StridedSliceOptions", shrinkAxisMask=1) for at in range(3)]
    twice = [graph.op("MUL", [extent, numbers(graph, 2)], [I32], "MulOptions") for extent in each[1:]]
    if padding:
        twice = [graph.op("ADD", [extent, numbers(graph, 1)], [I32], "AddOptions") for extent in twice]
    shape = graph.op("PACK", [each[0], *(size or twice), numbers(graph, 5)], [I32], "PackOptions", valuesCount=4, axis=0)
    return graph.op("TRANSPOSE_CONV", [shape, graph.constant(operators.draw(5, 3, 3, 4)), x, graph.constant(operators.draw(5))], [F32], "TransposeConvOptions", padding=padding,
                    strideH=2, strideW=2)


@found((normal(1, 5, 7, 4),), (normal(3, 5, 7, 4),))
def transpose_conv_of_a_batch(graph):
    x = graph.input(F32, (1, 5, 7, 4), signature=(-1, 5, 7, 4))
    return [upscaled(graph, x, 0, [numbers(graph, number) for number in (10, 14)]), upscaled(graph, x, 1, [numbers(graph, number) for number in (11, 15)])]


@found((normal(1, 5, 7, 4),), (normal(2, 4, 9, 4),))
def transpose_conv_of_any_image(graph):
    x = graph.input(F32, (1, 5, 7, 4), signature=(-1, -1, -1, 4))
    return [upscaled(graph, x, padding, None) for padding in (0, 1)]


# Places beyond a tensor: the run fails, reads nothing else and says which node it was.

def refuses(build, runs):
    def check(folder):
        model = builder.Model()
        made = build(model.main)
        model.main.output(*(made if isinstance(made, list) else [made]))
        ours = smelt.load(smelt.compile(model.save(folder / "m.tflite"), folder / "m.so"))
        for given in runs:
            try:
                ours.run({tensor.name: value for tensor, value in zip(ours.inputs, given, strict=True)})
            except smelt.SmeltError as error:
                expect("node 't" in str(error) or "contradict one another" in str(error), f"{error}")
            else:
                expect(False, f"{given} are no places, and it ran")
    return check


rows = normal(8, 3)
BEYOND = [
    ("element", element, [(list_of(place), rows) for place in (8, -9, 2**31 - 1, -2**31)]),
    ("slice", slice_, [(rows, list_of(*start), list_of(*size)) for start, size in
                       (((7, 0), (2, 3)), ((-1, 0), (2, 3)), ((2**31 - 1, 0), (1, 3)), ((0, 0), (9, 3)), ((0, 0), (-2, 3)), ((9, 0), (-1, 3)))]),
    ("split_v", split_v, [(rows, list_of(*sizes)) for sizes in ((5, 5), (9, -1), (-1, 9), (3, 3))]),
    ("mirror_pad", mirror_pad, [(normal(4, 5), list_of(*widths).reshape(2, 2)) for widths in ((4, 0, 0, 0), (0, 0, 0, 2**31 - 1), (-1, 0, 0, 0))]),
    ("top_k", top_k, [(normal(2, 8), I32(count).reshape(())) for count in (9, -1, 2**31 - 1)]),
    ("reshape", reshape, [(normal(2, 6), list_of(*sizes)) for sizes in ((5, 5), (-1, -1), (0, -1), (-12, -1), (2**16, 2**16))]),
    ("pad", pad, [(normal(2, 3), list_of(*widths).reshape(2, 2)) for widths in ((-1, 0, 0, 0), (2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1))]),
]

# Branches, loops and variables.


@case
def branches_of_other_shapes(folder):
    model = builder.Model()
    more, less = model.graph("more"), model.graph("less")
    x = more.input(F32, (3,))
    more.output(more.op("CONCATENATION", [x, x], [F32], "ConcatenationOptions", axis=0))
    less.output(less.op("NEG", [less.input(F32, (3,))], [F32]))
    condition, x = model.main.input(BOOL, ()), model.main.input(F32, (3,))
    model.main.output(model.main.op("IF", [condition, x], [F32], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2))
    agrees(folder, model, [(np.array(chosen), normal(3)) for chosen in (True, False)])


def loop(state, most, make):
    """A model that repeats `make` of its state while a count is below `most`; the state's first shape is of a float."""
    model = builder.Model()
    goes_on, body = model.graph("goes on"), model.graph("body")
    goes_on.input(F32, state)
    goes_on.output(goes_on.op("LESS", [goes_on.input(I32, ()), numbers(goes_on, most)], [BOOL]))
    x, count = body.input(F32, state), body.input(I32, ())
    body.output(make(model, body, x), body.op("ADD", [count, numbers(body, 1)], [I32], "AddOptions"))
    x, count = model.main.input(F32, state), model.main.input(I32, ())
    model.main.output(*model.main.op("WHILE", [x, count], [F32, I32], "WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    return model


@case
def states_that_grow(folder):
    agrees(folder, loop((1, 2), 4, lambda _, body, x: body.op("CONCATENATION", [x, body.constant(np.ones((1, 2), F32))], [F32], "ConcatenationOptions", axis=0)),
           [(normal(1, 2), np.array(start, I32)) for start in (0, 3, 9)])
    agrees(folder, loop((1, 2), 3, lambda _, body, x: body.op("CONCATENATION", [x, x], [F32], "ConcatenationOptions", axis=0)),
           [(normal(1, 2), np.array(start, I32)) for start in (0, 2)])


@case
def loops_in_loops(folder):
    def inner(model, body, x):
        goes_on, again = model.graph("goes on inside"), model.graph("inside")
        goes_on.input(F32, (2,))
        goes_on.output(goes_on.op("LESS", [goes_on.input(I32, ()), numbers(goes_on, 2)], [BOOL]))
        y, count = again.input(F32, (2,)), again.input(I32, ())
        again.output(again.op("ADD", [y, numbers(again, [1, 2], F32)], [F32], "AddOptions"), again.op("ADD", [count, numbers(again, 1)], [I32], "AddOptions"))
        return body.op("WHILE", [x, numbers(body, 0)], [F32, I32], "WhileOptions", condSubgraphIndex=3, bodySubgraphIndex=4)[0]
    agrees(folder, loop((2,), 3, inner), [(normal(2), np.array(0, I32))])


@case
def states_that_change_places(folder):
    """Both at once, which LiteRT 2.3 does not: what was one is the other after a round."""
    model = builder.Model()
    goes_on, body = model.graph("goes on"), model.graph("body")
    for _ in range(2):
        goes_on.input(F32, (2,))
    goes_on.output(goes_on.op("LESS", [goes_on.input(I32, ()), numbers(goes_on, 3)], [BOOL]))
    x, y, count = body.input(F32, (2,)), body.input(F32, (2,)), body.input(I32, ())
    body.output(y, x, body.op("ADD", [count, numbers(body, 1)], [I32], "AddOptions"))
    main = model.main
    main.output(*main.op("WHILE", [main.input(F32, (2,)), main.input(F32, (2,)), main.input(I32, ())], [F32, F32, I32], "WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    ours = smelt.load(smelt.compile(model.save(folder / "m.tflite"), folder / "m.so"))
    a, b = normal(2), normal(2)
    for start in range(4):
        made = ours.run(dict(zip((tensor.name for tensor in ours.inputs), (a, b, np.array(start, I32)))))
        first, second = (made[tensor.name] for tensor in ours.outputs[:2])
        expect(np.array_equal(first, a if start % 2 else b) and np.array_equal(second, b if start % 2 else a), f"from {start}")


def handle(graph, name):
    return graph.op("VAR_HANDLE", [], ["RESOURCE"], "VarHandleOptions", container="", sharedName=name)


def begins(model, **values):
    graph = model.graph("begin")
    for name, value in values.items():
        graph.op("ASSIGN_VARIABLE", [handle(graph, name), graph.constant(value)], [], "AssignVariableOptions")
    model.main.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=len(model._model.subgraphs) - 1)


def read(graph, name, dtype, shape):
    return graph.op("READ_VARIABLE", [handle(graph, name)], [graph.tensor(dtype, shape)], "ReadVariableOptions")


def assign(graph, name, value):
    graph.op("ASSIGN_VARIABLE", [handle(graph, name), value], [], "AssignVariableOptions")


@case
def variables_that_change_places(folder):
    model = builder.Model()
    main = model.main
    begins(model, a=np.zeros(3, F32), b=np.full(3, 2, F32))
    a, b = (read(main, name, F32, (3,)) for name in "ab")
    assign(main, "a", b)
    assign(main, "b", main.op("ADD", [a, main.input(F32, (3,))], [F32], "AddOptions"))
    main.output(a, b)
    agrees(folder, model, [(normal(3),) for _ in range(5)])


@case
def variables_that_are_assigned_twice(folder):
    model = builder.Model()
    main = model.main
    begins(model, a=np.zeros(3, F32))
    before = read(main, "a", F32, (3,))
    assign(main, "a", main.op("ADD", [before, main.input(F32, (3,))], [F32], "AddOptions"))
    between = read(main, "a", F32, (3,))
    assign(main, "a", main.op("ADD", [between, between], [F32], "AddOptions"))
    main.output(before, between, read(main, "a", F32, (3,)))
    agrees(folder, model, [(normal(3),) for _ in range(4)])


@case
def variables_of_other_types(folder):
    for dtype, first, change in ((I32, np.array(7, I32), "ADD"), (I64, np.array(7, I64), "ADD"), (BOOL, np.array([True, False, True]), "LOGICAL_NOT")):
        model = builder.Model()
        main = model.main
        begins(model, a=first)
        value = read(main, "a", dtype, first.shape)
        others = [] if change == "LOGICAL_NOT" else [numbers(main, 1, dtype)]
        assign(main, "a", main.op(change, [value, *others], [dtype], *(["AddOptions"] if others else [])))
        main.output(value)
        agrees(folder, model, [() for _ in range(4)])


@case
def variables_that_nothing_gave_a_value_before(folder):
    model = builder.Model()
    main = model.main
    x = main.input(F32, (3,))
    assign(main, "a", x)
    main.output(main.op("NEG", [read(main, "a", F32, (3,))], [F32]))
    agrees(folder, model, [(normal(3),) for _ in range(2)])


def add_to(graph, name, x, shape=(3,), factor=1):
    """name += factor · x"""
    moved = graph.op("MUL", [x, numbers(graph, factor, F32)], [F32], "MulOptions")
    assign(graph, name, graph.op("ADD", [read(graph, name, F32, shape), moved], [F32], "AddOptions"))


def counter(model, most):
    """The condition of a loop whose state ends with a count, and the number of its subgraph."""
    def make(*shapes):
        graph = model.graph("goes on")
        for shape in shapes:
            graph.input(F32, shape)
        graph.output(graph.op("LESS", [graph.input(I32, ()), numbers(graph, most)], [BOOL]))
        return len(model._model.subgraphs) - 1
    return make


def one_more(graph, count):
    return graph.op("ADD", [count, numbers(graph, 1)], [I32], "AddOptions")


@case
def variables_in_branches(folder):
    """One branch assigns one variable, the other that one and another, which do not begin as zeros."""
    model = builder.Model()
    main, more, less = model.main, model.graph("more"), model.graph("less")
    begins(model, a=np.array([1, 2, 3], F32), b=np.full(3, 7, F32))
    x = more.input(F32, (3,))
    add_to(more, "a", x)
    more.output(x)
    x = less.input(F32, (3,))
    add_to(less, "b", x, factor=2)
    assign(less, "a", read(less, "b", F32, (3,)))
    less.output(less.op("NEG", [x], [F32]))
    condition, x = main.input(BOOL, ()), main.input(F32, (3,))
    made = main.op("IF", [condition, x], [F32], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.output(made, read(main, "a", F32, (3,)), read(main, "b", F32, (3,)))
    agrees(folder, model, [(np.array(chosen), normal(3)) for chosen in (True, True, False, True, False, False)])


@case
def variables_in_branches_that_nothing_gave_a_value_before(folder):
    model = builder.Model()
    main, first, second = model.main, model.graph("first"), model.graph("second")
    for graph, name in ((first, "NEG"), (second, "ABS")):
        x = graph.tensor(F32, (3,)), graph.input(F32, (3,))
        assign(graph, "a", graph.op(name, [x[1]], [x[0]]))
        graph.output(x[1])
    condition, x = main.input(BOOL, ()), main.input(F32, (3,))
    made = main.op("IF", [condition, x], [F32], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.output(made, main.op("EXP", [read(main, "a", F32, (3,))], [F32]))
    agrees(folder, model, [(np.array(chosen), normal(3)) for chosen in (True, False)])


@case
def variables_of_integers_in_branches(folder):
    """They begin as their zero point, and move by a frame where the condition says so."""
    how = (0.05, -128)
    model = builder.Model()
    main, moves, stays = model.main, model.graph("moves"), model.graph("stays")
    begin = model.graph("begin")
    begin.op("ASSIGN_VARIABLE", [handle(begin, "frames"), begin.constant(np.full((1, 3, 4), -128, np.int8), quantised=how)], [], "AssignVariableOptions")
    main.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=3)
    frame = moves.input(np.int8, (1, 1, 4), quantised=how)
    before = moves.op("READ_VARIABLE", [handle(moves, "frames")], [moves.tensor(np.int8, (1, 3, 4), quantised=how)], "ReadVariableOptions")
    window = moves.op("CONCATENATION", [before, frame], [(np.int8, how)], "ConcatenationOptions", axis=1)
    assign(moves, "frames", moves.op("STRIDED_SLICE", [window, *(numbers(moves, each) for each in ([0, 1, 0], [1, 4, 4], [1, 1, 1]))],
                                     [moves.tensor(np.int8, (1, 3, 4), quantised=how)], "StridedSliceOptions"))
    moves.output(frame)
    stays.output(stays.input(np.int8, (1, 1, 4), quantised=how))
    condition, x = main.input(BOOL, ()), main.input(np.int8, (1, 1, 4), quantised=how)
    made = main.op("IF", [condition, x], [main.tensor(np.int8, (1, 1, 4), quantised=how)], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.output(made, main.op("READ_VARIABLE", [handle(main, "frames")], [main.tensor(np.int8, (1, 3, 4), quantised=how)], "ReadVariableOptions"))
    agrees(folder, model, [(np.array(chosen), operators.codes(1, 1, 4)) for chosen in (False, True, True, False, True)])


@case
def variables_in_loops(folder):
    """Each round adds to one; the loop may have no round at all."""
    model = builder.Model()
    main = model.main
    begins(model, a=np.array([1, 2, 3], F32))
    goes_on, body = counter(model, 3)((3,)), model.graph("body")
    x, count = body.input(F32, (3,)), body.input(I32, ())
    add_to(body, "a", x)
    body.output(read(body, "a", F32, (3,)), one_more(body, count))
    made = main.op("WHILE", [main.input(F32, (3,)), main.input(I32, ())], [F32, I32], "WhileOptions", condSubgraphIndex=goes_on, bodySubgraphIndex=goes_on + 1)
    main.output(*made, read(main, "a", F32, (3,)))
    agrees(folder, model, [(normal(3), np.array(start, I32)) for start in (0, 2, 3, 1)], most=1e-4)


@case
def variables_that_end_loops(folder):
    """The condition reads what the body assigns."""
    model = builder.Model()
    main = model.main
    begins(model, a=np.array(0, F32))
    goes_on, body = model.graph("goes on"), model.graph("body")
    goes_on.input(F32, ())
    goes_on.output(goes_on.op("LESS", [read(goes_on, "a", F32, ()), numbers(goes_on, 10, F32)], [BOOL]))
    x = body.input(F32, ())
    add_to(body, "a", x, shape=())
    body.output(body.op("ADD", [x, numbers(body, 0.5, F32)], [F32], "AddOptions"))
    main.output(main.op("WHILE", [main.input(F32, ())], [F32], "WhileOptions", condSubgraphIndex=2, bodySubgraphIndex=3), read(main, "a", F32, ()))
    agrees(folder, model, [(np.array(start, F32),) for start in (1.5, 2.5, 20)])


@case
def variables_in_branches_in_loops(folder):
    """An inner branch assigns one variable, the body another, and a call inside of the branch a third."""
    model = builder.Model()
    main = model.main
    begins(model, a=np.zeros(3, F32), b=np.array([1, -1, 2], F32), c=np.full(3, 0.5, F32))
    goes_on, body = counter(model, 5)((3,)), model.graph("body")
    more, less, inside = (model.graph(name) for name in ("more", "less", "inside"))
    x, count = body.input(F32, (3,)), body.input(I32, ())
    add_to(body, "b", read(body, "a", F32, (3,)))
    chosen = body.op("LESS", [count, numbers(body, 2)], [BOOL])
    made = body.op("IF", [chosen, x], [body.tensor(F32, (3,))], "IfOptions", thenSubgraphIndex=goes_on + 2, elseSubgraphIndex=goes_on + 3)
    body.output(made, one_more(body, count))
    x = more.input(F32, (3,))
    add_to(more, "a", x, factor=0.5)
    more.output(more.op("IF", [more.op("GREATER", [more.op("SUM", [x, numbers(more, [0])], [F32], "ReducerOptions"), numbers(more, 0, F32)], [BOOL]), x], [more.tensor(F32, (3,))],
                        "IfOptions", thenSubgraphIndex=goes_on + 4, elseSubgraphIndex=goes_on + 3))
    less.output(less.op("NEG", [less.input(F32, (3,))], [F32]))
    x = inside.input(F32, (3,))
    add_to(inside, "c", x)
    inside.output(x)
    made = main.op("WHILE", [main.input(F32, (3,)), main.input(I32, ())], [F32, I32], "WhileOptions", condSubgraphIndex=goes_on, bodySubgraphIndex=goes_on + 1)
    main.output(*made, *(read(main, name, F32, (3,)) for name in "abc"))
    agrees(folder, model, [(normal(3), np.array(start, I32)) for start in (0, 1, 4, 7)], most=1e-4)


@case
def variables_that_calls_give_back(folder):
    """A subgraph that names a variable; and one whose loop takes the name along."""
    model = builder.Model()
    main, names = model.main, model.graph("names")
    begins(model, a=np.array([1, 2, 3], F32))
    names.output(handle(names, "a"))
    goes_on, body = model.graph("goes on"), model.graph("body")
    goes_on.input("RESOURCE", ())
    goes_on.output(goes_on.op("LESS", [goes_on.input(I32, ()), numbers(goes_on, 3)], [BOOL]))
    passed, count = body.input("RESOURCE", ()), body.input(I32, ())
    value = body.op("READ_VARIABLE", [passed], [body.tensor(F32, (3,))], "ReadVariableOptions")
    body.op("ASSIGN_VARIABLE", [passed, body.op("ADD", [value, value], [F32], "AddOptions")], [], "AssignVariableOptions")
    body.output(passed, one_more(body, count))
    given = main.op("CALL", [], ["RESOURCE"], "CallOptions", subgraph=1)
    looped, count = main.op("WHILE", [given, main.input(I32, ())], ["RESOURCE", I32], "WhileOptions", condSubgraphIndex=3, bodySubgraphIndex=4)
    main.output(count, main.op("READ_VARIABLE", [looped], [main.tensor(F32, (3,))], "ReadVariableOptions"))
    ours = smelt.load(smelt.compile(model.save(folder / "m.tflite"), folder / "m.so"))  # LiteRT 2.3 has no CALL
    want = np.array([1, 2, 3], F32)
    for start in (0, 2, 3):
        results = ours.run({ours.inputs[0].name: np.array(start, I32)})
        want = want * 2 ** (3 - start)
        expect(np.array_equal(results[ours.outputs[1].name], want), f"from {start}: {results}, not {want}")


@case
def branches_that_name_different_variables(folder):
    model = builder.Model()
    main, first, second = model.main, model.graph("first"), model.graph("second")
    begins(model, a=np.zeros(3, F32), b=np.ones(3, F32))
    first.output(handle(first, "a"))
    second.output(handle(second, "b"))
    chosen = main.op("IF", [main.input(BOOL, ())], ["RESOURCE"], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.output(main.op("READ_VARIABLE", [chosen], [main.tensor(F32, (3,))], "ReadVariableOptions"))
    done = harness.smelt("compile", model.save(folder / "m.tflite"), "-o", folder / "m.so")
    expect(done.returncode == 4 and "its branches make different variables" in done.stderr, done.stderr)


@case
def what_is_refused_is_named(folder):
    """Text and operators of the user's own, all at once and in one line."""
    model = builder.Model()
    main = model.main
    words = main.input("STRING", (2,), name="words")
    main.output(main.op("RESHAPE", [words, numbers(main, [1, 2])], ["STRING"], "ReshapeOptions", newShape=[1, 2]))
    done = harness.smelt("compile", model.save(folder / "m.tflite"), "-o", folder / "m.so")
    expect(done.returncode == 4 and "input 'words' has elements of STRING" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    model = builder.Model()
    main = model.main
    main.output(*(main.op(name, [main.input(F32, (3,))], [F32], custom=b"abc") for name in ("MyOwn", "FlexErf")))
    done = harness.smelt("compile", model.save(folder / "m.tflite"), "-o", folder / "m.so")
    expect(done.returncode == 4 and "(MyOwn, operator 0)" in done.stderr and "(FlexErf, operator 1)" in done.stderr and done.stderr.count("\n") == 1, done.stderr)


if __name__ == "__main__":
    cases = [*FOUND, *((f"beyond {name}".replace("_", " "), refuses(build, runs)) for name, build, runs in BEYOND), *case]
    sys.exit(harness.run_cases(__doc__, cases, in_folder=True))
