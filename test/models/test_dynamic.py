#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real models whose files leave dims open: one artefact of each, run at several sizes, against ONNX Runtime.

usage: test_dynamic.py [NAME…] [--target T] [--json FILE]
"""
import dataclasses
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import generate_gpt
import models
import sample_inputs
import smelt

PASTS = [f"{layer}.{kind}" for layer in range(generate_gpt.LAYERS) for kind in ("key", "value")]


def words_of(shapes):
    """"1x3x640x640", of inputs of the same shape only once."""
    return " ".join(dict.fromkeys("x".join(map(str, shape)) for shape in list(shapes.values())[:3]))


def next_word(rng, turn):
    return {"input_ids": rng.integers(0, generate_gpt.WORDS, (1, 1))}


def next_chunk(rng, turn):
    """Of a voice, 512 samples and the last 64 of those before."""
    sound = sample_inputs.speech(np.random.default_rng(0), {"input": (1, 64 + 512 * 100), "state": (1,)})["input"]
    return {"input": sound[:, 512 * turn :][:, :576], "sr": np.array(16000)}


@dataclasses.dataclass(frozen=True)
class Loop:
    """A model that is fed what it makes, from `begin` on."""

    states: dict  # input → output
    begin: np.ndarray  # all of them
    feeds: object  # (rng, turn) → the other inputs
    turns: int
    bounds: dict = dataclasses.field(default_factory=dict)  # shapes with which states have a bound


LOOPS = {
    "gpt2s_decode": Loop({f"past.{kind}": f"present.{kind}" for kind in PASTS}, np.zeros((1, 8, 0, 64), np.float32), next_word, 60,
                         {"past.0.key": (1, 8, "past:0..63", 64)}),
    "silero_vad": Loop({"state": "stateN"}, np.zeros((2, 1, 128), np.float32), next_chunk, 100),
}


def fed_back(loop, run, reference):
    """Turn after turn, `run` beside the reference, which is fed its own; `run` gives what it has for the states as well, or keeps it."""
    rng, worst = np.random.default_rng(0), 0.0
    given = [dict.fromkeys(loop.states, loop.begin)] * 2
    for turn in range(loop.turns):
        feeds = loop.feeds(rng, turn)
        results = run(feeds, given[0]), reference({**feeds, **given[1]})
        worst = max(worst, harness.agreement(results[0], {name: results[1][name] for name in results[0]})["error"])
        given = [{state: result.get(output) for state, output in loop.states.items()} for result in results]
    return {"turns": loop.turns, "error": worst}


def kept(loop, path, artefact, reference, **options):
    """The same where the states stay in the instance; what they hold at the end counts, too."""
    model = smelt.load(smelt.compile(path, artefact, states=loop.states, **options))
    last = {}

    def expected(feeds):
        last.update(reference(feeds))
        return last

    figures = [fed_back(loop, lambda feeds, _: model.run(feeds), expected)]
    harness.agreement({output: model.state(output) for output in loop.states.values()}, {output: last[output] for output in loop.states.values()})
    model.reset()
    figures.append(fed_back(dataclasses.replace(loop, turns=3), lambda feeds, _: model.run(feeds), expected))
    return {"turns": loop.turns, "error": max(figure["error"] for figure in figures)}


def test(cases, name, folder, target):
    path, reference = models.fetch(name), models.reference_of(models.fetch(name))
    artefact = folder / f"{name}.so"
    if not cases.run(f"{name} compiles", lambda: smelt.compile(path, artefact, target=target) and None):
        return
    model = smelt.load(artefact)
    for shapes in models.shapes_of(name):
        feeds = models.inputs(name, shapes=shapes)
        cases.run(f"{name} {words_of(shapes)}", lambda: harness.agreement(model.run(feeds), reference(feeds)))
    if name in LOOPS:
        loop = LOOPS[name]
        cases.run(f"{name} fed back", lambda: fed_back(loop, lambda feeds, given: model.run({**feeds, **given}), reference))
        for what, shapes in (("kept", {}), *([("kept within bounds", loop.bounds)] if loop.bounds else [])):
            cases.run(f"{name} {what}", lambda: kept(loop, path, folder / "kept.so", reference, shapes=shapes, target=target))


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", default="native", help="what to compile for; a device must be here")
    args = options.parse_args()
    cases = harness.Cases()
    for name in args.names or [name for name, model in models.MODELS.items() if model.sizes]:
        with tempfile.TemporaryDirectory() as folder:
            test(cases, name, pathlib.Path(folder), args.target)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
