#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantises models by PT2E, compiles them and compares what they make of images with PyTorch, in steps of the output.

    .cache/torch-venv/bin/python test/pt2/check_quantised.py [MODEL…] [--json FILE]

PyTorch sums dequantised numbers in f32, so that its own outputs are some steps from the exact ones: both are compared with those as well. Fails where
less than 99.9 % of all outputs are within one step of PyTorch's, or an image's largest output is another.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tools" / "python")]
import harness

sys.path.insert(0, str(HERE))  # before the folder that harness adds: there are models of that name as well
import export
import models
import quantised
import smelt
from harness import expect

MODELS = ("resnet18", "mobilenet_v2")
IMAGES = 8
BAR = 0.999


def outputs_of(name: str, count: int, folder: Path) -> tuple:
    """What Smelt, PyTorch and exact arithmetic make of images, in steps; each (count, outputs)."""
    module, _ = models.make(name)
    images = quantised.pictures(quantised.CALIBRATION + count)
    program = quantised.quantise(export.seeded(module), images[:quantised.CALIBRATION])
    path = folder / f"{name}.pt2"
    torch.export.save(program, path)
    model, eager = smelt.load(smelt.compile(path)), program.module()
    exact, step = quantised.Exact(eager), quantised.output_step(program)
    made = [[], [], []]
    with torch.no_grad():
        for image in images[quantised.CALIBRATION:]:
            ours = next(iter(model.run({model.inputs[0].name: image.numpy()}).values()))
            wanted = exact.run(image)
            for found, values in zip(made, (ours, eager(image).numpy(), (wanted if isinstance(wanted, torch.Tensor) else wanted[0]).numpy())):
                found.append(numpy.rint(values.astype(float).reshape(-1) / step))
    return tuple(map(numpy.array, made))


def within(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return float((numpy.abs(one - other) <= 1).mean())


def check(name: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        ours, eager, exact = outputs_of(name, IMAGES, Path(folder))
    share, same = within(ours, eager), int((ours.argmax(1) == eager.argmax(1)).sum())
    figures = {"outputs": ours.size, "within_a_step": f"{share:.3%}", "of_exact": f"{within(ours, exact):.3%}", "pytorch_of_exact": f"{within(eager, exact):.3%}"}
    expect(share >= BAR, f"{figures}")
    expect(same == IMAGES, f"the largest output is another in {IMAGES - same} of {IMAGES} images")
    return figures


def main() -> None:
    warnings.filterwarnings("ignore")
    arguments = harness.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    cases = harness.Cases()
    for name in arguments.names or MODELS:
        cases.run(name, lambda name=name: check(name))
    sys.exit(cases.close(arguments.json))


main()
