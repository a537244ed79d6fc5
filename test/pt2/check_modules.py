#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports each module of torch.nn (modules.py) in torch.export's dialects and compares Smelt's own evaluation of it with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_modules.py [CASE…] [--dialects training,functional,core] [--all]

A line for each that does not agree, with --all for each. Fails also where torch.nn has a class that no case is of.
"""

import argparse
import collections
import copy
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export
import modules


def check(name: str, dialect: str, folder: Path) -> str:
    module, inputs = modules.make(name)
    return export.check(export.seeded(copy.deepcopy(module)), inputs, dialect, folder / "case")


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--dialects", default=",".join(export.DIALECTS))
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = collections.Counter()
    for name in arguments.cases or modules.CASES:
        for dialect in arguments.dialects.split(","):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    result = check(name, dialect, Path(folder))
                except Exception as error:  # whatever torch.export finds
                    result = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300]}"
            known = modules.REFUSED.get(name, ())
            if result != "agrees" and any(part in result for part in ([known] if isinstance(known, str) else known)):
                result = "refused"
            results[result if result in ("agrees", "refused") else "differs"] += 1
            if arguments.all or result not in ("agrees", "refused"):
                print(f"{name:36} {dialect:11} {result}", flush=True)
    lacking = modules.missing()
    if lacking and not arguments.cases:
        print(f"no case is of {', '.join(lacking)}")
    print(f"{results['agrees']} agree, {results['refused']} are refused as is known, {results['differs']} differ")
    sys.exit(1 if results["differs"] or (lacking and not arguments.cases) else 0)


main()
