#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports the modules of operators.py in torch.export's dialects and compares Smelt's own evaluation of them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_operators.py [CASE…] [--dialects training,functional,core] [--keep FOLDER] [--quiet]

With --keep, writes each file, its inputs and what PyTorch makes of them: what test_pt2.py runs where there is no torch.
"""

import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checking
import export
import operators


def check(name: str, dialect: str, _variant: str, folder: Path) -> str:
    module, inputs = operators.CASES[name]
    return export.check(export.seeded(copy.deepcopy(module)), inputs, dialect, folder / f"{name}-{dialect}")


checking.main(__doc__, operators.CASES, check)
