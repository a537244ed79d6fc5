#!/usr/bin/env python3
"""Imports models written in the text syntax of the onnx package, and prints for each the graph or the error.

usage: python -m import_text FILE      models lie between lines of "# -----"; a line "# flags: …" goes to smelt compile
"""
import pathlib
import subprocess
import sys
import tempfile

import onnx.parser

FLAGS = "# flags: "


def import_model(text, folder):
    path = pathlib.Path(folder) / "m.onnx"
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    flags = [word for line in text.splitlines() if line.startswith(FLAGS) for word in line[len(FLAGS) :].split()]
    command = ["smelt", "compile", str(path), "--emit", "mlir", "-o", str(path.with_suffix(".mlir")), "--dump-after", "import", *flags]
    shown = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    return shown.replace(str(path), path.name)


def main():
    for text in pathlib.Path(sys.argv[1]).read_text().split("# -----\n"):
        with tempfile.TemporaryDirectory() as folder:
            print(import_model(text, folder))


if __name__ == "__main__":
    main()
