"""What ./dev bench --precision int8 compares: samples to calibrate with, which all contestants share, and the model in 8-bit integers as Smelt, ONNX
Runtime's quantiser and OpenVINO's make it, once for each version of them."""
import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np

import harness
import models
from once import made_once

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache"
MADE = CACHE / "bench" / "int8"
LOCK = HERE / "nncf.lock"
MOST_SAMPLES = 32
SEEDED_SAMPLES = 8
KEPT_SECONDS = 24 * 3600  # artefacts of other builds of Smelt
FILES = {"onnxruntime": ("qdq.onnx", ("onnxruntime", "onnx")), "nncf": ("nncf.xml", ("openvino", "onnx"))}  # tool → what it writes, whose versions count

TOOLS_OF = {"onnxruntime": ("onnxruntime",), "openvino": ("nncf", "onnxruntime")}


def _digest(*parts):
    content = hashlib.sha256()
    for part in parts:
        content.update(part if isinstance(part, bytes) else str(part).encode())
    return content.hexdigest()[:16]


def calibration(name):
    """(folder of .npz files to calibrate a model with, what they are): the first of the real ones where ./dev accuracy has prepared some, seeded ones elsewhere."""
    real = sorted((CACHE / "accuracy" / name / "calibration").glob("*.npz"))[:MOST_SAMPLES]
    if real:
        key = _digest(*(path.read_bytes() for path in real))
        folder = made_once(MADE / f"{name}-samples-{key}", lambda partial: [shutil.copy(path, partial) for path in real])
        return folder, f"{len(real)} real samples"

    def seed(partial):
        for number in range(SEEDED_SAMPLES):
            np.savez(partial / f"{number:04}.npz", **models.inputs(name, seed=1 + number))  # 0 is what is measured

    key = _digest(models.MODELS[name].sha256, SEEDED_SAMPLES, pathlib.Path(models.sample_inputs.__file__).read_bytes())
    return made_once(MADE / f"{name}-seeded-{key}", seed), f"{SEEDED_SAMPLES} seeded samples"


def _nncf():
    """The folder that NNCF and what it needs are installed into."""

    def install(partial):
        print(f"installing what {LOCK.name} pins into {CACHE / 'bench'}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--target",
                        partial, "-r", LOCK], check=True)

    return made_once(CACHE / "bench" / f"nncf-{_digest(LOCK.read_bytes())}", install)


def quantised(name, tool):
    """Path of the model as a tool quantises it; subprocess.SubprocessError where it does not."""
    file, packages = FILES[tool]
    samples, _ = calibration(name)
    versions = [importlib.metadata.version(package) for package in packages]
    key = _digest(models.MODELS[name].sha256, samples.name, tool, versions, LOCK.read_bytes() if tool == "nncf" else b"", (HERE / "quantise.py").read_bytes())

    def make(partial):
        job = {"tool": tool, "model": str(models.fetch(name)), "samples": str(samples), "folder": str(partial)}
        paths = {"PYTHONPATH": str(_nncf())} if tool == "nncf" else {}
        done = subprocess.run([sys.executable, HERE / "quantise.py", json.dumps(job)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", env=os.environ | paths, timeout=1500)
        if done.returncode:
            said = (done.stdout.strip().splitlines() or ["no message"])[-1]
            raise subprocess.SubprocessError(f"{tool} does not quantise it: {said[:200]}")

    return made_once(MADE / f"{name}-{tool}-{key}", make) / file


def of(name, peers):
    """({tool: path of what it made}, {tool: why it made none}) of the tools whose files these peers run."""
    made, errors = {}, {}
    for tool in sorted({tool for peer in peers for tool in TOOLS_OF.get(peer, ())}):
        try:
            made[tool] = str(quantised(name, tool))
        except subprocess.SubprocessError as error:
            errors[tool] = str(error)
    return made, errors


def qdq_of(name, _peers):
    """The same of what all run alike."""
    return {"onnxruntime": str(quantised(name, "onnxruntime"))}, {}


def compiled(name, target):
    """Smelt's artefact, kept until Smelt or the samples change: layers are chosen by running the model, which takes minutes."""
    samples, _ = calibration(name)
    programs = sorted(path for path in harness.BIN.glob("smelt*") if path.name in ("smelt", "smelt-compiler"))
    prefix = f"{name}-smelt-{target}-"
    folder = MADE / (prefix + _digest(models.MODELS[name].sha256, samples.name, *(path.read_bytes() for path in programs)))

    def make(partial):
        harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "--precision", "int8", "--calibration", samples,
                         "-o", partial / f"{name}.so", "--report", partial / "report.json", seconds=1800)

    for older in MADE.glob(prefix + "*"):
        if older != folder and time.time() - older.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(older, ignore_errors=True)
    return made_once(folder, make) / f"{name}.so"


def cosine(outputs, exact):
    """The least cosine between outputs of floats and those of the model in f32, by name or by order; nan where shapes differ."""
    least = 1.0
    for number, (name, want) in enumerate(exact.items()):
        got = outputs.get(name, list(outputs.values())[number] if number < len(outputs) else None)
        if want.dtype.kind != "f":
            continue
        if got is None or got.size != want.size:
            return float("nan")
        a, b = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
        least = min(least, float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30)))
    return least
