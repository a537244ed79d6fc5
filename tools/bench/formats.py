"""Models of other formats, each beside the runtime of its format: ./dev bench --format tflite, pt2. Those runtimes have environments of their own, so that
each comparison is a program of its own; this keeps what it measured, for the page."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import results as kept

PROGRAMS = {"tflite": "litert.py", "pt2": "executorch_bench.py"}


def named(arguments):
    """The format among arguments of the command line, and the other arguments; None where none is asked for."""
    parser = argparse.ArgumentParser(prog="bench.py", add_help=False, allow_abbrev=False)
    parser.add_argument("--format", choices=tuple(PROGRAMS))
    args, rest = parser.parse_known_args(arguments)
    return (args.format, rest) if args.format else None


def bench(name, rest):
    """Runs the program of a format, and remembers what it measured. (exit code)"""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds")
    args, _ = parser.parse_known_args(rest)
    with tempfile.TemporaryDirectory() as folder:
        figures = pathlib.Path(folder) / "figures.json"
        program = pathlib.Path(__file__).resolve().parent / PROGRAMS[name]
        status = subprocess.run([sys.executable, program, *rest, "--json", figures]).returncode
        if status == 0 and figures.exists():
            if args.json:
                args.json.write_bytes(figures.read_bytes())
            if not args.rounds:
                remember(name, json.loads(figures.read_text()))
    return status


def remember(name, results):
    for precision in sorted({result["precision"] for result in results}):
        kept.remember(name, argparse.Namespace(target="native", precision=precision), [result for result in results if result["precision"] == precision])
