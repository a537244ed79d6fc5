#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the modules of strangers.py, in torch.export's dialects, with a batch that is fixed and one that stays open, and compares them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_strangers.py [MODEL…] [--dialects training,functional,core] [--keep FOLDER] [--quiet]

A line for each: the largest error of any output, as a part of that output's largest value.
"""

import copy
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checking
import export
import strangers

BATCHES = (3, 2, 5)  # what is exported, and what else is run where the batch is open


def resized(inputs: tuple, opened: tuple, batch: int) -> tuple:
    """The inputs with another batch, of the same numbers again."""
    return tuple(torch.cat([value] * batch)[:batch if value.shape[0] == BATCHES[0] else value.shape[0] * batch // BATCHES[0]].contiguous()
                 if number in opened else value for number, value in enumerate(inputs))


def check(name: str, dialect: str, variant: str, folder: Path) -> str:
    module, inputs, opened = strangers.make(name)
    module = export.seeded(module)
    dims = tuple({0: torch.export.Dim.AUTO} if number in opened else {} for number in range(len(inputs)))
    program = export.export(copy.deepcopy(module), inputs, dialect, dims if variant == "open" else None)
    path = folder / f"{name}-{dialect}-{variant}"
    worst = 0.0
    for number, batch in enumerate(BATCHES if variant == "open" else BATCHES[:1]):
        export.save(program, module, inputs if number == 0 else resized(inputs, opened, batch), path)
        if number == 0:
            checking.smelt("compile", path.with_suffix(".pt2"), "-o", path.with_suffix(".so"))
        worst = max(worst, checking.run_error(path))
    return checking.verdict(worst)


checking.main(__doc__, strangers.ALL, check, variants=("fixed", "open"))
