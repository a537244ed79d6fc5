# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the families of the corpus share: models in a line or two, and where their files go."""
import pathlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

F32, I64, U64, I32, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT64, TensorProto.INT32, TensorProto.BOOL
LEAST, MOST = -(2**63), 2**63 - 1


class Corpus:
    """A folder of files, each written under the name of its case."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.names = set()

    def add(self, name, content):
        """`ok_…` compiles, `maybe_…` may, all others are refused. `content` is a model, or bytes."""
        if name in self.names:
            raise ValueError(f"two cases are called {name}")
        self.names.add(name)
        (self.folder / f"{name}.onnx").write_bytes(content if isinstance(content, bytes) else content.SerializeToString())


def tensor(name, values, dtype=None):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def integers(name, *values):
    return tensor(name, list(values), np.int64)


def value(name, shape, dtype=F32):
    """An input or output; of any shape where that is None."""
    return helper.make_tensor_value_info(name, dtype, shape)


def node(operator, inputs, outputs, name="n", **attributes):
    """`inputs` and `outputs` are names between spaces; a '-' is an input that is left out."""
    names = ["" if word == "-" else word for word in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), name=name, **attributes)


def opset(version=17, *domains):
    return [helper.make_opsetid("", version), *(helper.make_opsetid(domain, 1) for domain in domains)]


def model(nodes, inputs=None, outputs=None, weights=(), imports=None, functions=()):
    """By default x is f32 [1, 4, 8, 8], and y whatever comes out. Inputs may be a dict of shapes."""
    if isinstance(inputs, dict):
        inputs = [value(name, shape) for name, shape in inputs.items()]
    inputs = [value("x", [1, 4, 8, 8])] if inputs is None else inputs
    outputs = [helper.make_empty_tensor_value_info("y")] if outputs is None else outputs
    nodes = nodes if isinstance(nodes, list) else [nodes]
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, opset_imports=imports or opset(), functions=list(functions), ir_version=9)


def field(number, payload):
    """A length-delimited protobuf field, for what the library refuses to write."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def with_graph(shell, graph):
    """A model's bytes with this for its graph."""
    copy = type(shell)()
    copy.CopyFrom(shell)
    copy.ClearField("graph")
    return copy.SerializeToString() + field(7, graph)


FILTER = tensor("w", np.random.default_rng(0).standard_normal((4, 4, 3, 3)), np.float32)


def small_model():
    """y = relu(conv(x, w))"""
    return model([node("Conv", "x w", "c", "conv", pads=[1] * 4), node("Relu", "c", "y", "relu")], weights=[FILTER])
