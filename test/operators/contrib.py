"""Operators of com.microsoft: activations, normalisations, products and what is quantised."""
import ml_dtypes
import numpy as np


def cases(Case):
    random = np.random.default_rng(2)

    def normal(*shape, dtype=np.float32):
        return random.standard_normal(shape).astype(dtype)

    def integers(low, high, *shape, dtype=np.uint8):
        return random.integers(low, high, shape).astype(dtype)

    def number(value, dtype=np.float32):
        return np.array(value, dtype)

    def case(name, operator, operands, *arguments, **options):
        options = {"domain": "com.microsoft", **options}
        return Case(f"{operator} {name}".strip(), operator, operands, *arguments, **options)

    x = normal(2, 5, 8)
    yield case("", "Gelu", {"x": x})
    yield case("", "FastGelu", {"x": x})
    yield case("bias", "FastGelu", {"x": x, "b": normal(8)})
    yield case("", "BiasGelu", {"x": x, "b": normal(8)})
    yield case("", "QuickGelu", {"x": x}, alpha=1.5)
    yield case("", "CDist", {"a": normal(7, 5), "b": normal(3, 5)}, metric="euclidean")
    yield case("square", "CDist", {"a": normal(7, 5), "b": normal(3, 5)}, metric="sqeuclidean")
    yield case("", "Trilu", {"x": normal(4, 6)}, upper=0)
    yield case("", "GatherND", {"data": normal(3, 4, 5), "i": integers(0, 3, 2, 2, dtype=np.int64)})
    yield case("", "Pad", {"x": x, "pads": np.array([0, 1, 2, 0, 1, 1], np.int64), "v": number(0.5)}, weights=("pads",), mode="constant")
    yield case("", "NhwcMaxPool", {"x": integers(0, 255, 1, 9, 8, 5)}, kernel_shape=[3, 3], pads=[1, 1, 0, 0], strides=[2, 1])

    # Products.
    yield case("transposed", "FusedMatMul", {"a": normal(3, 4, 5), "b": normal(3, 6, 4)}, transA=1, transB=1, alpha=0.5)
    yield case("batches", "FusedMatMul", {"a": normal(4, 3, 5), "b": normal(3, 5, 6)}, transBatchA=1)
    yield case("both batches", "FusedMatMul", {"a": normal(4, 3, 5), "b": normal(5, 3, 6)}, transBatchA=1, transBatchB=1)
    for name, parameters in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.3}), ("Tanh", {}), ("Sigmoid", {})):
        yield case(name, "FusedGemm", {"a": normal(4, 5), "b": normal(6, 5), "c": normal(6)}, transB=1, alpha=0.7, activation=name, **parameters)
    for name, parameters in (("Relu", []), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 0.7]), ("HardSigmoid", [0.3, 0.4])):
        operands = {"x": normal(1, 3, 8, 7), "w": normal(4, 3, 3, 3), "b": normal(4), "z": normal(1, 4, 8, 7) if name == "Relu" else None}
        if operands["z"] is None:
            operands.pop("z")
        yield case(name, "FusedConv", operands, weights=("w", "b"), activation=name, pads=[1, 1, 1, 1], kernel_shape=[3, 3],
                   **({"activation_params": parameters} if parameters else {}))

    # Normalisations.
    size = {"x": x, "skip": normal(2, 5, 8), "gamma": normal(8)}
    yield case("", "SkipLayerNormalization", {**size, "beta": normal(8), "bias": normal(8)}, ["y", "", "", "sum"], epsilon=1e-5)
    yield case("broadcast", "SkipLayerNormalization", {**size, "skip": normal(5, 8)})
    yield case("", "SkipSimplifiedLayerNormalization", {**size, "bias": normal(8)}, ["y", "", "", "sum"], epsilon=1e-5)
    yield Case("SimplifiedLayerNormalization", "SimplifiedLayerNormalization", {"x": x, "scale": normal(8)}, epsilon=1e-5, axis=-1)
    words = {"words": integers(0, 9, 2, 5, dtype=np.int32), "segments": integers(0, 2, 2, 5, dtype=np.int32), "word": normal(9, 8), "position": normal(7, 8),
             "segment": normal(2, 8), "gamma": normal(8), "beta": normal(8), "mask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)}
    yield case("", "EmbedLayerNormalization", words, 2)
    yield case("positions", "EmbedLayerNormalization", {**words, "positions": integers(0, 7, 2, 5, dtype=np.int32)}, ["y", "mask_index", "sum"])
    yield case("no segments", "EmbedLayerNormalization", {**words, "segments": None, "segment": None, "mask": None}, 2)

    # Quantised: a step of difference where rounding meets a tie.
    q = {"a": integers(0, 255, 2, 3, 7), "as": number(0.05), "az": number(120, np.uint8)}
    for operator in ("QLinearAdd", "QLinearMul"):
        yield case("", operator, {**q, "b": integers(0, 255, 3, 1), "bs": number(0.03), "bz": number(100, np.uint8), "cs": number(0.06), "cz": number(110, np.uint8)},
                   tolerance=1)
        yield case("signed", operator, {"a": integers(-128, 127, 5, 4, dtype=np.int8), "as": number(0.05), "az": number(3, np.int8),
                                        "b": integers(-128, 127, 5, 4, dtype=np.int8), "bs": number(0.04), "bz": number(1, np.int8), "cs": number(0.08), "cz": number(-5, np.int8)}, tolerance=1)
    result = {"ys": number(0.01), "yz": number(20, np.uint8)}
    yield case("", "QLinearSigmoid", {**q, "ys": number(1 / 256), "yz": number(0, np.uint8)}, weights=("as", "az", "ys", "yz"), tolerance=1)
    yield case("", "QLinearLeakyRelu", {**q, **result}, weights=("as", "az", "ys", "yz"), alpha=0.2, tolerance=1)
    yield case("", "QLinearSoftmax", {**q, "ys": number(1 / 256), "yz": number(0, np.uint8)}, weights=("as", "az", "ys", "yz"), axis=2, attributes={"opset": 13}, tolerance=1)
    yield case("", "QLinearConcat", {"ys": number(0.05), "yz": number(110, np.uint8), **q, "b": integers(0, 255, 2, 4, 7), "bs": number(0.03), "bz": number(100, np.uint8)},
               weights=("ys", "yz", "as", "az", "bs", "bz"), axis=1, tolerance=1)
    image = {"x": integers(0, 255, 1, 3, 8, 9), "xs": number(0.05), "xz": number(120, np.uint8), "ys": number(0.04), "yz": number(100, np.uint8)}
    scales = ("xs", "xz", "ys", "yz")
    yield case("", "QLinearAveragePool", image, weights=scales, kernel_shape=[3, 2], pads=[1, 0, 1, 0], count_include_pad=1, tolerance=1)
    yield case("channels last", "QLinearAveragePool", image, weights=scales, kernel_shape=[3, 2], channels_last=1, tolerance=1)
    yield case("", "QLinearGlobalAveragePool", image, weights=scales, channels_last=0, tolerance=1)
    yield case("", "QLinearWhere", {"c": random.random((3, 4)) < 0.5, "x": integers(0, 255, 3, 4), "xs": number(0.05), "xz": number(120, np.uint8),
                                    "y": integers(0, 255, 3, 4), "ys": number(0.03), "yz": number(100, np.uint8), "zs": number(0.06), "zz": number(90, np.uint8)},
               weights=("xs", "xz", "ys", "yz", "zs", "zz"), tolerance=1)
    yield case("", "QuantizeLinear", {"x": x, "s": number(0.02), "z": number(7, np.int8)}, tolerance=1)
    yield case("16 bits", "QuantizeLinear", {"x": x, "s": number(0.001), "z": number(700, np.uint16)}, tolerance=1)
    yield case("", "DequantizeLinear", {"x": integers(0, 255, 2, 5, 8), "s": normal(5), "z": integers(0, 255, 5)}, axis=1)

    signed = integers(-128, 127, 8, 6, dtype=np.int8)
    yield case("", "MatMulIntegerToFloat", {"a": integers(0, 255, 2, 5, 8), "b": signed, "as": number(0.03), "bs": number(0.02), "az": number(9, np.uint8),
                                            "bz": number(3, np.int8), "bias": normal(6)}, weights=("b", "bs", "bz"))
    yield case("columns", "MatMulIntegerToFloat", {"a": integers(0, 255, 5, 8), "b": signed, "as": number(0.03), "bs": normal(6), "az": number(9, np.uint8),
                                                   "bz": integers(-9, 9, 6, dtype=np.int8)}, weights=("b", "bs", "bz"))
    yield case("", "DynamicQuantizeMatMul", {"a": x, "b": signed, "bs": number(0.02), "bz": number(3, np.int8), "bias": normal(6)}, weights=("b", "bs", "bz"))
    yield case("columns", "DynamicQuantizeMatMul", {"a": x, "b": signed, "bs": normal(6)}, weights=("b", "bs"))
    gemm = {"a": integers(0, 255, 5, 8), "as": number(0.03), "az": number(9, np.uint8), "b": integers(-128, 127, 6, 8, dtype=np.int8), "bs": number(0.02),
            "bz": number(0, np.int8), "c": integers(-999, 999, 6, dtype=np.int32)}
    yield case("", "QGemm", {**gemm, "ys": number(0.5), "yz": number(128, np.uint8)}, weights=tuple(gemm)[1:], transB=1, tolerance=1)
    yield case("floats", "QGemm", gemm, weights=tuple(gemm)[1:], transB=1, alpha=0.5)

    for bits, block, inner in ((4, 16, 40), (4, 32, 64), (8, 32, 64)):
        blocks = (inner + block - 1) // block
        operands = {"a": normal(2, 3, inner), "b": integers(0, 256, 6, blocks, block * bits // 8), "s": normal(6 * blocks) * np.float32(0.1)}
        yield case(f"{bits} bits {inner}", "MatMulNBits", operands, weights=("b", "s"), K=inner, N=6, bits=bits, block_size=block, tolerance=1e-3)
        operands["z"] = integers(0, 256, 6 * ((blocks * bits + 7) // 8))
        yield case(f"{bits} bits {inner} zero points", "MatMulNBits", operands, weights=("b", "s", "z"), K=inner, N=6, bits=bits, block_size=block, tolerance=1e-3)

    # Rows of tables in blocks of few bits: those gathered along another axis than the blocks', and along the same.
    rows = integers(0, 9, 2, 3, dtype=np.int64)
    for name, low, high in (("int4", -8, 8), ("uint4", 0, 16)):
        def table(*shape):
            return random.integers(low, high, shape).astype(getattr(ml_dtypes, name))
        operands = {"d": table(9, 40), "i": rows, "s": normal(9, 3)}
        yield case(name, "GatherBlockQuantized", operands, weights=("d", "s"), block_size=16)
        yield case(f"{name} zero points", "GatherBlockQuantized", {**operands, "z": table(9, 3)}, weights=("d", "s", "z"), block_size=16)
        yield case(f"{name} same axis", "GatherBlockQuantized", {"d": table(20, 6), "i": rows, "s": normal(2, 6)}, weights=("d", "s"), block_size=16, quantize_axis=0)
        yield case(f"{name} axis 1", "GatherBlockQuantized", {"d": table(20, 10), "i": rows, "s": normal(2, 10)}, weights=("d", "s"), block_size=16,
                   gather_axis=1, quantize_axis=0)
    for bits in (2, 4, 8):
        for blocks in (3, 4):
            operands = {"d": integers(0, 256, 9, blocks * 2 * bits), "i": rows, "s": normal(9, blocks, dtype=np.float16 if blocks == 3 else np.float32)}
            yield case(f"{bits} bits {blocks}", "GatherBlockQuantized", operands, weights=("d", "s"), block_size=16, bits=bits)
            operands["z"] = integers(0, 256, 9, (blocks * bits + 7) // 8)
            yield case(f"{bits} bits {blocks} zero points", "GatherBlockQuantized", operands, weights=("d", "s", "z"), block_size=16, bits=bits)
    for kind in (0, 1):
        yield case(f"{kind}", "MatMulBnb4", {"a": normal(3, 48), "b": integers(0, 256, 240), "s": np.abs(normal(30))}, weights=("b", "s"), K=48, N=10,
                   block_size=16, quant_type=kind, transB=1)

    image = {"x": integers(0, 255, 1, 8, 7, 4), "xs": number(0.02), "xz": number(120, np.uint8), "w": integers(-100, 100, 6, 4, 3, 3, dtype=np.int8),
             "ws": np.abs(normal(6)) * np.float32(0.01), "wz": np.zeros(6, np.int8), "ys": number(0.03), "yz": number(100, np.uint8),
             "b": integers(-500, 500, 6, dtype=np.int32)}
    options = {"weights": ("w", "ws", "wz", "b"), "kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "tolerance": 1}
    yield case("channels last", "QLinearConv", image, channels_last=1, **options)
    yield case("", "QLinearConv", {**image, "x": integers(0, 255, 1, 4, 8, 7)}, **options)
    merged = {"x": integers(0, 255, 2, 5, 12), "w": integers(-100, 100, 12, 96, dtype=np.int8), "b": normal(96), "xs": number(0.01), "ws": number(0.01),
              "m": np.array([3, 5], np.int32), "xz": number(128, np.uint8), "wz": number(0, np.int8)}
    yield case("", "QAttention", merged, weights=("w", "b"), num_heads=4)
    yield case("past", "QAttention", {**merged, "m": None, "p": normal(2, 2, 4, 3, 8)}, 2, weights=("w", "b"), num_heads=4, unidirectional=1)

    yield case("", "ExpandDims", {"x": normal(3, 4), "a": number(1, np.int32)}, weights=("a",))
    yield case("", "Range", {"a": number(2, np.int32), "b": number(11, np.int32), "c": number(3, np.int32)})
    yield case("", "Unique", {"x": np.array([2, 1, 1, 3, 4, 3], np.float32)}, 3)
    yield case("", "MatMulInteger16", {"a": integers(-99, 99, 3, 4, dtype=np.int16), "b": integers(-99, 99, 4, 5, dtype=np.int16)})
    yield case("", "UnfoldTensor", {"x": normal(3, 10, 2)}, dim=1, size=4, step=2)
