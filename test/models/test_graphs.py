#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seeded graphs of a dozen operators against ONNX Runtime: results that several read, each in another shape, and that are outputs as well; dims known
and open.

usage: test_graphs.py [NAME…] [--json FILE]
"""
import math
import pathlib
import random
import sys
import typing

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness

onnxruntime.set_default_logger_severity(3)

SEEDS = 60
MOST_ELEMENTS = 30_000  # of a result
STRIPS = (0, 0, 1, 2, 3)
steps = harness.Suite()


class Value(typing.NamedTuple):
    name: str
    extents: list
    known: list  # for each dim, whether the file has its extent


class Graph:
    """A model that grows operator by operator; each step reads some values and adds one, or nothing where it does not fit."""

    def __init__(self, seed, is_open=False):
        self.random, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.nodes, self.weights, self.read = [], [], set()
        extents = [self.choose(1, 1, 2), self.choose(1, 3, 4, 8, 17), self.random.randint(3, 14), self.random.randint(3, 14)]
        self.values = [Value("x", extents, [True, True, *(not is_open or self.random.random() < 0.5 for _ in range(2))])]
        if is_open:
            self.values[0].known[0] = self.random.random() < 0.5

    def choose(self, *options):
        return self.random.choice(options)

    def pick(self, least=1, most=6):
        """A value of such a rank, one of the last for choice."""
        fit = [value for value in self.values if least <= len(value.extents) <= most]
        return self.random.choice(fit[-4:] if self.random.random() < 0.6 else fit) if fit else None

    def constant(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def filter(self, *extents):
        return self.constant((self.numbers.standard_normal(extents) / math.sqrt(math.prod(extents[1:]))).astype(np.float32))

    def add(self, operator, operands, extents, known, **attributes):
        if math.prod(extents) > MOST_ELEMENTS or min(extents, default=1) < 1:
            return None
        value = Value(f"v{len(self.nodes)}", list(extents), list(known))
        self.nodes.append(helper.make_node(operator, operands, [value.name], name=value.name, **attributes))
        self.read.update(operands)
        self.values.append(value)
        return value

    def reshape(self, value, first, last, parts, known):
        """Dims first … last - 1 become `parts`."""
        extents = value.extents[:first] + parts + value.extents[last:]
        flags = value.known[:first] + known + value.known[last:]
        target = [extent if is_known else 0 if dim < first else -1 for dim, (extent, is_known) in enumerate(zip(extents, flags))]
        return self.add("Reshape", [value.name, self.constant(np.array(target, np.int64))], extents, flags) if target.count(-1) < 2 else None

    def transpose(self, value, order):
        return value and self.add("Transpose", [value.name], [value.extents[dim] for dim in order], [value.known[dim] for dim in order], perm=order)

    def model(self, outputs=()):
        """What nothing reads is an output, and some of what is read."""
        names = list(outputs) or [value.name for value in self.values[1:] if value.name not in self.read or self.random.random() < 0.15]
        x = self.values[0]
        dims = [extent if known else f"dim{dim}" for dim, (extent, known) in enumerate(zip(x.extents, x.known))]
        graph = helper.make_graph(self.nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
                                  [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@steps
def convolution(graph):
    value = graph.pick(4, 4)
    if not value or not value.known[1]:
        return
    batch, channels, *image = value.extents
    size, stride, results = graph.choose(1, 2, 3, 3, 5), graph.choose(1, 1, 2), graph.choose(1, 3, 5, 8, 17)
    pads = [graph.random.randint(0, size // 2) for _ in range(2)]
    extents = [(extent + sum(pads) - size) // stride + 1 for extent in image]
    graph.add("Conv", [value.name, graph.filter(results, channels, size, size), graph.filter(results)], [batch, results, *extents], value.known,
              strides=[stride] * 2, pads=[pads[0]] * 2 + [pads[1]] * 2)


@steps
def transposed_convolution(graph):
    value = graph.pick(4, 4)
    if not value or not value.known[1]:
        return
    batch, channels, *image = value.extents
    size, stride, results = graph.choose(2, 3, 4, 4), graph.choose(1, 2, 2, 3), graph.choose(1, 2, 5, 8)
    pad = graph.random.randint(0, size // 2)
    extents = [(extent - 1) * stride + size - 2 * pad for extent in image]
    graph.add("ConvTranspose", [value.name, graph.filter(channels, results, size, size), graph.filter(results)], [batch, results, *extents], value.known,
              strides=[stride] * 2, pads=[pad] * 4)


@steps
def pool(graph):
    value = graph.pick(4, 4)
    if value:
        graph.add(graph.choose("MaxPool", "AveragePool"), [value.name], value.extents[:2] + [(extent - 1) // 2 + 1 for extent in value.extents[2:]], value.known,
                  kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)


@steps
def sequence_of_pixels(graph):
    value = graph.pick(4, 4)
    flat = value and graph.reshape(value, 2, 4, [math.prod(value.extents[2:])], [all(value.known[2:])])
    graph.transpose(flat, [0, 2, 1])


@steps
def merge(graph):
    value = graph.pick(3)
    if not value:
        return
    first = graph.random.randrange(len(value.extents) - 1)
    last = graph.random.randint(first + 2, len(value.extents))
    graph.reshape(value, first, last, [math.prod(value.extents[first:last])], [all(value.known[first:last])])


@steps
def split(graph):
    value, factor = graph.pick(2, 4), graph.choose(2, 3, 4)
    dims = [dim for dim, extent in enumerate(value.extents) if value.known[dim] and extent % factor == 0] if value else []
    if dims:
        dim = graph.random.choice(dims)
        graph.reshape(value, dim, dim + 1, [factor, value.extents[dim] // factor], [True, True])


@steps
def transposition(graph):
    value = graph.pick(2)
    order = list(range(len(value.extents))) if value else []
    graph.random.shuffle(order)
    graph.transpose(value, order)


@steps
def part(graph):
    value = graph.pick()
    dim = graph.random.randrange(len(value.extents))
    extent, step = value.extents[dim], graph.choose(1, 1, 2, -1)
    start = graph.random.randrange(extent) if step > 0 else -1
    length = math.ceil((extent - start) / step) if step > 0 else extent
    bounds = [graph.constant(np.array([bound], np.int64)) for bound in (start, 2**31 if step > 0 else -2**31, dim, step)]
    graph.add("Slice", [value.name, *bounds], value.extents[:dim] + [length] + value.extents[dim + 1:], value.known)


@steps
def concatenation(graph):
    value = graph.pick()
    dim = graph.random.randrange(len(value.extents))
    others = [other for other in graph.values if other.extents[:dim] + other.extents[dim + 1:] == value.extents[:dim] + value.extents[dim + 1:]
              and len(other.extents) == len(value.extents)]
    other = graph.random.choice(others)
    graph.add("Concat", [value.name, other.name], value.extents[:dim] + [value.extents[dim] + other.extents[dim]] + value.extents[dim + 1:],
              [a and b for a, b in zip(value.known, other.known)], axis=dim)


@steps
def padding(graph):
    value = graph.pick(2, 4)
    pads = [graph.choose(0, 0, 1, 2) for _ in range(2 * len(value.extents))] if value else []
    if value:
        extents = [extent + pads[dim] + pads[dim + len(value.extents)] for dim, extent in enumerate(value.extents)]
        graph.add("Pad", [value.name, graph.constant(np.array(pads, np.int64))], extents, value.known, mode=graph.choose("constant", "constant", "edge"))


@steps
def softmax(graph):
    value = graph.pick()
    graph.add("Softmax", [value.name], value.extents, value.known, axis=graph.random.randrange(len(value.extents)))


@steps
def mean(graph):
    value = graph.pick(2)
    if value:
        dim = graph.random.randrange(len(value.extents))
        graph.add(graph.choose("ReduceMean", "ReduceMax"), [value.name], value.extents[:dim] + [1] + value.extents[dim + 1:],
                  value.known[:dim] + [True] + value.known[dim + 1:], axes=[dim])


@steps
def product(graph):
    value = graph.pick(2, 4)
    if value and value.known[-1]:
        columns = graph.choose(1, 4, 17)
        graph.add("MatMul", [value.name, graph.filter(value.extents[-1], columns)], value.extents[:-1] + [columns], value.known)


@steps
def residual(graph):
    value = graph.pick()
    other = graph.random.choice([other for other in graph.values if other.extents == value.extents])
    graph.add(graph.choose("Add", "Mul"), [value.name, other.name], value.extents, [a and b for a, b in zip(value.known, other.known)])


@steps
def activation(graph):
    value = graph.pick()
    graph.add(graph.choose("Relu", "Sigmoid", "Tanh"), [value.name], value.extents, value.known)


def drawn(seed):
    graph = Graph(seed, is_open=seed % 3 == 2)
    length = graph.random.randint(2, 12)
    for _ in range(4 * length):
        if len(graph.nodes) < length:
            graph.random.choice(steps)[1](graph)
    return graph


def check(graph, model, folder, strips=0):
    """At the extents that the graph was drawn with, and at others where it is open."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    onnx.save(model, folder / "graph.onnx")
    harness.smelt_ok("compile", folder / "graph.onnx", "-o", folder / "graph.so", "--strips", strips, "--target", harness.TARGET)
    x, figures = graph.values[0], {}
    for more in (0,) if all(x.known) else (0, 2):
        feeds = {"x": graph.numbers.standard_normal([extent + more * (not known) for extent, known in zip(x.extents, x.known)]).astype(np.float32)}
        names = [output.name for output in session.get_outputs()]
        try:
            want = dict(zip(names, session.run(names, feeds)))
        except Exception:  # of other extents those that were equal by chance need not be
            if more:
                break
            raise
        np.savez(folder / "in.npz", **feeds)
        harness.smelt_ok("run", folder / "graph.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        with np.load(folder / "out.npz") as outputs:
            figures = harness.agreement(dict(outputs), want)
    return figures


def padded_and_flat(folder):
    """The convolutions that follow want a result padded, others want its pixels in a row."""
    graph = Graph(1)
    graph.values = [Value("x", [1, 3, 13, 18], [True] * 4)]
    graph.add("Conv", ["x", graph.filter(17, 3, 3, 3)], [1, 17, 7, 9], [True] * 4, strides=[2, 2], pads=[1] * 4)
    image = graph.values[-1]
    graph.transpose(graph.reshape(image, 2, 4, [63], [True]), [0, 2, 1])
    graph.add("Softmax", [graph.values[-1].name], [1, 63, 17], [True] * 3, axis=1)
    graph.add("ConvTranspose", [image.name, graph.filter(17, 5, 4, 4)], [1, 5, 14, 18], [True] * 4, strides=[2, 2], pads=[1] * 4)
    return check(graph, graph.model([value.name for value in graph.values[-2:]]), folder)


def seeded(seed):
    def run(folder):
        graph = drawn(seed)
        return check(graph, graph.model(), folder, STRIPS[seed % len(STRIPS)])

    return f"seed {seed}", run


if __name__ == "__main__":
    cases = [("padded and flat", padded_and_flat), *map(seeded, range(SEEDS))]
    sys.exit(harness.run_cases(__doc__, cases, in_folder=True))
