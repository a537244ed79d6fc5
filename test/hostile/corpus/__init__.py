# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Malformed, hostile and odd models. `ok_…` are odd and compile, `maybe_…` may do either, all others must be refused."""
from . import damage, grid, operators, sequences, structure, symbolic, tensors
from .build import Corpus


def write(folder):
    corpus = Corpus(folder)
    for family in (damage, structure, tensors, operators, grid, symbolic, sequences):
        family.add_to(corpus)
    return corpus
