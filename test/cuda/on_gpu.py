#!/usr/bin/env python3
"""Real models on the NVIDIA device of a machine that need not have anything but Python: prepared where Smelt is built, run where the device is.

usage: on_gpu.py prepare FOLDER [NAME…] [--most-bytes N]   artefacts, inputs, ONNX Runtime's outputs, `smelt` and this file
       on_gpu.py run FOLDER [--json FILE]                  how far outputs are off (1e-3 of the largest value at most), and how long runs take
"""
import argparse
import ast
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zipfile

MOST_RELATIVE_ERROR = 1e-3
FORMATS = {"<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i", "|b1": "?", "|u1": "B", "|i1": "b"}


def prepare(args):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    import numpy
    import harness
    import models
    import test_cuda

    folder = pathlib.Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    left = args.most_bytes
    for name in args.names or test_cuda.MODELS:
        artefact, feeds = folder / f"{name}.so", models.inputs(name)
        test_cuda.compile_model(name, artefact)
        numpy.savez(folder / f"{name}.in.npz", **feeds)
        numpy.savez(folder / f"{name}.reference.npz", **models.reference(models.fetch(name), feeds))
        files = [artefact, artefact.with_suffix(".json"), folder / f"{name}.in.npz", folder / f"{name}.reference.npz"]
        bytes_ = sum(file.stat().st_size for file in files)
        if bytes_ > left:
            print(f"{name}: left out, {bytes_} bytes")
            for file in files:
                file.unlink()
            continue
        left -= bytes_
        print(f"{name}: {bytes_} bytes")
    shutil.copy2(harness.BIN / "smelt", folder)
    shutil.copy2(__file__, folder)
    print(f"on the machine with the device: python3 {folder.name}/on_gpu.py run {folder.name}")


def arrays(path):
    """{name: numbers of an .npz file, in order}, without numpy."""
    result = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            data = archive.read(member)
            length_bytes = 2 if data[6] == 1 else 4  # of the header, by the format's version
            begin = 8 + length_bytes
            end = begin + int.from_bytes(data[8:begin], "little")
            header = ast.literal_eval(data[begin:end].decode())
            count = math.prod(header["shape"])
            result[member.removesuffix(".npy")] = struct.unpack(f"<{count}{FORMATS[header['descr']]}", data[end:])
    return result


def error(outputs, reference):
    """The largest difference as a share of the reference's largest value, of the worst output."""
    worst = 0.0
    for name, expected in reference.items():
        found, largest = outputs[name], max(map(abs, expected), default=0) or 1
        if len(found) != len(expected):
            return math.inf
        difference = max((abs(a - b) for a, b in zip(found, expected)), default=0)
        worst = math.inf if difference != difference else max(worst, difference / largest)
    return worst


def check(folder, name):
    """Error, median and least milliseconds, and how long loading took, of a model."""
    smelt, artefact, outputs = folder / "smelt", folder / f"{name}.so", folder / f"{name}.out.npz"
    inputs = ("--inputs", folder / f"{name}.in.npz")
    subprocess.run([smelt, "run", artefact, *inputs, "--outputs", outputs], check=True, timeout=120)
    figures = json.loads(subprocess.run([smelt, "bench", artefact, *inputs, "--seconds", "1", "--json"], check=True, timeout=120, stdout=subprocess.PIPE).stdout)
    slowest = sorted(figures["layers"], key=lambda layer: -layer["median_ms"])[:3]
    return {"error": error(arrays(outputs), arrays(folder / f"{name}.reference.npz")), "median_ms": figures["median_ms"], "min_ms": figures["min_ms"],
            "load_ms": figures["load_ms"], "slowest": [(layer["name"], layer["median_ms"]) for layer in slowest]}


def run(args):
    folder = pathlib.Path(args.folder).resolve()
    os.chmod(folder / "smelt", 0o755)
    results, failed = {}, 0
    for artefact in sorted(folder.glob("*.so")):
        name = artefact.stem
        try:
            results[name] = check(folder, name)
            holds = results[name]["error"] <= MOST_RELATIVE_ERROR
        except (subprocess.SubprocessError, OSError, KeyError, ValueError) as why:
            results[name], holds = {"why": str(why)}, False
        failed += not holds
        print("PASS" if holds else "FAIL", name, " ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in results[name].items()),
              flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = options.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare")
    preparing.add_argument("folder")
    preparing.add_argument("names", nargs="*")
    preparing.add_argument("--most-bytes", type=int, default=1 << 40, help="leave models out beyond so many")
    running = commands.add_parser("run")
    running.add_argument("folder")
    running.add_argument("--json")
    args = options.parse_args()
    return prepare(args) if args.command == "prepare" else run(args)


if __name__ == "__main__":
    sys.exit(main())
