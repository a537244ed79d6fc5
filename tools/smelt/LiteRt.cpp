// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"

namespace smelt {

// Tensors are told apart by their places, as their names need not differ. What variables hold stays with LiteRT.
static constexpr llvm::StringLiteral kScript = R"(
import json, sys, zipfile
model, inputs, outputs, prefix, names = sys.argv[1:]
with open(model, "rb") as file:
    if file.read(8)[4:] != b"TFL3":
        print("runs .tflite files only", file=sys.stderr)
        sys.exit(2)
try:
    import numpy as np
    try:
        from ai_edge_litert import interpreter as litert
    except ImportError:
        from tflite_runtime import interpreter as litert
    kinds = litert.OpResolverType
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if prefix else kinds.AUTO
    session = litert.Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=kind, experimental_preserve_all_tensors=bool(prefix))
    names = json.loads(names)
    with zipfile.ZipFile(inputs) as archive:
        given = {name[:-4]: np.lib.format.read_array(archive.open(name)) for name in archive.namelist()}
    details = session.get_input_details()
    feeds = [given[name] for name in names["inputs"]]
    if len(feeds) != len(details):
        raise ValueError(f"the model has {len(details)} inputs there, and {len(feeds)} here")
    for detail, value in zip(details, feeds):
        if tuple(detail["shape"]) != value.shape:
            session.resize_tensor_input(detail["index"], value.shape)
    session.allocate_tensors()
    for detail, value in zip(details, feeds):
        session.set_tensor(detail["index"], value)
    session.invoke()
    with zipfile.ZipFile(outputs, "w") as archive:
        written = set()
        def write(key, index):
            if key not in written:
                written.add(key)
                with archive.open(key + ".npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(session.get_tensor(index), order="C"))
        for name, detail in zip(names["outputs"], session.get_output_details()):
            write(name, detail["index"])
        wanted = set(names["layers"])  # others may have no value, which not every version survives to say
        whole = {op["outputs"][0] for op in session._get_ops_details() if len(op["outputs"]) == 1} if wanted else set()
        for detail in session.get_tensor_details() if wanted else []:
            if detail["name"] in wanted and detail["index"] in whole:
                write(prefix + detail["name"], detail["index"])
except ImportError as error:
    print(f"{error}; {sys.executable} needs the packages numpy and ai-edge-litert, or SMELT_PYTHON names a Python that has them", file=sys.stderr)
    sys.exit(1)
except Exception as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:400], file=sys.stderr)
    sys.exit(1)
)";

const Framework kLiteRt = {"litert", kScript, "../../.cache/litert/bin/python", /*yieldsStates=*/false};

} // namespace smelt
