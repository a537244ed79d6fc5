# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports modules with seeded weights as .pt2, in any of torch.export's three dialects. Runs in the environment that has torch."""

import copy
import subprocess
from pathlib import Path

import numpy
import torch

DIALECTS = ("training", "functional", "core")
SMELT = Path(__file__).resolve().parents[2] / "build" / "bin" / "smelt"


def seeded(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The module in eval mode, with weights as they are initialised, none all zero, and statistics of batch norms that are none."""
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
        if name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    for parameter in module.parameters():
        if parameter.numel() > 1 and not parameter.any():  # a head that is zero would hide what is before it
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return module.eval()


def export(module: torch.nn.Module, inputs: tuple, dialect: str, dynamic=None, strict: bool = False) -> torch.export.ExportedProgram:
    """`dialect`: training, as torch.export.export leaves it; functional; or core, decomposed to the core operators."""
    with torch.no_grad():
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic, strict=strict)
        if dialect == "functional":
            program = program.run_decompositions({})
        if dialect == "core":
            program = program.run_decompositions()
    return program


def flat(values) -> list:
    """The tensors of nested lists, tuples and dicts, in order; numbers become arrays, and complex ones pairs of floats, as Smelt has them."""
    leaves = [torch.view_as_real(value.resolve_conj()) if isinstance(value, torch.Tensor) and value.is_complex() else value
              for value in torch.utils._pytree.tree_leaves(values)]
    return [value.detach().to(torch.float32).numpy() if isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16
            else value.detach().numpy() if isinstance(value, torch.Tensor) else numpy.asarray(value)
            for value in leaves if value is not None]


def save(program: torch.export.ExportedProgram, module: torch.nn.Module, inputs: tuple, path: Path, with_states: bool = False) -> None:
    """Writes PATH.pt2, PATH.in.npz with the inputs by name and PATH.out.npz with what eager PyTorch makes of them, of inputs that it changes, and of its
    buffers (`smelt compare` wants these as well, `smelt run` does not tell them)."""
    torch.export.save(program, path.with_suffix(".pt2"))
    signature, own, given = program.graph_signature, copy.deepcopy(module), copy.deepcopy(inputs)
    with torch.no_grad():
        outputs = flat(own(*given))
    names = [name for name in signature.user_inputs if isinstance(name, str)]
    numpy.savez(path.with_suffix(".in.npz"), **dict(zip(names, flat(inputs))))
    made, taken = {f"{name}.next": after for name, before, after in zip(names, flat(inputs), flat(given)) if not numpy.array_equal(before, after)}, []
    for name, value in zip([str(name) for name in signature.user_outputs if name is not None], outputs):
        copies = taken.count(name)
        taken.append(name)
        made[f"{name}.{copies}" if copies else name] = value
    changed = {name: value for name, value in own.named_buffers() if with_states and not torch.equal(value, module.get_buffer(name))}
    made |= {f"{name}.next": flat(value)[0] for name, value in changed.items()}
    if any(module.get_buffer(name).any() for name in changed):
        made["has_begun.next"] = numpy.array(True)  # a state of Smelt's own, where buffers do not begin as zeros
    numpy.savez(path.with_suffix(".out.npz"), **made)


def check(module: torch.nn.Module, inputs: tuple, dialect: str, path: Path) -> str:
    """"agrees" where Smelt's own evaluation of an exported module does with eager PyTorch, else what it says. Writes files as `save` does."""
    save(export(copy.deepcopy(module), inputs, dialect), module, inputs, path, with_states=True)
    made = subprocess.run([SMELT, "compare", path.with_suffix(".pt2"), "--inputs", path.with_suffix(".in.npz"), "--against", path.with_suffix(".out.npz")],
                          capture_output=True, text=True, check=False)
    lines = [line for line in made.stdout.splitlines() if line.strip()]
    return "agrees" if made.returncode == 0 else f"exit {made.returncode}: {made.stderr.strip()[:1500]} {' | '.join(lines[:6])[:900]}"
