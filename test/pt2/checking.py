# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the programs check_*.py have in common: their command line, a line for each case, and when a result agrees with PyTorch's.

A case is checked in each of torch.export's dialects. It agrees where shapes and dtypes are equal, integers and bools are the same, NaN and infinities
stand where they do, and no float is off by more than BAR of the largest one of its output.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import export
import numpy
import torch

BAR = 1e-3


class Failure(Exception):
    pass


def smelt(*arguments) -> None:
    done = subprocess.run([export.SMELT, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise Failure(f"{arguments[0]}: exit {done.returncode}: {done.stderr.strip()[:1500]}")


def error_of(made: dict, wanted: dict) -> float:
    """The largest error of any output, as a part of that output's largest value; Failure where no number says it."""
    worst = 0.0
    for name, reference in wanted.items():
        if name not in made:
            raise Failure(f"there is no output {name}")
        value = made[name]
        if value.shape != reference.shape or value.dtype != reference.dtype:
            raise Failure(f"{name}: {value.dtype} {value.shape} instead of {reference.dtype} {reference.shape}")
        if reference.dtype.kind != "f":
            if not numpy.array_equal(value, reference):
                raise Failure(f"{name}: {(value != reference).sum()} of {value.size} integers differ")
            continue
        finite = numpy.isfinite(reference)
        if not numpy.array_equal(value[~finite], reference[~finite], equal_nan=True) or not numpy.isfinite(value[finite]).all():
            raise Failure(f"{name}: NaN or infinities stand elsewhere")
        if finite.any():
            value, reference = value[finite].astype(float), reference[finite].astype(float)
            worst = max(worst, float(numpy.abs(value - reference).max()) / max(float(numpy.abs(reference).max()), 1e-6))
    return worst


def run_error(path: Path) -> float:
    """error_of what PATH.so makes of PATH.in.npz and PATH.out.npz."""
    made = path.with_suffix(".made.npz")
    smelt("run", path.with_suffix(".so"), "--inputs", path.with_suffix(".in.npz"), "--outputs", made)
    return error_of(dict(numpy.load(made)), dict(numpy.load(path.with_suffix(".out.npz"))))


def verdict(error: float) -> str:
    return f"{'agrees' if error < BAR else 'DIFFERS'} {error:.1e}"


def main(description: str, cases, check, variants=("",), refused=None, missing=lambda: []) -> None:
    """Prints a line for each case, dialect and variant, and how many agree; with --quiet only for those that do not.

    `check(name, dialect, variant, folder)` says "agrees …" or why it does not, or raises. `refused` has, by case, parts of what is said where that is known;
    `missing()` names what no case is of.
    """
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    parser.add_argument("--dialects", default=",".join(export.DIALECTS))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the files there")
    parser.add_argument("--quiet", action="store_true", help="tell only what does not agree")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts = collections.Counter()
    for name in arguments.cases or cases:
        for dialect in arguments.dialects.split(","):
            for variant in variants:
                with tempfile.TemporaryDirectory() as temporary:
                    folder = arguments.keep or Path(temporary)
                    folder.mkdir(parents=True, exist_ok=True)
                    result = _result(lambda: check(name, dialect, variant, folder))
                known = (refused or {}).get(name, ())
                is_known = not result.startswith("agrees") and any(part in result for part in ([known] if isinstance(known, str) else known))
                kind = "agree" if result.startswith("agrees") else "are refused as is known" if is_known else "differ"
                counts[kind] += 1
                if kind == "differ" or not arguments.quiet:
                    print(" ".join(f"{name:22} {dialect:11} {variant} {'refused: ' if is_known else ''}{result}".split()), flush=True)
    lacking = [] if arguments.cases else missing()
    if lacking:
        print(f"no case is of {', '.join(lacking)}")
    print(", ".join(f"{counts[kind]} {kind}" for kind in ("agree", "are refused as is known", "differ")))
    sys.exit(1 if counts["differ"] or lacking else 0)


def _result(check) -> str:
    try:
        return check()
    except Exception as error:  # whatever torch.export finds
        lines = str(error).strip().splitlines() or [""]
        return f"{'' if isinstance(error, Failure) else type(error).__name__ + ': '}{' '.join(lines[:4])[:1500]}"
