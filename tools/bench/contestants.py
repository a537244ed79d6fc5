"""Contestants of ./dev bench, each in a process of its own that waits until it is its turn: one that crashes takes no other along, and each has the
environment that holds it to what is measured."""
import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import select
import subprocess
import sys

import numpy as np

import harness
import avx2_only
import integers
import models

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PEERS_VENV = REPOSITORY / ".venv-peers"
CONVERTED = REPOSITORY / ".cache" / "peers"  # what converters of peers made
MOST_SECONDS, MOST_SECONDS_OF_DEVICES = 900, 180  # until an answer: converters and compilers are slow, and some shaders take minutes
# Of the largest value: of a peer that computes the same model in f32, and of one that rounds as it sees fit.
MOST_ERROR, MOST_ERROR_ROUNDED = 1e-2, 0.5


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another runtime: the package that it comes in, and whether it lets itself be held to AVX2."""

    title: str
    package: str
    installed: bool  # with the tests' own packages
    lets_itself_be_held: bool

    def is_held(self):
        """Whether it can be held to AVX2 on this machine."""
        return self.lets_itself_be_held or bool(avx2_only.variables())


PEERS = {
    "onnxruntime": Peer("ORT", "onnxruntime", True, False),
    "openvino": Peer("OpenVINO", "openvino", True, True),
    "mnn": Peer("MNN", "MNN", False, False),
    "ncnn": Peer("ncnn", "ncnn", False, False),
    "iree": Peer("IREE", "iree-base-compiler", False, True),
}
# The same two on a Vulkan device.
DEVICE_PEERS = {"ncnn_vulkan": Peer("ncnn", "ncnn", False, False), "iree_vulkan": Peer("IREE", "iree-base-compiler", False, False)}
DEFAULT_PEERS = tuple(name for name, peer in PEERS.items() if peer.installed)


def parse_peers(text):
    """"default", "all", or names with commas between them."""
    names = {"default": DEFAULT_PEERS, "all": tuple(PEERS), "none": ()}.get(text) or tuple(filter(None, text.split(",")))
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"no peer {', '.join(map(repr, unknown))}; there are {', '.join(PEERS)}, and default, all, none")
    return names


def install(names):
    """Those that peers.lock names go into a virtual environment of their own, once."""
    lock = HERE / "peers.lock"
    stamp, wanted = PEERS_VENV / "lock.sha256", hashlib.sha256(lock.read_bytes()).hexdigest()
    missing = [name for name in names if not (PEERS | DEVICE_PEERS)[name].installed]
    if not missing or (stamp.exists() and stamp.read_text() == wanted):
        return
    print(f"installing {', '.join(missing)} into {PEERS_VENV.name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", PEERS_VENV], check=True)
    subprocess.run([PEERS_VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary",
                    ":all:", "-r", lock], check=True)
    stamp.write_text(wanted)


def version(name):
    """Of a peer's package, as its own environment has it."""
    python = sys.executable if PEERS[name].installed else PEERS_VENV / "bin" / "python"
    done = subprocess.run([python, "-c", f"import importlib.metadata as m; print(m.version({PEERS[name].package!r}))"], capture_output=True, text=True)
    return done.stdout.strip() or "none"


class Failed(Exception):
    """A contestant cannot run the model; the text says why."""


class Contestant:
    """A process that runs one model as often as it is told."""

    def __init__(self, job):
        self.name = job["peer"]
        self._seconds = MOST_SECONDS_OF_DEVICES if self.name in DEVICE_PEERS else MOST_SECONDS
        installed = self.name == "smelt" or (PEERS | DEVICE_PEERS)[self.name].installed
        python = sys.executable if installed else PEERS_VENV / "bin" / "python"
        is_held = job["target"] == "x86-64-v3" and self.name != "smelt"
        variables = {"ONEDNN_MAX_CPU_ISA": "AVX2"} | avx2_only.variables() if is_held else {}
        variables["LP_NUM_THREADS"] = str(job["threads"])  # of Mesa's device on the processor
        self._process = subprocess.Popen([python, HERE / "contestant.py", json.dumps(job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True, env=os.environ | variables)
        try:
            self.note = self._answer()["note"]
        except Failed:
            self.close()
            raise
        self.outputs = dict(np.load(job["outputs"]))

    def _answer(self):
        if not select.select([self._process.stdout], [], [], self._seconds)[0]:
            raise Failed(f"no answer within {self._seconds} s")
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"its process ended with code {self._process.wait()}"}
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def turn(self, count):
        """Seconds of CPU time and by the clock, {"cpu", "wall"}, of so many inferences."""
        try:
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def compile_for(name, target, folder, precision="f32"):
    """Smelt's artefact of a model, at the size that it is measured with."""
    if precision == "int8":
        return integers.compiled(name, target)
    artefact = pathlib.Path(folder) / f"{name}.so"
    if precision == "qdq":
        harness.smelt_ok("compile", integers.quantised(name, "onnxruntime"), "--target", target, "-o", artefact, seconds=600)
        return artefact
    flags = [] if precision == "f32" else ["--precision", precision]
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, *flags, "-o", artefact, seconds=600)
    return artefact


def jobs(name, peers, target, folder, precision="f32", threads=1):
    """What each contestant is told: Smelt first."""
    feeds = models.inputs(name)
    folder = pathlib.Path(folder)
    np.savez(folder / "feeds.npz", **feeds)
    made, not_made = {"int8": integers.of, "qdq": integers.qdq_of}.get(precision, lambda _name, _peers: ({}, {}))(name, peers)
    shared = {"model": str(models.fetch(name)), "integers": made, "not_made": not_made, "artefact": str(compile_for(name, target, folder, precision)), "feeds": str(folder / "feeds.npz"),
              "folder": str(CONVERTED), "threads": threads, "target": target, "precision": precision,
              "input_shapes": {key: list(value.shape) for key, value in feeds.items()}}
    return [shared | {"peer": peer, "outputs": str(folder / f"{peer}.npz")} for peer in ("smelt", *peers)]


def wrong(outputs, reference, most=MOST_ERROR):
    """Why a peer's outputs are not the reference's; None where they are. Those whose converters keep no names have them in order."""
    for number, (name, want) in enumerate(reference.items()):
        got = outputs.get(name, outputs.get(f"#{number}", list(outputs.values())[number] if number < len(outputs) else None))
        if got is None or got.size != want.size:
            return f"wrong shape of output '{name}'"
        a, b = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
        error = np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30)
        if not error < most:
            return f"wrong numbers: output '{name}' is off by {error:.2g} of its largest value"
    return None
