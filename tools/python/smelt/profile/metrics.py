"""How good outputs are: built-in metrics, and functions of the user's own.

A metric is called with the outputs in f32, the outputs in question, and the sample ({name: array}: the model's inputs, and labels where the data has
any), and returns a number, 1 at best, or a pair (amount, of how much): points have Σ amount / Σ of-how-much over all samples.
"""
import dataclasses
import hashlib
import importlib.util
import pathlib

import numpy as np

from ..runtime import SmeltError

_LABELS = ("labels", "label")


def _labels(sample):
    return next((sample[name] for name in _LABELS if name in sample), None)


def _output(outputs, name):
    """The output that is meant: by name, or the first of floats, or the first."""
    if name:
        if name not in outputs:
            raise SmeltError(f"--metric: no output '{name}'; there are {', '.join(outputs)}", 2)
        return outputs[name]
    arrays = {key: value for key, value in outputs.items() if isinstance(value, np.ndarray)}
    floats = [value for value in arrays.values() if np.issubdtype(value.dtype, np.floating)]
    if not arrays:
        raise SmeltError("--metric: the model has no output that is a tensor", 2)
    return floats[0] if floats else next(iter(arrays.values()))


def _floats(outputs):
    return {name: value for name, value in outputs.items() if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)}


def without_numbers(outputs):
    """The names of outputs that are NaN throughout."""
    return [name for name, value in _floats(outputs).items() if value.size and np.isnan(value).all()]


def _refuse_nan(metric, exact, output):
    """What f32 itself has no numbers for agrees with anything, or with nothing."""
    looked_at = [output] if output else list(_floats(exact))[: None if metric == "cosine" else 1]
    for name in without_numbers(exact):
        if name in looked_at:
            raise SmeltError(f"--metric {metric}: output '{name}' is NaN throughout, in f32 already, so that there is nothing to measure; leave the sample "
                             f"out, or name another output with {metric}:output=NAME", 2)


def _cosine_of(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if a.shape != b.shape or not np.isfinite(b).all():
        return 0.0
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms else float(np.array_equal(a, b))


def cosine(exact, outputs, sample, output=""):
    """The cosine of each output with its form in f32; of several, their mean."""
    if output:
        return _cosine_of(_output(exact, output), _output(outputs, output))
    names = [name for name, value in exact.items() if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)]
    names = names or [name for name, value in exact.items() if isinstance(value, np.ndarray)]
    return sum(_cosine_of(exact[name], outputs[name]) for name in names), len(names)


def top1(exact, outputs, sample, output=""):
    """The share of rows whose largest score is of the same class as in f32, or of the class that `labels` names."""
    got, truth = _output(outputs, output).argmax(-1), _labels(sample)
    truth = _output(exact, output).argmax(-1) if truth is None else np.asarray(truth)
    if got.size != truth.size:
        raise SmeltError(f"--metric top1: the sample has {truth.size} labels, the output {got.size} rows", 2)
    return int((got.ravel() == truth.ravel()).sum()), got.size


def iou(exact, outputs, sample, output="", threshold=0.5):
    """Intersection over union, of all samples together, of the masks above a threshold: with f32's, or with the mask `labels`."""
    got, truth = _output(outputs, output) > threshold, _labels(sample)
    truth = _output(exact, output) > threshold if truth is None else np.asarray(truth).reshape(got.shape) > 0
    return int((got & truth).sum()), int((got | truth).sum())


def decisions(exact, outputs, sample, output="", threshold=0.5):
    """The share of numbers that lie on the same side of a threshold as in f32, or as `labels` (0 or 1) say."""
    got, truth = _output(outputs, output) > threshold, _labels(sample)
    truth = _output(exact, output) > threshold if truth is None else np.asarray(truth).reshape(got.shape) > 0
    return int((got == truth).sum()), got.size


def _decoded(scores, blank):
    """CTC: classes in their order, of repeated ones one, without the blank; each row of a batch. Integers are taken for classes already."""
    if not np.issubdtype(scores.dtype, np.floating):
        return [row.tolist() for row in scores.reshape(-1, scores.shape[-1] if scores.ndim else 1)]
    texts = []
    for row in scores.reshape(-1, *scores.shape[-2:]):
        best = row.argmax(-1)
        kept = best[np.insert(best[1:] != best[:-1], 0, True)]
        texts.append(kept[kept != blank].tolist())
    return texts


