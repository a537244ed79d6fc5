#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports the modules of operators.py in torch.export's dialects and compares Smelt's own evaluation of them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_operators.py [CASE…] [--dialects training,functional,core] [--save FOLDER] [--compiled]

With --save, writes each file, its inputs and what PyTorch makes of them: what test_pt2.py runs where there is no torch.
"""

import argparse
import copy
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export
import operators


def check(name: str, dialect: str, folder: Path) -> str:
    module, inputs = operators.CASES[name]
    module = export.seeded(copy.deepcopy(module))
    return export.check(module, inputs, dialect, folder / f"{name}-{dialect}")


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", default=list(operators.CASES))
    parser.add_argument("--dialects", default=",".join(export.DIALECTS))
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.save or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.cases or operators.CASES:
            for dialect in arguments.dialects.split(","):
                try:
                    result = check(name, dialect, folder)
                except Exception as error:  # whatever torch.export finds
                    result = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300]}"
                failed += result != "agrees"
                print(f"{name:16} {dialect:11} {result}", flush=True)
    sys.exit(1 if failed else 0)


main()
