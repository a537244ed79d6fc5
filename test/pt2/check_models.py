#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports models with seeded weights in torch.export's dialects, compiles them and compares them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_models.py [MODEL…] [--dialects training,functional,core] [--keep FOLDER] [--quiet]

A line for each: the largest error of any output, as a part of that output's largest value.
"""

import copy
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checking
import export
import models


def check(name: str, dialect: str, _variant: str, folder: Path) -> str:
    module, inputs = models.make(name)
    module = export.seeded(module)
    program = export.export(copy.deepcopy(module), inputs, dialect)
    path = folder / f"{name}-{dialect}"
    export.save(program, module, inputs, path)
    begun = time.monotonic()
    checking.smelt("compile", path.with_suffix(".pt2"), "-o", path.with_suffix(".so"))
    seconds = time.monotonic() - begun
    return f"{checking.verdict(checking.run_error(path))} ({len(program.graph.nodes)} nodes, compiled in {seconds:.1f} s)"


checking.main(__doc__, models.ALL, check)
