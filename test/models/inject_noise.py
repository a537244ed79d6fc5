# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random values of a model as inputs: two runtimes that are given the same ones have to agree."""
import numpy as np
import onnx
from onnx import helper, numpy_helper

MOST_FRAMES = 1024  # values along the last axis, of which the model takes as many as it needs


def as_inputs(channels):
    """{node: its channels} → a function from a serialised model to one whose RandomNormalLike nodes of these names read inputs "noise0", … of
    [1, channels, MOST_FRAMES] instead."""

    def edit(data):
        model = onnx.load_from_string(data)
        graph, nodes = model.graph, []
        for name, value in (("noise_first", 0), ("noise_axis", 2)):
            graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
        for node in graph.node:
            if node.op_type != "RandomNormalLike":
                nodes.append(node)
                continue
            source = f"noise{sum(value.name.startswith('noise') for value in graph.input)}"
            shape = [1, channels[node.name], MOST_FRAMES]
            graph.input.append(helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, shape))
            nodes.append(helper.make_node("Shape", [node.input[0]], [f"{source}_length"], name=f"{node.name}_length", start=2))
            nodes.append(helper.make_node("Slice", [source, "noise_first", f"{source}_length", "noise_axis"], [node.output[0]], name=node.name))
        del graph.node[:]
        graph.node.extend(nodes)
        return model.SerializeToString(deterministic=True)

    return edit
