#!/usr/bin/env python3
"""Smelt at work: fetches magika, a network that tells what kind of file it is given, compiles it and asks it about real files.

usage: demo.py [FILE…]        your files, or without any those of this repository and some that Python writes
"""
import pathlib
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/bench", "tools/python")]

import numpy as np  # noqa: E402

import magika_files  # noqa: E402
import models  # noqa: E402
import results  # noqa: E402
import sample_files  # noqa: E402
import smelt  # noqa: E402
import turns  # noqa: E402

ROUNDS = 9


def megabytes(count):
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} KB"


def reference_session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def recognise(magika, model, files):
    """Prints a line for each file. Returns the inputs that the network saw, and what it answered."""
    width = max(len(name) for name, _ in files)
    print(f"{'file':{width}}  score  recognised as")
    seen = []
    for name, path in files:
        tokens = magika.features(path)
        if tokens is None:
            print(f"{name:{width}}         too short for the network")
            continue
        scores = model.run({"bytes": tokens})["target_label"][0]
        label, score, description = magika.answer(scores)
        print(f"{name:{width}}  {score:5.3f}  {label}: {description}", flush=True)
        seen.append((tokens, scores))
    return seen


def latencies(model, session, inputs):
    """Median CPU time of one inference, in milliseconds, of Smelt and of ONNX Runtime, which take turns."""
    calls = [model.bind({"bytes": tokens})[0] for tokens in inputs]

    def all_of_smelt():
        for call in calls:
            call()

    def all_of_reference():
        for tokens in inputs:
            session.run(None, {"bytes": tokens})

    medians, _ = turns.take_turns([turns.Call("smelt", all_of_smelt), turns.Call("reference", all_of_reference)], 0, ROUNDS)
    return [milliseconds / len(inputs) for milliseconds in medians.values()]


def summarise(sizes, seconds, model, seen, session):
    """Prints what the artefact takes and how it compares."""
    print(f"\nartefact   {megabytes(sizes['code'])} of code, {megabytes(sizes['weights'])} of weights; works in {megabytes(sizes['arena'])} that the caller provides")
    print(f"compiled   in {seconds:.1f} s for this processor ({results.processor()})")
    if not seen:
        return
    difference = max(float(np.abs(session.run(None, {"bytes": tokens})[0][0] - scores).max()) for tokens, scores in seen)
    ours, reference = latencies(model, session, [tokens for tokens, _ in seen])
    print(f"agreement  with ONNX Runtime on {len(seen)} file{'s' * (len(seen) > 1)}: no score differs by more than {difference:.1e}")
    print(f"latency    {ours:.2f} ms a file, ONNX Runtime {reference:.2f} ms ({ours / reference:.2f} ×): CPU time, one thread, in turns")


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return 0
    given = [(name, pathlib.Path(name)) for name in sys.argv[1:]]
    for name, path in given:
        if not path.is_file():
            print(f"smelt: error: {name}: no such file", file=sys.stderr)
            return 2
    source = models.fetch("magika")
    magika = magika_files.Magika(models.wheel(models.MODELS["magika"].package))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        compiled, start = {}, time.monotonic()
        try:
            artefact = smelt.compile(source, folder / "magika.so", shapes=models.MODELS["magika"].shapes, report=compiled)
            seconds = time.monotonic() - start
            model = smelt.load(artefact)
        except smelt.SmeltError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        seen = recognise(magika, model, given or sample_files.gather(folder))
        summarise(compiled["sizes"], seconds, model, seen, reference_session(source))
    return 0


if __name__ == "__main__":
    sys.exit(main())
