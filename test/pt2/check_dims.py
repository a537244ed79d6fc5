#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the functions of dims.py once, with dims that stay open, in torch.export's dialects, and compares them at several sizes with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_dims.py [FUNCTION…] [--dialects training,functional,core] [--keep FOLDER] [--quiet]

A line for each: the largest error of any output, as a part of that output's largest value. Sizes that the program's
guards refuse, Smelt must refuse as well.
"""

import copy
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checking
import dims
import export


def inputs_of(shapes: list, sizes: dict) -> tuple:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn([sizes.get(extent, extent) for extent in shape], generator=generator) for shape in shapes)


def takes(program: torch.export.ExportedProgram, inputs: tuple) -> bool:
    try:
        program.module()(*copy.deepcopy(inputs))
        return True
    except Exception:  # whatever its guards and operators raise
        return False


def check(name: str, dialect: str, variant: str, folder: Path) -> str:
    module, shapes, choices = dims.make(name)
    opened = tuple({number: torch.export.Dim.AUTO for number, extent in enumerate(shape) if isinstance(extent, str)} for shape in shapes)
    program = export.export(copy.deepcopy(module), inputs_of(shapes, choices[0]), dialect, opened)
    path, worst, ran = folder / f"{name}-{dialect}", 0.0, 0
    for number, sizes in enumerate(choices):
        inputs = inputs_of(shapes, sizes)
        is_taken = takes(program, inputs)
        export.save(program, module, inputs, path)
        if number == 0:
            checking.smelt("compile", path.with_suffix(".pt2"), "-o", path.with_suffix(".so"))
        try:
            worst = max(worst, checking.run_error(path))
        except checking.Failure as failure:
            if is_taken or "exit 2" not in str(failure):
                raise checking.Failure(f"{sizes}: {failure}") from failure
        else:
            if not is_taken:
                raise checking.Failure(f"{sizes}: runs, which PyTorch refuses")
        ran += is_taken
    if ran < 2:
        raise checking.Failure("PyTorch takes no other size")
    return checking.verdict(worst)


checking.main(__doc__, dims.ALL, check)
