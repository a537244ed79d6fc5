"""Operators whose shapes, axes or counts the run finds: what would be a constant is an input."""
import numpy as np


def cases(Case):
    random = np.random.default_rng(5)

    def normal(*shape, dtype=np.float32):
        return random.standard_normal(shape).astype(dtype)

    def integers(*values):
        return np.array(values, np.int64)

    def case(name, operator, operands, *arguments, **options):
        return Case(f"{operator} found {name}".strip(), operator, operands, *arguments, **options)

    x = normal(3, 4, 6)
    yield case("", "Reshape", {"x": x, "s": integers(6, 12)})
    yield case("kept and left", "Reshape", {"x": x, "s": integers(0, -1, 2)})
    yield case("", "Expand", {"x": normal(3, 1), "s": integers(2, 1, 5)})
    yield case("", "Tile", {"x": x, "r": integers(2, 1, 3)})
    yield case("", "Squeeze", {"x": normal(1, 4, 1), "a": integers(-1, 0)})
    yield case("", "Unsqueeze", {"x": x, "a": integers(-1, 0)})
    for name, starts, ends, axes, steps in (("", [1, 2], [3, 5], [0, 2], [1, 2]), ("backwards", [5, -1], [0, -99], [2, 0], [-2, -1]),
                                            ("nothing", [4], [2], [1], [1]), ("clamped", [-99], [99], [-1], [4]), ("farthest", [-1], [1 - 2**63], [0], [-1])):
        yield case(name, "Slice", {"x": x, "s": integers(*starts), "e": integers(*ends), "a": integers(*axes), "t": integers(*steps)})
    for mode in ("constant", "edge", "reflect", "wrap"):
        yield case(mode, "Pad", {"x": x, "p": integers(1, 0, 2, 2, 1, 0)}, opset=19, mode=mode)
    yield case("axes", "Pad", {"x": x, "p": integers(1, -2, 0, 1), "v": np.array(7, np.float32), "a": integers(0, -1)}, opset=19)
    yield case("", "Split", {"x": x, "s": integers(1, 0, 3)}, 3, axis=1)
    for keep in (0, 1):
        yield case(f"keepdims {keep}", "ReduceSum", {"x": x, "a": integers(-1, 0)}, keepdims=keep)
        yield case(f"keepdims {keep}", "ReduceMax", {"x": x, "a": integers(1)}, opset=18, keepdims=keep)
    for axis in (0, -2, 2):
        yield case(f"axis {axis}", "CumSum", {"x": x, "a": np.array(axis, np.int64)}, exclusive=1, reverse=axis % 2)
    # Memory is that of the tensor's elements, not that of all dims at their largest.
    yield case("large", "CumSum", {"x": normal(13, 3, 16, 16), "a": np.array(1, np.int64)})
    yield case("large", "ReduceSum", {"x": normal(13, 3, 16, 16), "a": integers(1, 3)})
    yield case("", "ConstantOfShape", {"s": integers(2, 0, 3)})
    yield case("", "Range", {"a": np.array(3, np.int32), "b": np.array(20, np.int32), "c": np.array(4, np.int32)})
    yield case("backwards", "Range", {"a": np.array(9, np.int64), "b": np.array(-2, np.int64), "c": np.array(-3, np.int64)})
    yield case("floats", "Range", {"a": np.array(0, np.float32), "b": np.array(1, np.float32), "c": np.array(0.1, np.float32)})
    yield case("", "OneHot", {"i": integers(1, -2, 7), "d": np.array(5, np.int64), "v": np.array([2, 9], np.float32)})
    for k in (1, 4):
        yield case(f"k {k}", "TopK", {"x": x, "k": integers(k)}, 2, axis=1)

    # Counts that depend on data.
    sparse = np.where(random.random((4, 5, 3)) < 0.3, normal(4, 5, 3), 0).astype(np.float32)
    yield case("", "NonZero", {"x": sparse})
    yield case("none", "NonZero", {"x": np.zeros((2, 3), np.float32)})
    yield case("long", "NonZero", {"x": random.random(20000) < 0.5})
    keep = np.array([True, False, True])
    yield case("", "Compress", {"x": x, "c": keep}, axis=0)
    yield case("no rows", "Compress", {"x": normal(0, 3), "c": np.zeros(0, bool)}, axis=0)
    yield case("flat", "Compress", {"x": x, "c": np.array([False, True, True, False, True])})
    yield case("longer", "Compress", {"x": x, "c": np.array([True] * 9)}, axis=0)
    yield case("short", "Compress", {"x": x, "c": np.array([False, True])}, axis=-1)
    repeated = random.integers(0, 5, 40).astype(np.float32)
    for is_sorted in (0, 1):
        yield case(f"sorted {is_sorted}", "Unique", {"x": repeated}, 4, sorted=is_sorted)
        yield case(f"rows, sorted {is_sorted}", "Unique", {"x": random.integers(0, 2, (12, 3)).astype(np.int64)}, 4, axis=0, sorted=is_sorted)
        yield case(f"columns, sorted {is_sorted}", "Unique", {"x": random.integers(0, 2, (2, 9, 2)).astype(np.float32)}, 4, axis=1, sorted=is_sorted)

    # Boxes: of corners in any order, and of centers; thresholds that are constants, inputs, or absent; equal scores.
    corners = random.random((2, 200, 4)).astype(np.float32)
    scores = random.random((2, 3, 200)).astype(np.float32)
    ties = np.round(scores * 8) / 8
    for name, score, most, center in (("", scores, 7, 0), ("center", scores, 50, 1), ("ties", ties, 40, 0), ("none", scores, -3, 0), ("all", scores, 2**62, 0)):
        operands = {"b": corners, "s": score, "m": integers(most), "i": np.array([0.3], np.float32), "t": np.array([0.25], np.float32)}
        for weights in ("", "mit"):
            yield case(f"{name} {weights}".strip(), "NonMaxSuppression", operands, weights=tuple(weights), opset=11, center_point_box=center)
    yield case("no thresholds", "NonMaxSuppression", {"b": corners, "s": scores, "m": integers(9)}, opset=11)
    yield case("nothing asked for", "NonMaxSuppression", {"b": corners, "s": scores}, opset=11)
    # As many that no scratch memory holds them.
    yield case("many", "TopK", {"x": normal(2, 20000), "k": integers(15000)}, 2, axis=1)
    yield case("many of columns", "TopK", {"x": normal(9000, 3), "k": integers(8999)}, 2, axis=0, largest=0)
