"""The report as one HTML page that needs nothing else: page.html with the figures in it."""
import json
import pathlib

from ..runtime import SmeltError

_PLACE = "/*FIGURES*/null"


def render(result):
    path = pathlib.Path(__file__).with_name("page.html")
    try:
        template = path.read_text()
    except OSError as error:
        raise SmeltError(f"{path}: {error.strerror}; install Smelt's Python package anew", 5) from error
    # Within a script: no name may end it, nor begin a comment.
    return template.replace(_PLACE, json.dumps(result, separators=(",", ":")).replace("<", "\\u003c"))
