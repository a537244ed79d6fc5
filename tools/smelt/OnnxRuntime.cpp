// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"

namespace smelt {

static constexpr llvm::StringLiteral kScript = R"(
import itertools, sys, zipfile
model, inputs, outputs, prefix, _ = sys.argv[1:]
with open(model, "rb") as file:
    begin = file.read(8)
if begin[:4] == b"PK\3\4" or begin[4:] == b"TFL3":
    print("runs .onnx files only", file=sys.stderr)
    sys.exit(2)
try:
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
    with zipfile.ZipFile(inputs) as archive:  # np.load refuses an archive of nothing
        given = {name[:-4]: np.lib.format.read_array(archive.open(name)) for name in archive.namelist()}
    feeds = dict(given)
    for value in session.get_inputs():  # sequences are x[0], x[1], ...; what is absent is nowhere
        if "seq(" in value.type and value.name not in given:
            parts = itertools.takewhile(given.__contains__, (f"{value.name}[{i}]" for i in itertools.count()))
            feeds[value.name] = [feeds.pop(part) for part in parts]
        if value.type.startswith("optional(") and value.name not in given:
            feeds[value.name] = feeds.get(value.name) or None
    with zipfile.ZipFile(outputs, "w") as archive:
        def write(key, value):
            if isinstance(value, np.ndarray) and value.dtype != object:
                with archive.open(key + ".npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(value, order="C"))
        for output, value in zip(session.get_outputs(), session.run(None, feeds)):
            name = output.name
            if output.type.startswith("optional("):
                write(name + ".present", np.array(value is not None))
            if isinstance(value, list) and all(isinstance(part, np.ndarray) for part in value):
                rank = max((part.ndim for part in value), default=0)
                rows = [part.shape + (-1,) * (rank - part.ndim) for part in value]
                if value:
                    write(name + ".shapes", np.array(rows, np.int64).reshape(len(value), rank))
                    write(name + ".data", np.concatenate([part.reshape(-1) for part in value]))
                for i, part in enumerate(value):
                    write(f"{name}[{i}]", part)
            for key in sorted({name, nodes.get(name, name)}):
                write(key, value)
except ImportError as error:
    print(f"{error}; {sys.executable} needs the packages numpy, onnxruntime and, for --layers, onnx, "
          "or SMELT_PYTHON names a Python that has them", file=sys.stderr)
    sys.exit(1)
except Exception as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:400], file=sys.stderr)
    sys.exit(1)
)";

const Framework kOnnxRuntime = {"onnxruntime", kScript, "../../.venv/bin/python"};

} // namespace smelt
