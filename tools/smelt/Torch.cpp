// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"

namespace smelt {

// Inputs and outputs have the names of the program's graph, in its order; buffers and inputs that it changes are the
// outputs NAME.next, and complex numbers have their parts along a last dim. What a node makes is kept as it is then:
// later ones may change it in place.
static constexpr llvm::StringLiteral kScript = R"(
import warnings
warnings.filterwarnings("ignore")

def array(value):
    import numpy as np
    import torch
    value = int(value) if isinstance(value, bool) else value  # as sizes are
    value = torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None).detach()
    value = (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value).contiguous()
    if value.dtype.is_floating_point and value.element_size() == 1:
        return value.view(torch.uint8).numpy().view("V1").copy()
    return value.view(torch.int16).numpy().view(np.uint16).copy() if value.dtype == torch.bfloat16 else value.numpy().copy()

def arguments_of(program, given):
    import numpy as np
    import torch
    given = {name: value.copy() for name, value in given.items()}  # a program may change its inputs
    metas = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    flat = []
    for name in program.graph_signature.user_inputs:
        if not isinstance(name, str):  # a constant of the signature
            flat.append(name)
        elif isinstance(metas.get(name), torch.Tensor):
            is_bits = metas[name].dtype == torch.bfloat16  # NumPy has no such type
            if metas[name].is_complex():
                flat.append(torch.view_as_complex(torch.from_numpy(given[name]).contiguous()))
                continue
            flat.append(torch.from_numpy(given[name].view(np.int16)).view(torch.bfloat16) if is_bits else torch.from_numpy(given[name]).to(metas[name].dtype))
        else:
            flat.append(given[name].item())
    return torch.utils._pytree.tree_unflatten(flat, program.call_spec.in_spec)

def results(given):
    import logging
    logging.disable(logging.WARNING)
    import torch
    for registers in ("torch.ao.quantization.fx._decomposed", "torchvision"):  # operators that a program may call
        try:
            __import__(registers)
        except ImportError:
            pass
    program = torch.export.load(model)
    module, leaves = program.module(), torch.utils._pytree.tree_leaves
    arguments, keywords = arguments_of(program, given)
    made = {}
    class Layers(torch.fx.Interpreter):
        def run_node(self, node):
            value = super().run_node(node)
            if node.op == "call_function" and isinstance(value, torch.Tensor) and not value.is_complex():  # of which there are two
                made[prefix + node.name] = array(value)
            return value
    with torch.no_grad():
        if prefix:
            Layers(module).run(*leaves((arguments, keywords)))
            module = torch.export.load(model).module()  # with its buffers as they were, and its inputs
            arguments, keywords = arguments_of(program, given)
        outputs = leaves(module(*arguments, **keywords))
    taken = []
    names = [name if isinstance(name, str) else "output" for name in program.graph_signature.user_outputs if name is not None]
    for name, value in zip(names, [value for value in outputs if value is not None]):
        copies = taken.count(name)
        taken.append(name)
        made[f"{name}.{copies}" if copies else name] = array(value)
    for name, value in module.named_buffers():
        made[f"{name}.next"] = array(value)
    for name, value in zip(program.graph_signature.user_inputs, leaves((arguments, keywords))):
        if isinstance(name, str):
            made[f"{name}.next"] = array(value)
    yield from made.items()
)";

// That a program has run before, which buffers not of zeros begin with, is a state of Smelt's alone.
const Framework kTorch = {
    "torch", ".pt2", "numpy and torch,", kScript, "../../.cache/torch-venv/bin/python", /*yieldsStates=*/false};

} // namespace smelt
