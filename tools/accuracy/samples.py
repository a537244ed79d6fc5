"""What a task gives, and the folders in which its samples lie."""
import dataclasses
import hashlib
import pathlib
import shutil

import numpy as np

import sources
from pictures import CALIBRATION, EVALUATION

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Task:
    """One model, its real data and its own metric.

    `prepare()` yields (CALIBRATION or EVALUATION, {name: array}): inputs of the model for calibration, and for evaluation what `score` wants.
    `score(runs, samples)` is given two functions {input: array} → {output: array}, exact and rounded, and an iterable of evaluation samples. It returns
    how well they agree, 0 … 1, and a dict of what else there is to say.
    """

    model: str
    metric: str
    bar: float
    prepare: object
    score: object


def folder(task):
    return sources.CACHE / task.model


def _version(task):
    """Changes when data may be other than what is there: with the code that makes it."""
    names = ("pictures", "sentences", "sound", "sources", "samples", task.prepare.__module__)
    return hashlib.sha256(b"".join((HERE / f"{name}.py").read_bytes() for name in names)).hexdigest()


def prepare(task):
    """The task's folder with calibration/*.npz and evaluation/*.npz in it, made where it is missing or was made by other code."""
    place, version = folder(task), _version(task)
    stamp = place / "version"
    if stamp.exists() and stamp.read_text() == version:
        return place
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    counts = dict.fromkeys((CALIBRATION, EVALUATION), 0)
    for use in counts:
        (partial / use).mkdir(parents=True)
    for use, arrays in task.prepare():
        np.savez_compressed(partial / use / f"{counts[use]:04}.npz", **arrays)
        counts[use] += 1
    if not all(counts.values()):
        raise sources.Missing(f"{task.model}: no samples for {' and '.join(use for use, count in counts.items() if not count)}")
    (partial / "version").write_text(version)
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    return place


def evaluation(task):
    for path in sorted((folder(task) / EVALUATION).glob("*.npz")):
        with np.load(path) as archive:
            yield dict(archive)


def count(task, use):
    return sum(1 for _ in (folder(task) / use).glob("*.npz"))


def shuffled(items, seed):
    """The items in another order, the same everywhere."""
    items = list(items)
    return [items[k] for k in np.random.default_rng(seed).permutation(len(items))]


def cosine(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
