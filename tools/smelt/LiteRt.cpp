// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"

namespace smelt {

// Tensors are told apart by their places, as their names need not differ. What variables hold stays with LiteRT.
static constexpr llvm::StringLiteral kScript = R"(
def results(given):
    try:
        from ai_edge_litert import interpreter as litert
    except ImportError:
        from tflite_runtime import interpreter as litert
    kinds = litert.OpResolverType
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if prefix else kinds.AUTO
    session = litert.Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=kind, experimental_preserve_all_tensors=bool(prefix))
    if names["signature"]:  # its names are those of inputs and outputs; layers are told of the first subgraph alone
        yield from session.get_signature_runner(names["signature"])(**{name: given[name] for name in names["inputs"]}).items()
        return
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
    for name, detail in zip(names["outputs"], session.get_output_details()):
        yield name, session.get_tensor(detail["index"])
    wanted = set(names["layers"])  # others may have no value, which not every version survives to say
    whole = {op["outputs"][0] for op in session._get_ops_details() if len(op["outputs"]) == 1} if wanted else set()
    for detail in session.get_tensor_details() if wanted else []:
        if detail["name"] in wanted and detail["index"] in whole:
            yield prefix + detail["name"], session.get_tensor(detail["index"])
)";

const Framework kLiteRt = {"litert",
                           ".tflite",
                           "numpy and ai-edge-litert,",
                           kScript,
                           "../../.cache/litert/bin/python",
                           /*yieldsStates=*/false,
                           /*mostSteps=*/1};

} // namespace smelt
