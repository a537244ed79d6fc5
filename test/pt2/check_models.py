#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports models with seeded weights in torch.export's dialects, compiles them and compares them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_models.py [MODEL…] [--dialects training,functional,core]

A line for each: the largest error of any output, as a part of that output's largest value. Fails above 1e-3.
"""

import argparse
import copy
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export
import models


def error_of(outputs: dict, wanted: dict) -> float:
    worst = 0.0
    for name, reference in wanted.items():
        made = outputs[name]
        if made.shape != reference.shape:
            raise ValueError(f"{name}: {made.shape} instead of {reference.shape}")
        if reference.size:
            scale = max(float(numpy.abs(reference).max()), 1e-6)
            worst = max(worst, float(numpy.abs(made.astype(float) - reference.astype(float)).max()) / scale)
    return worst


def check(name: str, dialect: str, folder: Path) -> str:
    module, inputs = models.make(name)
    module = export.seeded(module)
    program = export.export(copy.deepcopy(module), inputs, dialect)
    path = folder / f"{name}-{dialect}"
    export.save(program, module, inputs, path)
    begun = time.time()
    made = subprocess.run([export.SMELT, "compile", path.with_suffix(".pt2"), "-o", path.with_suffix(".so")], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"exit {made.returncode}: {made.stderr.strip()[:600]}"
    seconds = time.time() - begun
    out = folder / "made.npz"
    ran = subprocess.run([export.SMELT, "run", path.with_suffix(".so"), "--inputs", path.with_suffix(".in.npz"), "--outputs", out], capture_output=True, text=True, check=False)
    if ran.returncode:
        return f"exit {ran.returncode}: {ran.stderr.strip()[:600]}"
    error = error_of(dict(numpy.load(out)), dict(numpy.load(path.with_suffix(".out.npz"))))
    return f"{'agrees' if error < 1e-3 else 'DIFFERS'} {error:.1e}  ({len(program.graph.nodes)} nodes, compiled in {seconds:.1f} s)"


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=models.ALL)
    parser.add_argument("--dialects", default=",".join(export.DIALECTS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            for dialect in arguments.dialects.split(","):
                try:
                    result = check(name, dialect, Path(folder))
                except Exception as error:  # whatever torch.export finds
                    result = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
                failed += not result.startswith("agrees")
                print(f"{name:22} {dialect:11} {result}", flush=True)
                for file in Path(folder).iterdir():
                    file.unlink()
    sys.exit(1 if failed else 0)


main()