def edits(a, b):
    """How many tokens are to be put in, taken out or replaced to get from one sequence to the other (Levenshtein, 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _agreeing(exact, outputs, sample, output, blank, parts):
    got, truth = _decoded(_output(outputs, output), blank), _labels(sample)
    truth = _decoded(_output(exact, output), blank) if truth is None else _decoded(np.asarray(truth), blank)
    if len(got) != len(truth):
        raise SmeltError(f"--metric: the sample has {len(truth)} rows of labels, the output {len(got)}", 2)
    amount = of = 0
    for a, b in zip(map(parts, truth), map(parts, got)):
        amount, of = amount + len(a) - edits(a, b), of + len(a)
    return amount, of


def characters(exact, outputs, sample, output="", blank=0):
    """1 - edits / characters after CTC decoding, each class a character: against f32's text, or against `labels`."""
    return _agreeing(exact, outputs, sample, output, blank, list)


def wer(exact, outputs, sample, output="", blank=0, space=-1):
    """1 - word errors / words, after CTC decoding; `space` is the class between words, without it each class is a word."""

    def words(tokens):
        found, word = [], []
        for token in tokens:
            if space < 0:
                found.append((token,))
            elif token != space:
                word.append(token)
            elif word:
                found, word = [*found, tuple(word)], []
        return [*found, tuple(word)] if word else found

    return _agreeing(exact, outputs, sample, output, blank, words)


BUILT_IN = {function.__name__: function for function in (cosine, top1, iou, characters, wer, decisions)}
_OPTIONS = {"output": str, "threshold": float, "blank": int, "space": int}


def _known(function):
    return [key for key in _OPTIONS if key in function.__code__.co_varnames[: function.__code__.co_argcount]]


def _options(name, function, text):
    """"threshold=0.3,output=mask" """
    options = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key not in _known(function):
            raise SmeltError(f"--metric {name}: no option '{key}'; there are {', '.join(_known(function))}", 2)
        try:
            options[key] = _OPTIONS[key](value)
        except ValueError as error:
            raise SmeltError(f"--metric {name}: {key} is '{value}', which is no {_OPTIONS[key].__name__}", 2) from error
    return options


@dataclasses.dataclass(frozen=True)
class Metric:
    """What --metric names; `source` is the text of the user's file, so that it can travel to other machines."""

    name: str
    source: str = ""

    @staticmethod
    def of(text):
        """Of "iou:threshold=0.3" or "file.py:function". Raises SmeltError."""
        file, _, function = text.rpartition(":")
        if text.endswith(".py") or file.endswith(".py") and not function:
            raise SmeltError(f"--metric {text}: names no function of this file; wanted {text.rstrip(':')}:FUNCTION", 2)
        if not file.endswith(".py"):
            metric = Metric(text)
            metric.function()
            return metric
        path = pathlib.Path(file)
        try:
            metric = Metric(text, path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise SmeltError(f"--metric {text}: {path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}", 2) from error
        metric.function()
        return metric

    @property
    def title(self):
        """For people: of a function of the user's, its name."""
        return self.name.rpartition(":")[2] if self.source else self.name

    @property
    def key(self):
        """Changes when results may."""
        return hashlib.sha256(f"{self.title}\0{self.source}".encode()).hexdigest()

    def function(self):
        """(exact, outputs, sample) → number, or (amount, of how much)"""
        if not self.source:
            name, colon, text = self.name.partition(":")
            if name not in BUILT_IN:
                raise SmeltError(f"--metric: no metric '{name}'; there are {', '.join(BUILT_IN)}, and file.py:function", 2)
            function = BUILT_IN[name]
            if colon and not all(text.split(",")):
                raise SmeltError(f"--metric {self.name}: an option is empty; there are {', '.join(_known(function))}, as in iou:threshold=0.3", 2)
            options = _options(name, function, text)

            def measured(exact, outputs, sample):
                _refuse_nan(name, exact, options.get("output", ""))
                return function(exact, outputs, sample, **options)

            return measured
        path, _, name = self.name.rpartition(":")
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(pathlib.PurePath(path).stem, loader=None))
        module.__file__ = path
        try:
            exec(compile(self.source, path, "exec"), module.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the user's file does; it may not end the profile as if all were well
            raise SmeltError(f"--metric {self.name}: {type(error).__name__}: {error}", 2) from error
        if not callable(getattr(module, name, None)):
            raise SmeltError(f"--metric {self.name}: the file has no function '{name}'", 2)
        return getattr(module, name)


def pair(value, what):
    """What a metric returned as (amount, of how much). Raises SmeltError where it is neither a number nor a pair of them."""
    try:
        amount, of = value if isinstance(value, (tuple, list)) else (value, 1)
        amount, of = float(amount), float(of)
    except (TypeError, ValueError) as error:
        raise SmeltError(f"--metric {what}: returned {value!r}, and should return a number or a pair (amount, of how much)", 2) from error
    if not (np.isfinite(amount) and np.isfinite(of) and of >= 0):
        raise SmeltError(f"--metric {what}: returned {value!r}, which is no share", 2)
    return amount, of
