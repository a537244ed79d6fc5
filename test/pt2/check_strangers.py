#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the modules of strangers.py, in torch.export's dialects, with a batch that is fixed and one that stays open, and compares them with eager PyTorch.

    .cache/torch-venv/bin/python test/pt2/check_strangers.py [MODEL…] [--dialects training,functional,core] [--keep FOLDER]

A line for each: the largest error of any output, as a part of that output's largest value. Fails above 1e-3, and where integers differ.
"""

import argparse
import copy
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import export
import strangers

BATCHES = (3, 2, 5)  # what is exported, and what else is run where the batch is open


class Failure(Exception):
    pass


def smelt(*arguments) -> None:
    done = subprocess.run([export.SMELT, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise Failure(f"{arguments[0]}: exit {done.returncode}: {done.stderr.strip()[:1500]}")


def error_of(made: dict, wanted: dict) -> float:
    worst = 0.0
    for name, reference in wanted.items():
        value = made[name]
        if value.shape != reference.shape or value.dtype != reference.dtype:
            raise Failure(f"{name}: {value.dtype} {value.shape} instead of {reference.dtype} {reference.shape}")
        if reference.dtype.kind != "f" and not numpy.array_equal(value, reference):
            raise Failure(f"{name}: {(value != reference).sum()} of {value.size} integers differ")
        if reference.size and reference.dtype.kind == "f":
            worst = max(worst, float(numpy.abs(value - reference).max()) / max(float(numpy.abs(reference).max()), 1e-6))
    return worst


def resized(inputs: tuple, opened: tuple, batch: int) -> tuple:
    """The inputs with another batch, of the same numbers again."""
    return tuple(torch.cat([value] * batch)[:batch if value.shape[0] == BATCHES[0] else value.shape[0] * batch // BATCHES[0]].contiguous()
                 if number in opened else value for number, value in enumerate(inputs))


def check(name: str, dialect: str, is_open: bool, folder: Path) -> float:
    module, inputs, opened = strangers.make(name)
    module = export.seeded(module)
    dims = tuple({0: torch.export.Dim.AUTO} if number in opened else {} for number in range(len(inputs)))
    program = export.export(copy.deepcopy(module), inputs, dialect, dims if is_open else None)
    path = folder / f"{name}-{dialect}-{'open' if is_open else 'fixed'}"
    worst = 0.0
    for number, batch in enumerate(BATCHES if is_open else BATCHES[:1]):
        export.save(program, module, inputs if number == 0 else resized(inputs, opened, batch), path)
        if number == 0:
            smelt("compile", path.with_suffix(".pt2"), "-o", path.with_suffix(".so"))
        smelt("run", path.with_suffix(".so"), "--inputs", path.with_suffix(".in.npz"), "--outputs", path.with_suffix(".made.npz"))
        worst = max(worst, error_of(dict(numpy.load(path.with_suffix(".made.npz"))), dict(numpy.load(path.with_suffix(".out.npz")))))
    return worst


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=strangers.ALL)
    parser.add_argument("--dialects", default=",".join(export.DIALECTS))
    parser.add_argument("--keep", type=Path, help="a folder for the files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.models:
            for dialect in arguments.dialects.split(","):
                for is_open in (False, True):
                    try:
                        error = check(name, dialect, is_open, folder)
                        result = f"{'agrees' if error < 1e-3 else 'DIFFERS'} {error:.1e}"
                    except Exception as error:  # whatever torch.export finds
                        result = f"{type(error).__name__}: {str(error).strip()[:1200]}"
                    failed += not result.startswith("agrees")
                    print(f"{name:12} {dialect:11} {'open ' if is_open else 'fixed'} {result}", flush=True)
    sys.exit(1 if failed else 0)


main()
