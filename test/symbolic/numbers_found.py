"""Scales, sizes, axes, lengths and images that an input of the model holds: results have sizes that the run finds."""
import numpy as np
from onnx import TensorProto

from building import floats, graph, integers, node

INT64 = TensorProto.INT64


def reals(*numbers):
    return np.array(numbers, np.float32)


def resize(**attributes):
    return graph([node("Resize", ["x", "", "s"], "y", **attributes)], {"x": ["n", 2, "h", 6], "s": [4]}, ["y"], opset=18)


def sized(**attributes):
    return graph([node("Resize", ["x", "", "", "s"], "y", axes=[2, 3], **attributes)], {"x": ["n", 2, "h", 6], "s": [2]}, ["y"], opset=18, types={"s": INT64})


SCALES = [{"x": floats(n, 2, h, 6), "s": reals(1, 1, *scales)} for n, h, *scales in ((1, 5, 2, 2), (2, 8, 0.5, 1.5), (1, 3, 1, 3))]
SIZES = [{"x": floats(n, 2, h, 6), "s": integers(*sizes)} for n, h, *sizes in ((1, 5, 9, 4), (2, 8, 4, 12), (1, 3, 3, 6))]

LISTS = [{"x": floats(n, m, 4), "s": integers(*s), "e": integers(*e), "a": integers(*a), "t": integers(*t)}
         for n, m, s, e, a, t in ((5, 7, (1,), (4,), (1,), (1,)), (5, 7, (1, -1), (99, 0), (-3, 2), (2, -1)), (3, 6, (0, 4, 1), (3, -99, 3), (0, -2, 2), (1, -3, 1)),
                                  (2, 2, (), (), (), ()))]
PADS = [{"x": floats(n, 5), "p": integers(*p), "v": np.array(7, np.float32), "a": integers(*a)}
        for n, p, a in ((3, (1, 2), (-1,)), (1, (1, 2, 0, 3), (1, 0)), (4, (0, -1, -2, 1), (0, 1)), (2, (), ()))]


def listed(operator, inputs, **dims):
    """Of lists whose length is open."""
    types = {name: INT64 for name in dims if name not in "xv"}
    return graph([node(operator, inputs, "y")], dims, ["y"], opset=19, types=types)


CASES = {
    "slice-lists": (listed("Slice", ["x", "s", "e", "a", "t"], x=["n", "m", 4], s=["k"], e=["l"], a=["k"], t=["i"]), LISTS),
    "slice-step": (listed("Slice", ["x", "s", "e", "a", "t"], x=["n", 6], s=[1], e=[1], a=[1], t=[1]),
                   [{"x": floats(2, 6), "s": integers(start), "e": integers(end), "a": integers(1), "t": integers(step)}
                    for start, end, step in ((0, 5, 2), (5, 0, -1), (1, 6, 9))]),
    "slice-first-dims": (listed("Slice", ["x", "s", "e"], x=["n", "m", 4], s=["k"], e=["k"]),
                         [{"x": floats(5, 6, 4), "s": integers(*s), "e": integers(*e)} for s, e in (((1,), (-1,)), ((1, 2), (9, 4)), ((0, 1, 2), (2, 2, 2)))]),
    "slice-known-axes": (listed("Slice", ["x", "s", "e", "a"], x=["n", "m", 4], s=["k"], e=["l"], a=[2]),
                         [{"x": floats(5, 6, 4), "s": integers(1, 2), "e": integers(-1, 4), "a": integers(*a)} for a in ((0, 1), (-1, 0))]),
    "pad-lists": (listed("Pad", ["x", "p", "v", "a"], x=["n", 5], p=["k"], v=[], a=["j"]), PADS),
    "pad-of-all": (listed("Pad", ["x", "p"], x=["n", 5], p=["k"]), [{"x": floats(3, 5), "p": integers(*p)} for p in ((1, 0, 2, 3), (0, -1, 1, 0))]),
    "scales-nearest": (resize(), SCALES),
    "scales-linear": (resize(mode="linear"), SCALES),
    "scales-cubic": (resize(mode="cubic", exclude_outside=1), SCALES),
    "scales-corners": (resize(mode="linear", coordinate_transformation_mode="align_corners"),
                       [{"x": floats(1, 2, 5, 6), "s": reals(1, 1, *scales)} for scales in ((2, 2), (1, 3))]),
    "sizes-linear": (sized(mode="linear"), SIZES),
    "sizes-antialias": (sized(mode="linear", antialias=1), SIZES),
    "windows": (graph([node("HannWindow", ["k"], "y"), node("BlackmanWindow", ["k"], "z", periodic=0)], {"k": []}, ["y", "z"], types={"k": INT64}),
                [{"k": np.array(k)} for k in (4, 10, 100)]),
    "stft-step": (graph([node("STFT", ["x", "step", "", "length"], "y")], {"x": [1, "t", 1], "step": [], "length": []}, ["y"],
                        types={"step": INT64, "length": INT64}),
                  [{"x": floats(1, t, 1), "step": np.array(step), "length": np.array(length)} for t, step, length in ((16, 4, 16), (100, 7, 32))]),
    "col2im": (graph([node("Col2Im", ["x", "image", "block"], "y", pads=[0, 1, 0, 1])], {"x": ["n", "c", "l"], "image": [2], "block": [2]}, ["y"], opset=18,
                     types={"image": INT64, "block": INT64}),
               [{"x": floats(n, 2 * 6, 4 * 5), "image": integers(5, 5), "block": integers(2, 3)} for n in (1, 2)]),
}
REFUSED = {
    "slice-lists": {"x": floats(3, 3, 4), "s": integers(0, 0), "e": integers(1, 1), "a": integers(1, -2), "t": integers(1, 1)},  # an axis twice
    "slice-step": {"x": floats(2, 6), "s": integers(0), "e": integers(5), "a": integers(1), "t": integers(0)},
    "slice-first-dims": {"x": floats(3, 3, 4), "s": integers(0, 0, 0, 0), "e": integers(1, 1, 1, 1)},
    "pad-lists": {"x": floats(3, 5), "p": integers(1, 1), "v": np.array(0, np.float32), "a": integers(2)},
    "pad-of-all": {"x": floats(3, 5), "p": integers(1, 1)},
    "col2im": {"x": floats(1, 12, 19), "image": integers(5, 5), "block": integers(2, 3)},
    "stft-step": {"x": floats(1, 16, 1), "step": np.array(0), "length": np.array(8)},
}
