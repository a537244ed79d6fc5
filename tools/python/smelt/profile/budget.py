"""Budgets: amounts as people write them, and the file of --check."""
import pathlib
import re

from ..runtime import SmeltError

_UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_TIMES = {"us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3}
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(\S*)\s*")


def _parsed(what, text, units, example):
    match = _NUMBER.fullmatch(str(text))
    if not match or match[2].lower() not in units:
        raise SmeltError(f"{what} {text}: wanted an amount like {example}", 2)
    return float(match[1]) * units[match[2].lower()]


def size(what, text):
    """Bytes, of "4MB"."""
    return _parsed(what, text, _UNITS, "4MB")


def milliseconds(what, text):
    """Of "2ms"."""
    return _parsed(what, text, _TIMES, "2ms")


def part(what, text):
    """0.01, of "1%" or of 0.01."""
    return _parsed(what, text, {"": 1, "%": 0.01}, "1%")


_KEYS = {"precision": lambda what, text: text, "metric": lambda what, text: text, "max_size": size, "max_latency": milliseconds,
         "max_latency_ratio": part, "max_loss": part, "min_accuracy": part}
LIMITS = ("max_size", "max_latency", "max_latency_ratio", "max_loss", "min_accuracy")


def read(path):
    """{key: value} of a file of budgets: lines `key: value` of YAML, without nesting. Raises SmeltError."""
    try:
        lines = pathlib.Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SmeltError(f"--check {path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}", 5) from error
    found = {}
    for number, line in enumerate(lines, 1):
        text = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not text or text == "---":
            continue
        key, colon, value = text.partition(":")
        value = value.strip().strip("'\"")
        if not colon or not value or key != key.strip():
            raise SmeltError(f"{path}: line {number}: wanted `key: value`", 3)
        if key not in _KEYS:
            raise SmeltError(f"{path}: line {number}: no key '{key}'; there are {', '.join(_KEYS)}", 3)
        if key in found:
            raise SmeltError(f"{path}: line {number}: '{key}' is there twice", 3)
        try:
            found[key] = _KEYS[key](f"{path}: line {number}: {key}:", value)
        except SmeltError as error:
            raise SmeltError(str(error), 3) from error
    if not any(key in found for key in LIMITS):
        raise SmeltError(f"{path}: has no limit; there are {', '.join(LIMITS)}", 3)
    return found
