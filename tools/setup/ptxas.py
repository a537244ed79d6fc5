#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes .cache/ptxas, where the tests of CUDA's kernels have NVIDIA's assembler. Smelt itself needs none. 40 MB are fetched from PyPI.

usage: ptxas.py        prints the program's path
"""
import pathlib
import subprocess
import sys

from once import made_once

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "nvidia-cuda-nvcc-cu12==12.9.86"
FOLDER = REPOSITORY / ".cache" / "ptxas" / PACKAGE.split("==")[1]
PROGRAM = FOLDER / "nvidia" / "cuda_nvcc" / "bin" / "ptxas"


def install(folder):
    subprocess.run([REPOSITORY / ".venv" / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", "--target", folder, PACKAGE], check=True, stdout=sys.stderr)
    (folder / PROGRAM.relative_to(FOLDER)).chmod(0o755)


def main():
    made_once(FOLDER, install)
    print(PROGRAM)


if __name__ == "__main__":
    main()
