#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes frontends/pt2/schemas.txt: what torch declares of each operator that a row of frontends/pt2/Ops imports.

Files leave out trailing arguments that have their defaults, and these are known to torch alone. Needs torch and torchvision, to be run after a row was
added:

    .cache/torch-venv/bin/python test/pt2/write_schemas.py
"""

import re
from pathlib import Path

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
import torchvision  # registers torchvision

FOLDER = Path(__file__).resolve().parents[2] / "frontends" / "pt2"


def main() -> None:
    names = sorted({name for file in FOLDER.glob("Ops/*.cpp") for name in re.findall(r'\{"(\w+(?:\.\w+)+)",', file.read_text())})
    known = {}
    for schema in torch._C._jit_get_all_schemas():
        known[f"{schema.name.replace('::', '.')}.{schema.overload_name or 'default'}"] = str(schema)
    lines = [f"# The operators that Smelt imports, as torch {torch.__version__.split('+')[0]} declares them; written by test/pt2/write_schemas.py."]
    for name in names:
        if name in known:
            lines.append(known[name])
        elif (inplace := re.sub(r"\.(\w+)$", r"_.\1", name)) in known:  # torch has it in place alone
            lines.append(re.sub(r"_(?=[.(])", "", known[inplace], count=1))
        elif not name.startswith(("_operator.", "math.", "torch.", "higher_order.")):
            print(f"torch has no {name}")
    (FOLDER / "schemas.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines) - 1} schemas of {len(names)} operators")


main()
