"""Smelt from Python: compile a model, load what comes out, run it with numpy.

    import smelt

    artefact = smelt.compile("net.onnx", shapes={"image": (1, 3, 224, 224)})
    model = smelt.load(artefact)
    scores = model.run({"image": pixels})["scores"]
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from .runtime import Model, SmeltError, load

__all__ = ["Model", "SmeltError", "compile", "inspect", "load"]

_SUFFIX = {"shared": ".so", "static": "", "object": ".o", "mlir": ".mlir", "llvm": ".ll", "asm": ".s"}  # static: PATH.a and PATH.h


def _compiler():
    """SMELT_COMPILER, else this repository's build, or what was installed with this module, else whatever is on PATH."""
    here = pathlib.Path(__file__).resolve()
    places = (here.parents[3] / "build" / "bin" / "smelt", here.parents[4] / "bin" / "smelt")
    found = os.environ.get("SMELT_COMPILER") or next(filter(pathlib.Path.exists, places), None) or shutil.which("smelt")
    if not found:
        raise SmeltError("no smelt program: build it, put it on PATH, or name it in SMELT_COMPILER", 5)
    return str(found)


def _call(*arguments):
    done = subprocess.run([_compiler(), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode != 0:
        raise SmeltError(done.stderr.strip() or f"smelt ended with exit code {done.returncode}", done.returncode)
    return done.stdout


def _shape(name, extents):
    """The text of --shape for extents that are numbers, None (left open), (least, most), or text in its own forms: "batch:1..8"; for lists of such,
    of a sequence's tensors; for None, an optional input that is absent; for a text that --shape takes as a whole."""
    if extents is None or isinstance(extents, str):
        return f"{name}={'none' if extents is None else extents}"
    extents = extents.tolist() if hasattr(extents, "tolist") else extents  # an array's
    if not isinstance(extents, (list, tuple)):
        raise SmeltError(f"the shape of '{name}' is a {type(extents).__name__}, and should be a list of extents", 2)
    if extents and all(isinstance(extent, list) for extent in extents):
        return f"{name}=[{', '.join('(' + _shape('', tensor)[1:] + ')' for tensor in extents)}]"
    words = {type(None): lambda _: "?", tuple: lambda bounds: "..".join(map(str, bounds))}
    return f"{name}={','.join(words.get(type(extent), str)(extent) for extent in extents)}"


def compile(model, output=None, *, target="native", emit="shared", shapes=None, states=None, custom=(), link=(), precision=None, calibration=None, threads=None,
            cache=None, report=None, calibration_preprocess=None, optimize_for=None, processor=None, signature=None):
    """Compiles a model file and returns the artefact's path; `output` is beside the model by default.

    `shapes` fixes inputs: {name: extents}, of which each is a number, None where it stays open, (least, most), or a text that smelt compile --shape
    takes, "batch:1..8". For an input that is a sequence there are lists of extents, [[2, 3], [4, 3]], or "[]"; for an optional one that is absent, None.
    What neither it nor the file fixes stays open. `states`, {input: output}, feeds outputs back to inputs: they stay in the loaded model.
    `custom` are files that declare custom operators, `link` object files and libraries that define their functions (docs/custom-operators.md).
    `precision` is a name, or a file that says so for each layer, and `calibration` a .npz or .npy file or a folder of them, or of images that
    `calibration_preprocess` says how to read, "resize=256,crop=224,scale=1/255" (docs/quantization.md).
    `cache` is a folder for the code of kernels, made where it is missing: what an earlier compile left there is not compiled again.
    `optimize_for="memory"` takes the smallest arena that costs one thread no time; by default two threads lose none either.
    `processor` is the one beside a `target` that is a device, by default this one.
    `signature` is the entry point of a file that has several: a signature's key in a .tflite file, a model's name in a .pt2 archive.
    `report`, a dict, is filled with what `smelt compile --report` says (sizes, operators, times).
    Raises SmeltError with the compiler's message and exit code.
    """
    model = pathlib.Path(model)
    if emit not in _SUFFIX:
        raise SmeltError(f"no form '{emit}' to emit; there are {', '.join(_SUFFIX)}", 2)
    output = pathlib.Path(output) if output else model.with_suffix(_SUFFIX[emit])
    arguments = ["compile", model, "-o", output, "--emit", emit, "--target", target]
    for name, extents in (shapes or {}).items():
        arguments += ["--shape", _shape(name, extents)]
    for fed, feeding in (states or {}).items():
        arguments += ["--state", f"{fed}={feeding}"]
    for flag, paths in (("--custom", custom), ("--link", link)):
        for path in (paths,) if isinstance(paths, (str, os.PathLike)) else paths:
            arguments += [flag, path]
    for flag, value in (("--precision", precision), ("--calibration", calibration),
                        ("--calibration-preprocess", calibration_preprocess), ("--threads", threads), ("--cache", cache), ("--optimize-for", optimize_for),
                        ("--processor", processor), ("--signature", signature)):
        if value is not None:
            arguments += [flag, value]
    if report is None:
        _call(*arguments)
        return output
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.json"
        _call(*arguments, "--report", path)
        report.update(json.loads(path.read_text()))
    return output


def inspect(path, *, custom=(), signature=None):
    """What `smelt inspect --json` says of a model or an artefact; `custom` are files that declare operators of the model, `signature` is as of compile."""
    chosen = ("--signature", signature) if signature is not None else ()
    return json.loads(_call("inspect", path, "--json", *chosen, *(word for file in custom for word in ("--custom", file))))
