#!/usr/bin/env python3
"""./dev accuracy: metrics on outputs made by hand, and one real model in int8 on a few real files.

usage: test_accuracy.py [NAME…] [--json FILE]
"""
import contextlib
import io
import json
import pathlib
import sys

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/accuracy")]
import accuracy  # noqa: E402
import files  # noqa: E402
import harness  # noqa: E402
import models  # noqa: E402
import samples  # noqa: E402
import sources  # noqa: E402
import text  # noqa: E402
import voice  # noqa: E402
from harness import expect  # noqa: E402

case = harness.Suite()
ROOTS = ("/usr/lib/python3", "/usr/share/perl", "/usr/include")  # where a Debian system that builds Smelt has files of several kinds
CALIBRATION, EVALUATION = 16, 40


def near(got, want):
    expect(abs(got - want) < 1e-9, f"{got}, not {want}")


def pair(key, exact, rounded):
    """Two artefacts that look their outputs up: sample {"number": k} → {key: exact[k]}."""
    return tuple(lambda feeds, outputs=outputs: {key: outputs[feeds["number"]]} for outputs in (exact, rounded))


def numbered(count):
    return [{"number": k} for k in range(count)]


def scores_of(word, classes=30):
    """What the recogniser puts out for a word: a blank between letters, each letter twice."""
    steps = [step for letter in word for step in (0, ord(letter) - ord("a") + 1, ord(letter) - ord("a") + 1)]
    return np.eye(classes, dtype=np.float32)[steps][None]


@case
def characters_that_agree(folder):
    exact, rounded = ([scores_of(word) for word in words] for words in (("kitten", "letter"), ("sitting", "letter")))
    agreement, details = text.score_recognition(pair("y", exact, rounded), numbered(2))
    near(agreement, 1 - 3 / 12)  # k → s, e → i, and g is added
    expect((details["edits"], details["characters"], details["same_lines"]) == (3, 12, 0.5), f"{details}")


@case
def masks_that_overlap(folder):
    first, second = (np.zeros((1, 1, 8, 8), np.float32) for _ in range(2))
    first[..., :4, :], second[..., 2:4, :], second[..., 4:6, :4] = 0.9, 0.9, 0.9
    agreement, _ = text.score_detection(pair("mask", [first], [second]), numbered(1))
    near(agreement, 16 / 40)


@case
def embeddings_at_an_angle(folder):
    exact, rounded = np.array([[1.0, 0.0]]), [np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]])]
    agreement, details = voice.score_embeddings(pair("y", [exact, exact], rounded), numbered(2))
    near(agreement, (1 + 0.6) / 2)
    near(details["least"], 0.6)


@case
def decisions_of_speech(folder):
    chunk = voice.CHUNK
    track = np.repeat(np.array([0.1, 0.9, 0.6, 0.2], np.float32), chunk)  # the fake network hears how loud it is

    def hears(change):
        return lambda feeds: {"output": np.array([[feeds["input"][0, -1] + change]]), "stateN": feeds["state"]}

    agreement, details = voice.score_decisions((hears(0), hears(-0.15)), [{"track": track}])
    near(agreement, 3 / 4)
    expect(details["chunks"] == 4 and details["with_speech"] == 0.5, f"{details}")


def magika_on_few(folder):
    """magika's task on a few files of ROOTS, its data and artefacts in a folder."""
    sources.CACHE = folder
    files.ROOTS, files.MOST_CALIBRATION, files.MOST_EVALUATION = ROOTS, CALIBRATION, EVALUATION
    (task,) = files.TASKS
    return task


def measured(folder, *words):
    """(exit code, what is printed, the figures)"""
    printed, path = io.StringIO(), folder / "figures.json"
    before, sys.argv = sys.argv, ["accuracy.py", *words, "--json", str(path)]
    try:
        args = accuracy.parse()
        with contextlib.redirect_stdout(printed):
            code = accuracy.measure_all([accuracy.TASKS[name] for name in args.names], args)
    finally:
        sys.argv = before
    return code, printed.getvalue(), json.loads(path.read_text())["results"]


@case
def magika_keeps_its_labels(folder):
    task = magika_on_few(folder)
    code, printed, (result,) = measured(folder, "magika", "--precision", "int8")
    expect(samples.count(task, "calibration") == CALIBRATION and result["details"]["files"] == EVALUATION, f"{result}")
    expect(result["agreement"] >= 0.9 and result["f32_share"] <= accuracy.MOST_IN_F32, f"{result}")
    expect(result["bytes"] < 0.4 * result["f32_bytes"], f"{result['bytes']} of {result['f32_bytes']} bytes")
    expect(code == (0 if result["agreement"] >= task.bar else 1), f"exit code {code}: {printed}")
    evaluation = list(samples.evaluation(task))
    exact = models.reference_of(models.fetch("magika"))
    same, _ = task.score((exact, exact), evaluation)
    near(same, 1)
    wrong, _ = task.score((exact, lambda feeds: {"target_label": np.roll(exact(feeds)["target_label"], 1, -1)}), evaluation)
    expect(wrong < 0.5, f"another label counts as the same: {wrong}")
    return {"agreement": result["agreement"]}


@case
def a_bar_that_is_missed_is_a_failure(folder):
    task = magika_on_few(folder)
    known = accuracy.TASKS["magika"]
    accuracy.TASKS["magika"] = samples.Task(task.model, task.metric, 0.995, task.prepare, lambda runs, evaluation: (0.99, {}))
    try:
        code, printed, (result,) = measured(folder, "magika", "--precision", "bf16")
    finally:
        accuracy.TASKS["magika"] = known
    expect(code == 1 and not result["holds"] and "MISSED" in printed and "missed by magika" in printed, f"{code}: {printed}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
