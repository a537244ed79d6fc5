#!/usr/bin/env python3
"""The same model gives the same bytes: compiled in two folders, on one core and on two.

usage: test_reproducible.py [NAME…] [--json FILE]
"""
import hashlib
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models

NAMES = ("magika", "oww_embed", "mobilenetv2", "minilm_l6")


def digest(name, emit, cores):
    """SHA-256 of everything that compiling writes, in a folder of its own and on the first `cores` cores this process may use."""
    use = sorted(os.sched_getaffinity(0))[:cores]
    if len(use) < cores:
        raise harness.Failure(f"needs {cores} cores")
    with tempfile.TemporaryDirectory(prefix=f"cores-{cores}-") as folder:
        model = pathlib.Path(folder) / "model.onnx"
        shutil.copy(models.fetch(name), model)
        out = pathlib.Path(folder) / "out"
        out.mkdir()
        harness.smelt_ok("compile", "model.onnx", *models.shape_flags(name), "--target", "x86-64-v3", "--emit", emit, "-o",
                         "out/model.so" if emit == "shared" else "out/model", seconds=300, cwd=folder,
                         prefix=("taskset", "-c", ",".join(map(str, use))))
        total = hashlib.sha256()
        for path in sorted(out.iterdir()):
            total.update(path.name.encode() + b"\0" + path.read_bytes())
        return total.hexdigest()


def same_bytes(name, emit):
    one, two = digest(name, emit, 1), digest(name, emit, 2)
    if one != two:
        raise harness.Failure(f"{one[:16]} on one core, {two[:16]} on two")
    return {"sha256": one[:16]}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or NAMES:
        for emit in ("shared", "static"):
            cases.run(f"{name} {emit}", lambda: same_bytes(name, emit))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
