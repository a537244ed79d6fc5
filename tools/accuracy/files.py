"""magika: what kind each of many real files is. The files are those of this machine, a few of each ending."""
import collections
import os
import pathlib
import sys

import numpy as np

import magika_files
import models
import samples
from pictures import CALIBRATION, EVALUATION

ROOTS = ("/usr", sys.prefix)
SEED = 11
# Of each ending. Most of a system's files are of few kinds: without a cap they would decide alone.
CALIBRATION_OF_EACH, EVALUATION_OF_EACH = 1, 6
MOST_CALIBRATION, MOST_EVALUATION = 120, 1000
LEAST_EVALUATION = 500


def _magika():
    return magika_files.Magika(models.wheel(models.MODELS["magika"].package))


def _kind(path):
    """The ending, or the folder of files that have none: "/usr/bin"."""
    return path.suffix.lower() or str(path.parent)


def _by_kind():
    found = collections.defaultdict(list)
    for root in ROOTS:
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = pathlib.Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    found[_kind(path)].append(path)
    return found


def _distinct(magika, paths, seen, count):
    """The first files of which the network sees what it has not seen before."""
    found = []
    for path in paths:
        if len(found) == count:
            break
        try:
            tokens = magika.features(path)
        except OSError:
            continue
        if tokens is not None and tokens.tobytes() not in seen:
            seen.add(tokens.tobytes())
            found.append(tokens)
    return found


def prepare():
    magika, seen = _magika(), set()
    taken = {CALIBRATION: [], EVALUATION: []}
    for number, (kind, paths) in enumerate(sorted(_by_kind().items())):
        tokens = _distinct(magika, samples.shuffled(paths, [SEED, number]), seen, CALIBRATION_OF_EACH + EVALUATION_OF_EACH)
        # A kind with a single file is for evaluation: there are many such.
        here = CALIBRATION_OF_EACH if len(tokens) > CALIBRATION_OF_EACH else 0
        taken[CALIBRATION] += tokens[:here]
        taken[EVALUATION] += tokens[here:]
    for use, most in ((CALIBRATION, MOST_CALIBRATION), (EVALUATION, MOST_EVALUATION)):
        for tokens in samples.shuffled(taken[use], SEED)[:most]:
            yield use, {"bytes": tokens}


def score(runs, evaluation):
    """The share of files for which magika prints the same label."""
    magika = _magika()
    same, best, count, labels = 0, 0, 0, set()
    for feeds in evaluation:
        exact, rounded = (run(feeds)["target_label"][0] for run in runs)
        label = magika.answer(exact)[0]
        same += label == magika.answer(rounded)[0]
        best += int(np.argmax(exact) == np.argmax(rounded))
        labels.add(label)
        count += 1
    return same / count, {"files": count, "labels": len(labels), "same_best_class": best / count}


TASKS = (samples.Task("magika", "files with the same label", 0.995, prepare, score),)
