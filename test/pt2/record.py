#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes files/NAME.{pt2.xz,in.npz,out.npz} of the modules of operators.py: what test_pt2.py runs where there is no torch.

    .cache/torch-venv/bin/python test/pt2/record.py [CASE…]

Two cases are of their own: `custom`, files/custom.pt2, which calls an operator that torch does not have, and `ends`, files/ends.pt2, of parts of open dims.
"""

import copy
import lzma
import re
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export
import operators

FILES = Path(__file__).resolve().parent / "files"
# What is changed in place, and operators that others are made of, are so in TRAINING graphs alone; others are recorded as core operators.
TRAINING = ("inplace", "branches", "cells", "attention", "quantised", "stacking", "composites", "columns", "steps", "bits", "special", "extremes", "ranking", "linalg", "scatterings",
            "losses", "antialias", "bags", "spectra", "complexes", "item", "angles", "rows", "states", "offsets", "autocast",
            "regions", "pools_of_nan", "series", "diagonals", "choices", "factors", "transcendentals", "bounds", "narrow_floats", "ends", "scalars", "overloads")


def without_folders(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program whose stack traces name files alone: what is recorded is the same on every machine."""
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            if trace := node.meta.get("stack_trace"):
                node.meta["stack_trace"] = re.sub(r'File "[^"]*/', 'File "', trace)
    return program


def record(name: str, dialect: str, folder: Path) -> None:
    module, inputs = operators.CASES[name]
    module = export.seeded(copy.deepcopy(module))
    path = folder / f"{name}-{dialect}"
    export.save(without_folders(export.export(copy.deepcopy(module), inputs, dialect)), module, inputs, path, with_states=True)
    (FILES / f"{path.name}.pt2.xz").write_bytes(lzma.compress(path.with_suffix(".pt2").read_bytes(), preset=9))
    for kind in ("in", "out"):
        numpy.savez_compressed(FILES / f"{path.name}.{kind}.npz", **numpy.load(path.with_suffix(f".{kind}.npz")))


@torch.library.custom_op("acme::scale", mutates_args=())
def scale(x: torch.Tensor, factors: torch.Tensor, added: torch.Tensor | None = None, by: float = 1.5) -> torch.Tensor:
    return x * factors * by + (0 if added is None else added)


@scale.register_fake
def _(x, factors, added=None, by=1.5):
    return torch.empty_like(x)


class Custom(torch.nn.Module):
    def forward(self, x, factors):
        return scale(scale(x, factors), factors, factors, by=2.0) + 1


def record_custom() -> None:
    dims = {"x": {0: torch.export.Dim("rows")}, "factors": None}
    program = torch.export.export(Custom(), (torch.rand(3, 4), torch.rand(4)), dynamic_shapes=dims)
    torch.export.save(without_folders(program), FILES / "custom.pt2")


class Ends(torch.nn.Module):
    def forward(self, x, y):
        both, half = torch.cat([x, y], 1), x.shape[1] // 2
        z = torch.zeros_like(x)
        z[:, 1:] = x[:, :-1]
        padded = [torch.nn.functional.pad(x, (0, 0, amount, 0)) for amount in (5 - x.shape[1], -half)]
        return both[:, -x.shape[1]:], both[:, :-y.shape[1]], x[:, -half:], x[:, half - x.shape[1]:], z, *padded


def record_ends() -> None:
    dims = {"x": {1: torch.export.Dim.AUTO}, "y": {1: torch.export.Dim.AUTO}}
    program = torch.export.export(Ends(), (torch.rand(2, 8, 3), torch.rand(2, 3, 3)), dynamic_shapes=dims).run_decompositions({})
    torch.export.save(without_folders(program), FILES / "ends.pt2")


OWN = {"custom": record_custom, "ends": record_ends}


def main() -> None:
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or [*OWN, *operators.CASES]:
            if name in OWN:
                OWN[name]()
                continue
            record(name, "training" if name in TRAINING else "core", Path(folder))


main()
