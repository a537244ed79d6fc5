# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a model of torchvision, in f32 and quantised to 8 bits by PT2E, as FOLDER/{f32,int8}.pt2 and, lowered to XNNPACK, {f32,int8}.pte, beside
in.npy and what PyTorch makes of it, {f32,int8}.npy; int8.step is the step of the quantised output. Runs in the environment that has torch and ExecuTorch.

usage: executorch_programs.py MODEL FOLDER
"""
import pathlib
import sys
import warnings

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test" / "pt2"))
import export
import models
import quantised


def lowered(program):
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    return to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer


def main():
    warnings.filterwarnings("ignore")
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(1)
    module, images = export.seeded(models.vision(name)), quantised.pictures(quantised.CALIBRATION + 1)
    image = images.pop()
    numpy.save(folder / "in.npy", image.numpy())
    programs = {"f32": export.export(module, (image,), "functional"), "int8": quantised.quantise(module, images)}
    (folder / "int8.step").write_text(repr(quantised.output_step(programs["int8"])))
    for precision, program in programs.items():
        torch.export.save(program, folder / f"{precision}.pt2")
        (folder / f"{precision}.pte").write_bytes(lowered(program))
        with torch.no_grad():
            numpy.save(folder / f"{precision}.npy", program.module()(image).numpy())


main()
