# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: python -m corpus OUT_DIR, in test/hostile"""
import sys

from . import write

print(f"{len(write(sys.argv[1]).names)} files in {sys.argv[1]}")
