#!/usr/bin/env python3
"""Casts among all element types against ml_dtypes and the onnx package's reference implementation: every code of the small types, every f16
and many f32 and f64 numbers, by their bits.

usage: test_types.py [NAME…] [--json FILE]
"""
import pathlib
import sys
import tempfile

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, save
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import harness
import smelt

FLOAT8S = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ")
SMALL = {"FLOAT6E2M3": 6, "FLOAT6E3M2": 6, "FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}
WIDE = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL")
INTEGERS = ("INT4", "UINT4", "INT2", "UINT2")
case = harness.Suite()


def code_of(name):
    return getattr(TensorProto, name)


def dtype_of(name):
    return np.dtype(helper.tensor_dtype_to_np_dtype(code_of(name)))


def bits_of(dtype):
    return next((bits for name, bits in SMALL.items() if dtype_of(name) == dtype), 8 * dtype.itemsize)


def run(source, array, targets, operator="Cast"):
    """One model that casts its input to every target, (type, attributes): what Smelt and the reference make of it."""
    nodes, outputs = [], []
    for number, (target, attributes) in enumerate(targets):
        nodes.append(helper.make_node(operator, ["x"], [f"y{number}"], to=code_of(target), **attributes))
        outputs.append(helper.make_tensor_value_info(f"y{number}", code_of(target), array.shape))
    graph = helper.make_graph(nodes, "casts", [helper.make_tensor_value_info("x", code_of(source), array.shape)], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=14)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "m.onnx"
        save(model, path)
        got = smelt.load(smelt.compile(path, folder + "/m.so")).run({"x": array})
    with np.errstate(all="ignore"):
        want = ReferenceEvaluator(model).run(None, {"x": array})
    return [(got[f"y{number}"], want[number]) for number in range(len(targets))]


def differing(got, want, nan_equals_nan=True):
    """Elements with unlike bits, but that of wide floats a NaN equals any other."""
    if got.dtype != want.dtype or got.shape != want.shape:
        raise harness.Failure(f"{got.dtype} {got.shape}, not {want.dtype} {want.shape}")
    unsigned = np.dtype(f"u{got.dtype.itemsize}")
    apart = got.view(unsigned) ^ want.view(unsigned)
    unlike = apart & unsigned.type((1 << bits_of(got.dtype)) - 1) != 0  # ml_dtypes leaves the others of a byte to chance
    if nan_equals_nan and got.dtype.itemsize > 1 and got.dtype.kind != "i":
        with np.errstate(all="ignore"):
            unlike &= ~(np.isnan(got.astype(np.float64)) & np.isnan(want.astype(np.float64)))
    return unlike


def compare(source, array, targets, known=None):
    """Raises for elements that differ, but for those in which the specification differs from its reference: known(array, type, attributes)."""
    for (target, attributes), (got, want) in zip(targets, run(source, array, targets)):
        unlike = differing(got, want)
        if known is not None:
            unlike &= ~known(array, target, attributes)
        if unlike.any():
            at = np.argmax(unlike)
            raise harness.Failure(f"{unlike.sum()} of {array.size} differ from {source} to {target} {attributes}: "
                                  f"{array[at]!r} gives {got[at]!r}, not {want[at]!r}")
    return {"elements": array.size, "casts": len(targets)}


def numbers(dtype):
    """Every f16 as another type, its neighbours and the middle to the next, and what lies beyond."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(dtype)
    with np.errstate(all="ignore"):
        around = [np.nextafter(halves, dtype(-np.inf)), np.nextafter(halves, dtype(np.inf)), (halves[:-1] + halves[1:]) / 2]
    unsigned = {4: np.uint32, 8: np.uint64}[np.dtype(dtype).itemsize]
    bits = np.random.default_rng(0).integers(0, np.iinfo(unsigned).max, 1 << 17, unsigned, endpoint=True).view(dtype)
    return np.concatenate([halves, *around, bits])


FLOAT_TARGETS = [(name, {"saturate": saturate}) for name in FLOAT8S for saturate in (0, 1)] + [(name, {}) for name in SMALL if "FLOAT" in name]


@case
def f16_to_small_floats():
    return compare("FLOAT16", np.arange(1 << 16, dtype=np.uint16).view(np.float16), FLOAT_TARGETS)


@case
def bf16_to_small_floats():
    return compare("BFLOAT16", np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16), FLOAT_TARGETS)


@case
def f32_to_small_floats():
    return compare("FLOAT", numbers(np.float32), FLOAT_TARGETS)


@case
def f64_to_small_floats():
    return compare("DOUBLE", numbers(np.float64), FLOAT_TARGETS)


@case
def integers_to_small_floats():
    figures = {}
    for source in ("INT8", "UINT8", "INT16", "INT32"):
        dtype = dtype_of(source)
        array = np.unique(np.concatenate([np.arange(-300, 300), [-70000, 70000, 60000, 57344, 61439, 61440]]).astype(dtype))
        figures = compare(source, array, FLOAT_TARGETS)
    return figures


@case
def small_floats_to_wide_types():
    figures = {}
    for source in FLOAT8S + ("FLOAT8E8M0", *(name for name in SMALL if "FLOAT" in name)):
        array = np.arange(1 << SMALL.get(source, 8), dtype=np.uint8).view(dtype_of(source))
        figures = compare(source, array, [(name, {}) for name in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16", "BOOL")])
    return figures


@case
def small_floats_to_small_floats():
    figures = {}
    for source in FLOAT8S + tuple(name for name in SMALL if "FLOAT" in name):
        array = np.arange(1 << SMALL.get(source, 8), dtype=np.uint8).view(dtype_of(source))
        figures = compare(source, array, [target for target in FLOAT_TARGETS if target[0] != source])
    return figures


@case
def small_integers_to_all():
    figures = {}
    for source in INTEGERS:  # ml_dtypes has no casts from one of its own types of integers to another type of its own
        bits = SMALL[source]
        low = -(1 << bits - 1) if source.startswith("I") else 0
        array = np.tile(np.arange(low, low + (1 << bits)).astype(dtype_of(source)), 7)[:-1]  # no whole number of bytes
        figures = compare(source, array, [(name, {}) for name in WIDE if name != "BFLOAT16"])
    return figures


@case
def integers_to_small_integers():
    figures = {}
    for source in ("INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"):
        array = np.arange(-300, 301).astype(dtype_of(source))
        figures = compare(source, array, [(name, {}) for name in INTEGERS])
    return figures


@case
def floats_to_small_integers():
    figures = {}
    for target, low, high in (("INT4", -8, 7), ("UINT4", 0, 15), ("INT2", -2, 1), ("UINT2", 0, 3)):
        for source in ("FLOAT", "FLOAT16", "DOUBLE"):
            array = np.linspace(low, high, 1001, dtype=dtype_of(source))
            figures = compare(source, array, [(target, {})])
    return figures


SCALE_TARGETS = [("FLOAT8E8M0", {"saturate": saturate, "round_mode": mode}) for saturate in (0, 1) for mode in ("up", "down", "nearest")]


def beyond_scales(array, target, attributes):
    """What the reference does otherwise than the specification's table says: with infinities, and with zero and all that is below 2^-126."""
    with np.errstate(all="ignore"):
        magnitude = np.abs(array.astype(np.float32))
    return np.isinf(magnitude) | (magnitude < 2.0**-126)


@case
def floats_to_scales():
    compare("FLOAT16", np.arange(1 << 16, dtype=np.uint16).view(np.float16), SCALE_TARGETS, beyond_scales)
    compare("DOUBLE", numbers(np.float64), SCALE_TARGETS, beyond_scales)
    return compare("FLOAT", numbers(np.float32), SCALE_TARGETS, beyond_scales)


@case
def scales_at_their_limits():
    least = 2.0**-127
    array = np.array([0, least / 2, np.nextafter(np.float32(least), np.float32(0)), least, 1.25 * least, 1.5 * least, 1.75 * least, 2 * least,
                      2.0**127, 1.25 * 2.0**127, 1.5 * 2.0**127, np.inf, np.nan], np.float32)
    want = {(1, "up"): [0, 0, 0, 0, 1, 1, 1, 1, 254, 254, 254, 254, 255], (1, "down"): [0, 0, 0, 0, 0, 0, 0, 1, 254, 254, 254, 254, 255],
            (1, "nearest"): [0, 0, 0, 0, 0, 1, 1, 1, 254, 254, 254, 254, 255], (0, "up"): [255] * 3 + [0, 1, 1, 1, 1, 254, 255, 255, 255, 255],
            (0, "down"): [255] * 3 + [0, 0, 0, 0, 1, 254, 254, 254, 255, 255], (0, "nearest"): [255] * 3 + [0, 0, 1, 1, 1, 254, 254, 255, 255, 255]}
    for (_, attributes), (got, _) in zip(SCALE_TARGETS, run("FLOAT", array, SCALE_TARGETS)):
        codes = got.view(np.uint8).tolist()
        if codes != want[attributes["saturate"], attributes["round_mode"]]:
            raise harness.Failure(f"{attributes}: {codes}")


@case
def bits_as_other_types():
    pairs = (("FLOAT", "INT32"), ("INT64", "DOUBLE"), ("INT16", "BFLOAT16"), ("INT16", "FLOAT16"), ("UINT8", "FLOAT8E5M2"), ("FLOAT8E4M3FN", "INT8"),
             ("INT4", "UINT4"), ("UINT4", "FLOAT4E2M1"), ("FLOAT4E2M1", "INT4"), ("INT2", "UINT2"), ("BOOL", "UINT8"))
    for source, target in pairs:
        bits = np.random.default_rng(1).integers(0, 256, 999 * dtype_of(source).itemsize, np.uint8)
        if source in SMALL or source == "BOOL":
            low = bits & (1 << SMALL.get(source, 1)) - 1
            array = low.view(np.int8).astype(dtype_of(source)) if source.startswith("INT") else low.view(dtype_of(source))
        else:
            array = bits.view(dtype_of(source))
        for got, want in run(source, array, [(target, {})], "BitCast"):
            if differing(got, want, nan_equals_nan=False).any():
                raise harness.Failure(f"{source} to {target}")
    return {"pairs": len(pairs)}


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case))
