#!/usr/bin/env python3
"""Samples for calibration that are no .npz files: arrays by themselves, and images with a stated preprocessing.

usage: test_samples.py [NAME…] [--json FILE]
"""
import base64
import pathlib
import struct
import sys
import zlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in (".", "hostile")]
from bounded import refused

import harness
from harness import expect, smelt_ok

case = harness.Suite()
SIDE, COUNT = 8, 8
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET = "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225"
# 8 x 8 points, all of gray 128
JPEG = base64.b64decode("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/wAALCAAIAAgBAREA"
                        "/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z")
# the same in CMYK
CMYK = base64.b64decode("/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP///////////////////////////////////////////////////8AAFAgACAAIBEMRAE0R"
                        "AFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/AGmmGP/Z")


def network(folder, inputs=1):
    """y = conv(x + …), images of three colours, channels first."""
    weights = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32)
    names = ["x", "other"][:inputs]
    nodes = [helper.make_node("Sum", names, ["sum"]), helper.make_node("Conv", ["sum", "w"], ["y"], name="/conv")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, SIDE, SIDE]) for name in names],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(weights, "w")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    return folder / "net.onnx"


def png(pixels):
    """[height, width, 3] or with alpha, 4, in bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, colours = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[colours], 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pictures(height=SIDE, width=SIDE, colours=3):
    return np.random.default_rng(2).integers(0, 256, (COUNT, height, width, colours), np.uint8)


def made(folder, name):
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def images(folder, pixels, name="images"):
    for number, each in enumerate(pixels):
        (made(folder, name) / f"{number}.png").write_bytes(png(each))
    return folder / name


def arrays(folder, values, name="arrays"):
    for number, each in enumerate(values):
        np.save(made(folder, name) / f"{number}.npy", each[None].astype(np.float32))
    return folder / name


def saved_ranges(folder, model, samples, *flags):
    """What calibration finds: the file of layers."""
    smelt_ok("compile", model, "--precision", "int8", "--calibration", samples, "--save-precisions", folder / "saved.json", "-o", folder / "a.so", *flags)
    return (folder / "saved.json").read_text()


@case
def an_array_by_itself(folder):
    model, values = network(folder), pictures().transpose(0, 3, 1, 2) / 255
    for number, each in enumerate(values):
        np.savez(made(folder, "named") / f"{number}.npz", x=each[None].astype(np.float32))
    same = saved_ranges(folder, model, folder / "named")
    expect(saved_ranges(folder, model, arrays(folder, values)) == same, "arrays by themselves give other ranges than those with a name")
    expect(saved_ranges(folder, model, arrays(folder, values / 2, "other")) != same, "the ranges do not depend on the arrays")
    np.save(folder / "one.npy", np.asfortranarray(values[:1].astype(np.float32)))
    smelt_ok("compile", model, "-o", folder / "f32.so")
    smelt_ok("run", folder / "f32.so", "--inputs", folder / "one.npy", "--outputs", folder / "out.npz")
    np.savez(folder / "one.npz", x=values[:1].astype(np.float32))
    smelt_ok("run", folder / "f32.so", "--inputs", folder / "one.npz", "--outputs", folder / "same.npz")
    expect((folder / "out.npz").read_bytes() == (folder / "same.npz").read_bytes(), "a column-major array is read otherwise")


@case
def arrays_that_do_not_fit(folder):
    model = network(folder)
    compile_ = ("compile", model, "--precision", "int8", "-o", folder / "a.so", "--calibration")
    value = pictures()[0].transpose(2, 0, 1)[None].astype(np.float32)
    for name, array, words in (("shape", value[:, :2], ["shape.npy", "1x2x8x8", "1x3x8x8"]), ("type", value.astype(np.float64), ["f64", "f32"]),
                               ("nan", np.where(value == value.max(), np.nan, value), ["nan.npy", "NaN"])):
        np.save(folder / f"{name}.npy", array)
        refused(folder, [2], words, *compile_, folder / f"{name}.npy")
    np.save(folder / "whole.npy", value)
    whole = (folder / "whole.npy").read_bytes()
    for name, data in (("cut.npy", whole[:-9]), ("empty.npy", b""), ("text.npy", b"no array"), ("long.npy", whole + bytes(1 << 17))):
        (folder / name).write_bytes(data)
        refused(folder, [3], [name], *compile_, folder / name)
    np.save(folder / "one.npy", value)
    network(folder, inputs=2)
    refused(folder, [2], ["one.npy", "one array", "'other'", ".npz"], *compile_, folder / "one.npy")


def perceptron(folder):
    """y = relu(relu(x · w₀) · w₁) · w₂"""
    rng, sizes = np.random.default_rng(11), (32, 64, 64, 10)
    weights = [(rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32) for shape in zip(sizes, sizes[1:])]
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"], name="/0"), helper.make_node("Relu", ["a"], ["b"]), helper.make_node("MatMul", ["b", "w1"], ["c"], name="/1"),
             helper.make_node("Relu", ["c"], ["d"]), helper.make_node("MatMul", ["d", "w2"], ["y"], name="/2")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 32])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(array, f"w{i}") for i, array in enumerate(weights)])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "mlp.onnx")
    return folder / "mlp.onnx"


def outputs(artefact, x, folder):
    np.savez(folder / "in.npz", x=x)
    smelt_ok("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    return np.load(folder / "out.npz")["y"].astype(np.float64)


@case
def few_samples_serve_others(folder):
    """What was not seen reaches further than what was: by default that costs next to nothing, and less than ranges of what was seen."""
    model, told = perceptron(folder), {}
    smelt_ok("compile", model, "-o", folder / "f.so")
    unseen = np.random.default_rng(12).standard_normal((2000, 32)).astype(np.float32)
    want = outputs(folder / "f.so", unseen, folder)
    for count in (4, 16, 100):
        samples = made(folder, f"samples{count}")
        for i in range(count):
            np.savez(samples / f"{i:03}.npz", x=np.random.default_rng([13, i]).standard_normal((4, 32)).astype(np.float32))
        for method in ("auto", "expected", "min-max"):
            smelt_ok("compile", model, "--precision", "int8", "--calibration", samples, "--calibration-method", method, "--skip-error", "-o", folder / "q.so")
            got = outputs(folder / "q.so", unseen, folder)
            told[f"{method} {count}"] = float(np.linalg.norm(got - want) / np.linalg.norm(want))
        for method, most in (("auto", 1.05), ("expected", 1.2)):  # of which the latter are one choice of several
            off = told[f"{method} {count}"]
            expect(off < most * told[f"min-max {count}"] and off < 0.035, f"{method}, {count} samples: {off:.2%} off, min-max {told[f'min-max {count}']:.2%}")
    return {name: round(off, 4) for name, off in told.items()}


@case
def images_as_inputs(folder):
    model, pixels = network(folder), pictures()
    values = ((pixels / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2)
    same = saved_ranges(folder, model, arrays(folder, values))
    expect(saved_ranges(folder, model, images(folder, pixels), "--calibration-preprocess", IMAGENET) == same, "images give other ranges than their numbers")
    transparent = np.concatenate([pixels, pictures(colours=1)], -1)
    expect(saved_ranges(folder, model, images(folder, transparent, "rgba"), "--calibration-preprocess", IMAGENET) == same, "what is transparent counts")
    around = np.zeros((COUNT, SIDE + 4, SIDE + 2, 3), np.uint8)
    around[:, 2:-2, 1:-1] = pixels
    expect(saved_ranges(folder, model, images(folder, around, "around"), "--calibration-preprocess", f"{IMAGENET},crop=8x8,layout=nchw") == same, "crop")
    backwards = saved_ranges(folder, model, images(folder, pixels[..., ::-1], "bgr"), "--calibration-preprocess", f"{IMAGENET},color=bgr")
    expect(backwards == same, "color=bgr is not blue, green, red")
    doubled = pixels.repeat(2, 1).repeat(2, 2)
    saved_ranges(folder, model, images(folder, doubled, "doubled"), "--calibration-preprocess", f"{IMAGENET},resize=8")
    smelt_ok("compile", model, "--precision", "int8-dynamic", "--calibration", folder / "doubled", "--calibration-preprocess", f"{IMAGENET},resize=8x8", "-o", folder / "d.so")


@case
def photographs_as_inputs(folder):
    model = network(folder)
    for number in range(COUNT):
        (made(folder, "gray") / f"{number}.JPG").write_bytes(JPEG)
    same = saved_ranges(folder, model, arrays(folder, np.full((COUNT, 3, SIDE, SIDE), 128.0)))
    expect(saved_ranges(folder, model, folder / "gray", "--calibration-preprocess", "layout=nchw") == same, "128 is read as another number")


@case
def images_that_do_not_fit(folder):
    model = network(folder)
    compile_ = ("compile", model, "--precision", "int8", "-o", folder / "a.so", "--calibration")
    good = images(folder, pictures()[:2])
    refused(folder, [2], ["0.png", "--calibration-preprocess"], *compile_, good)
    refused(folder, [2], ["no word 'size'", "resize"], *compile_, good, "--calibration-preprocess", "size=3")
    refused(folder, [2], ["before crop"], *compile_, good, "--calibration-preprocess", "crop=9")
    refused(folder, [2], ["0.png", "1x3x4x4", "1x3x8x8"], *compile_, good, "--calibration-preprocess", "resize=4x4")
    refused(folder, [2], ["0.png", "u8", "f32"], *compile_, good, "--calibration-preprocess", "type=u8")
    refused(folder, [2], ["no PNG or JPEG"], *compile_, arrays(folder, pictures()), "--calibration-preprocess", "scale=1")
    refused(folder, [2], ["goes with images"], "compile", model, "--precision", "int8", "-o", folder / "a.so", "--calibration-preprocess", "scale=1")
    whole = (good / "0.png").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x55
    huge = whole.replace(struct.pack(">II", SIDE, SIDE), struct.pack(">II", 1 << 30, 1 << 30), 1)
    for name, data in (("cut.png", whole[:-30]), ("flipped.png", bytes(flipped)), ("huge.png", huge), ("text.png", b"no image"), ("empty.png", b""),
                       ("cut.jpg", JPEG[:-20]), ("start.jpeg", JPEG[:3]), ("not.jpg", JPEG[:20] + b"\xff\xd9")):
        (folder / name).write_bytes(data)
        refused(folder, [3], [name], *compile_, folder / name, "--calibration-preprocess", "scale=1")
    (folder / "cmyk.jpg").write_bytes(CMYK)
    refused(folder, [3], ["cmyk.jpg", "CMYK", "convert it to RGB"], *compile_, folder / "cmyk.jpg", "--calibration-preprocess", "scale=1")
    (made(folder, "webp") / "a.webp").write_bytes(b"RIFF")
    refused(folder, [2], ["a.webp", "neither PNG nor JPEG"], *compile_, folder / "webp", "--calibration-preprocess", "scale=1")
    refused(folder, [2], ["a.webp", "neither PNG nor JPEG"], *compile_, folder / "webp")
    (good / "a.webp").write_bytes(b"RIFF")
    done = smelt_ok(*compile_, good, "--calibration-preprocess", "scale=1")
    expect("warning" in done.stderr and "a.webp is neither PNG nor JPEG" in done.stderr, done.stderr)
    np.save(good / "0.npy", np.zeros((1, 3, SIDE, SIDE), np.float32))
    refused(folder, [2], ["arrays beside images"], *compile_, good, "--calibration-preprocess", "scale=1")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
