#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of PyTorch beside ExecuTorch with XNNPACK: latency on one thread, CPU time, in turns on the same input; load time, and memory of a process
that loads a program and runs it once: at most, and of it what no file backs. Weights are seeded, and int8 is what PT2E makes, on seeded images.

usage: executorch_bench.py [MODEL…] [--precision f32,int8] [--rounds N] [--json FILE]      `./dev bench --format pt2` calls it
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tools" / "python"), str(REPOSITORY / "test"), str(HERE)]

import numpy as np
import figures
import smelt
import turns

CACHE = REPOSITORY / ".cache" / "executorch"
MODELS = ("mobilenet_v2", "resnet18")
PRECISIONS = ("f32", "int8")
SECONDS_PER_MODEL = 8
LOADS = 7
MEGABYTE = 1e6
LIBRARIES = ("executorch", "executorch_backend_xnnpack", "executorch_threadpool")


def environment():
    """The Python that has torch and ExecuTorch."""
    done = subprocess.run([sys.executable, REPOSITORY / "tools" / "setup" / "torch_environment.py", "--executorch"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


def programs(name, python):
    """The folder that has them, which is filled once."""
    folder = CACHE / name
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, HERE / "executorch_programs.py", name, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "done").touch()
    return folder


def built(python, folder):
    """executorch_peer.cpp as a program."""
    package = next((python.parents[1] / "lib").glob("python3*")) / "site-packages" / "executorch"
    program = folder / "executorch_peer"
    include = package / "include"
    subprocess.run(["g++", "-std=c++20", "-O2", "-w", "-DC10_USING_CUSTOM_GENERATED_MACROS", f"-I{include}", f"-I{include / 'executorch/runtime/core/portable_type/c10'}",
                    HERE / "executorch_peer.cpp", f"-L{package / 'lib'}", "-Wl,--no-as-needed", *(f"-l{name}" for name in LIBRARIES), f"-Wl,-rpath,{package / 'lib'}", "-o", program],
                   check=True)
    return program


class Peer:
    """A process that runs an ExecuTorch program as often as it is told."""

    name = "executorch"

    def __init__(self, program, path, image, folder):
        image.tofile(folder / "in.bin")
        self._process = subprocess.Popen([program, path, folder / "in.bin", folder / "out.bin", *map(str, image.shape)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.figures = self._answer()
        self.output = np.fromfile(folder / "out.bin", np.float32)

    def _answer(self):
        answer = json.loads(self._process.stdout.readline() or '{"error": "the process ended"}')
        if "error" in answer:
            raise SystemExit(f"executorch_bench.py: error: {answer['error']}")
        return answer

    def turn(self, count):
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()


def median_of(samples):
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def alone(command):
    return json.loads(subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.splitlines()[0])


def error_of(made, wanted, step):
    """The largest, as a part of the largest value; of quantised outputs the share that is within a step."""
    difference = np.abs(made.reshape(-1).astype(float) - wanted.reshape(-1))
    return float((np.rint(difference / step) <= 1).mean()) if step else float(difference.max() / np.abs(wanted).max())


def compare(source, precision, peer_program, peak, rounds, optimize_for):
    """{"smelt", "executorch"}: figures of each."""
    image, wanted = np.load(source / "in.npy"), np.load(source / f"{precision}.npy")
    step = float((source / "int8.step").read_text()) if precision == "int8" else None
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        artefact = smelt.compile(source / f"{precision}.pt2", folder / "net.so", optimize_for=optimize_for)
        model = smelt.load(artefact)
        call, results = model.bind({model.inputs[0].name: image})
        call()
        peer = Peer(peer_program, source / f"{precision}.pte", image, folder)
        try:
            medians, _ = turns.take_turns([turns.Call("smelt", call), peer], SECONDS_PER_MODEL, rounds)
        finally:
            peer.close()
        shape = [str(extent) for extent in image.shape]
        loads = {"smelt": median_of([alone([peak, artefact]) for _ in range(LOADS)]),
                 "executorch": median_of([alone([peer_program, source / f"{precision}.pte", folder / "in.bin", folder / "out.bin", *shape]) for _ in range(LOADS)])}
        smelt.compile(source / f"{precision}.pt2", folder / "net", emit="static", optimize_for=optimize_for)
        static = median_of([alone([figures.build(folder, "-DMODEL=net", "-static", folder / "net.a")]) for _ in range(LOADS)])
        outputs = {"smelt": next(iter(results.values())), "executorch": peer.output}
    found = {name: {"ms": medians[name], "load_ms": each["load_ms"], "first_ms": each["first_ms"], "peak_mb": each["peak"] / MEGABYTE, "anonymous_mb": each["anonymous"] / MEGABYTE,
                   "within_a_step" if step else "error": error_of(outputs[name], wanted, step)} for name, each in loads.items()}
    found["smelt"]["static_peak_mb"] = static["peak"] / MEGABYTE
    return found


COLUMNS = (("ms", 8, 2), ("load_ms", 9, 3), ("first_ms", 9, 2), ("peak_mb", 8, 2), ("anonymous_mb", 9, 2))
TITLES = {"ms": "ms", "load_ms": "load ms", "first_ms": "first ms", "peak_mb": "peak MB", "anonymous_mb": "anon. MB"}


def print_rows(name, precision, found):
    for runtime, each in found.items():
        agreement = f"{each['within_a_step']:.2%} within a step" if "within_a_step" in each else f"error {each['error']:.1e}"
        print(f"{name:14}{precision:6}{runtime:11}" + "".join(f"{each[key]:{width}.{digits}f}" for key, width, digits in COLUMNS) + f"  {agreement}")
    ratios = "".join(f"{found['smelt'][key] / found['executorch'][key]:{width}.{digits}f}" for key, width, digits in COLUMNS)
    static = found["smelt"]["static_peak_mb"]
    print(f"{'':20}{'ratio':11}{ratios}  linked statically: {static:.2f} MB, {static / found['executorch']['peak_mb']:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of torchvision, with an image as its only input (default: {', '.join(MODELS)})")
    parser.add_argument("--precision", default=",".join(PRECISIONS), metavar="LIST", help="f32, int8 or both (default)")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"turns of each (default: about {SECONDS_PER_MODEL} s a model)")
    parser.add_argument("--optimize-for", default="speed", choices=("speed", "memory"), help="what smelt compile is told (default: speed)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    precisions = args.precision.split(",")
    if unknown := [precision for precision in precisions if precision not in PRECISIONS]:
        parser.error(f"no precision {', '.join(unknown)}; there are {', '.join(PRECISIONS)}")
    python, results = environment(), []
    print(f"{'model':20}{'runtime':11}" + "".join(f"{TITLES[key]:>{width}}" for key, width, _ in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        peer_program, peak = built(python, folder), figures.build(folder)
        for name in args.names or MODELS:
            source = programs(name, python)
            for precision in precisions:
                found = compare(source, precision, peer_program, peak, args.rounds, args.optimize_for)
                print_rows(name, precision, found)
                results.append({"model": name, "precision": precision, **found})
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
