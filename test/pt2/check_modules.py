#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports each module of torch.nn (modules.py) in torch.export's dialects and compares Smelt's own evaluation of it with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_modules.py [CASE…] [--dialects training,functional,core] [--keep FOLDER] [--quiet]

Fails also where torch.nn has a class that no case is of.
"""

import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checking
import export
import modules


def check(name: str, dialect: str, _variant: str, folder: Path) -> str:
    module, inputs = modules.make(name)
    return export.check(export.seeded(copy.deepcopy(module)), inputs, dialect, folder / f"{name}-{dialect}")


checking.main(__doc__, modules.CASES, check, refused=modules.REFUSED, missing=modules.missing)
