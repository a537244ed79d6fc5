// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"

namespace smelt {

static constexpr llvm::StringLiteral kScript = R"(
import itertools

def parts_of(output, value, np):
    """What stands for a sequence, or a value that may be absent, and what it holds."""
    if output.type.startswith("optional("):
        yield output.name + ".present", np.array(value is not None)
    if isinstance(value, list) and all(isinstance(part, np.ndarray) for part in value):
        rank = max((part.ndim for part in value), default=0)
        rows = [part.shape + (-1,) * (rank - part.ndim) for part in value]
        if value:
            yield output.name + ".shapes", np.array(rows, np.int64).reshape(len(value), rank)
            yield output.name + ".data", np.concatenate([part.reshape(-1) for part in value])
        for i, part in enumerate(value):
            yield f"{output.name}[{i}]", part

def results(given):
    import numpy as np
    import onnxruntime as ort
    nodes = {}
    source = model
    if prefix:
        import onnx
        proto = onnx.load(model)
        known = {output.name for output in proto.graph.output}
        for node in proto.graph.node:
            made = [name for name in node.output if name]
            if len(made) == 1:
                nodes[made[0]] = prefix + (node.name or made[0])
                if made[0] not in known:
                    proto.graph.output.append(onnx.ValueInfoProto(name=made[0]))
        source = proto.SerializeToString()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    feeds = dict(given)
    for value in session.get_inputs():  # sequences are x[0], x[1], ...; what is absent is nowhere
        if "seq(" in value.type and value.name not in given:
            parts = itertools.takewhile(given.__contains__, (f"{value.name}[{i}]" for i in itertools.count()))
            feeds[value.name] = [feeds.pop(part) for part in parts]
        if value.type.startswith("optional(") and value.name not in given:
            feeds[value.name] = feeds.get(value.name) or None
    for output, value in zip(session.get_outputs(), session.run(None, feeds)):
        for key, part in itertools.chain(parts_of(output, value, np), ((key, value) for key in sorted({output.name, nodes.get(output.name, output.name)}))):
            if isinstance(part, np.ndarray) and part.dtype != object:
                yield key, part
)";

const Framework kOnnxRuntime = {"onnxruntime", ".onnx", "numpy, onnxruntime and, for --layers, onnx,", kScript,
                                "../../.venv/bin/python"};

} // namespace smelt
