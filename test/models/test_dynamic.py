#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real models whose files leave dims open: one artefact of each, run at several sizes, against ONNX Runtime.

usage: test_dynamic.py [NAME…] [--json FILE]
"""
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
import smelt

TURNS = 60  # of what is fed back


def words_of(shapes):
    """"1x3x640x640", of inputs of the same shape only once."""
    return " ".join(dict.fromkeys("x".join(map(str, shape)) for shape in list(shapes.values())[:3]))


def decodes(artefact, reference, shapes):
    """Word after word, with a cache that grows from nothing: each runtime is fed its own."""
    rng = np.random.default_rng(0)
    caches = [{name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in shapes.items() if name != "input_ids"} for _ in range(2)]
    worst = 0.0
    for _ in range(TURNS):
        word = {"input_ids": rng.integers(0, 16384, (1, 1))}
        got, want = artefact.run({**word, **caches[0]}), reference({**word, **caches[1]})
        worst = max(worst, harness.agreement(got, want)["error"])
        caches = [{name: result[name.replace("past", "present")] for name in cache} for cache, result in zip(caches, (got, want))]
    return {"turns": TURNS, "error": worst}


# What else a model has to do, with its artefact, ONNX Runtime and the shapes of its inputs.
USES = {"gpt2s_decode": ("fed back", decodes)}


def test(cases, name, folder):
    path, reference = models.fetch(name), models.reference_of(models.fetch(name))
    artefact = folder / f"{name}.so"
    if not cases.run(f"{name} compiles", lambda: harness.smelt_ok("compile", path, "-o", artefact, seconds=300) and None):
        return
    model = smelt.load(artefact)
    for shapes in models.shapes_of(name):
        feeds = models.inputs(name, shapes=shapes)
        cases.run(f"{name} {words_of(shapes)}", lambda: harness.agreement(model.run(feeds), reference(feeds)))
    if name in USES:
        what, use = USES[name]
        cases.run(f"{name} {what}", lambda: use(model, reference, models.MODELS[name].shapes))


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or [name for name, model in models.MODELS.items() if model.sizes]:
        with tempfile.TemporaryDirectory() as folder:
            test(cases, name, pathlib.Path(folder))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
