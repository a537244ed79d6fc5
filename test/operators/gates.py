"""Operators of com.microsoft into which gates, streams and normalisations of language models are fused, and those on images and matrices."""
import numpy as np


def cases(Case):
    random = np.random.default_rng(12)

    def normal(*shape, dtype=np.float32):
        return random.standard_normal(shape).astype(dtype)

    def case(name, operator, operands, *arguments, **options):
        return Case(f"{operator} {name}".strip(), operator, operands, *arguments, domain="com.microsoft", **options)

    x = normal(2, 3, 4, 8)
    flat = x.reshape(2, 3, 32)
    yield case("", "ScaledSiLU", {"x": x}, alpha=0.5)
    yield case("scale", "ScaledSiLU", {"x": x, "s": np.array(-0.75, np.float32)})
    yield case("", "GatedAdd", {"x": x, "y": normal(2, 3, 4, 8), "g": normal(2, 3, 4, 1)})
    for activation in ("silu", "sigmoid"):
        yield case(activation, "GatedRMSNorm", {"x": flat, "s": normal(8), "g": normal(2, 3, 32)}, activation=activation)
    for name, scale in (("", None), ("of each", normal(4, 8)), ("of all", normal(8))):
        yield case(name, "BranchwiseRMSNorm", {"x": x, **({} if scale is None else {"s": scale})})
    yield case("flat", "BranchwiseRMSNorm", {"x": flat, "s": normal(32)}, num_branches=4)
    yield case("", "LinearAttentionGate", {"a": normal(2, 3, 4), "d": normal(4), "s": -np.abs(normal(4)), "b": normal(2, 3, 4)}, 2)
    for name, gates in (("streams", normal(2, 3, 4)), ("column", normal(2, 3, 4, 1)), ("features", normal(2, 3, 4, 8))):
        yield case(name, "HyperConnectionPreMix", {"x": x, "g": gates}, reduction_scale=0.25)
        yield case(name, "HyperConnectionPostMix", {"x": x, "b": normal(2, 3, 8), "g": gates, "m": normal(2, 3, 4, 4)})
    yield case("flat", "HyperConnectionPreMix", {"x": flat, "g": normal(2, 3, 32)}, num_branches=4)
    yield case("flat", "HyperConnectionPostMix", {"x": flat, "b": normal(2, 3, 8), "g": normal(2, 3, 4)}, num_branches=4)
    yield case("", "EngramGate", {"k": x, "q": normal(2, 3, 4, 8), "v": normal(2, 3, 8), "ks": normal(4, 8), "qs": normal(4, 8), "cs": normal(4, 8)}, 2)

    # What carries a state.
    for queries, heads in ((4, 4), (4, 2), (2, 4)):
        for rule in ("linear", "gated", "delta", "gated_delta"):
            for width in ((heads, heads * 6) if "gated" in rule else (heads,)):
                operands = {"q": normal(2, 5, queries * 6), "k": 0.3 * normal(2, 5, heads * 6), "v": normal(2, 5, heads * 3), "s": normal(2, heads, 6, 3),
                            "d": -np.abs(normal(2, 5, width)) if "gated" in rule else None,
                            "b": random.random((2, 5, heads)).astype(np.float32) if "delta" in rule else None}
                yield case(f"{rule} {queries} {heads} {width}", "LinearAttention", operands, 2, q_num_heads=queries, kv_num_heads=heads, update_rule=rule)
    operands = {"q": normal(1, 3, 8), "k": 0.3 * normal(1, 3, 8), "v": normal(1, 3, 8), "s": None, "d": -np.abs(normal(1, 3, 2)), "b": np.full((1, 3, 1), 0.5, np.float32)}
    yield case("one rate", "LinearAttention", operands, 2, q_num_heads=2, kv_num_heads=2, scale=0.7)
    for name, lead in (("", (2, 5)), ("flat", (10,))):
        for rule in ("linear", "gated", "delta", "gated_delta"):
            operands = {"q": normal(*lead, 2, 6), "k": normal(*lead, 2, 6), "v": normal(*lead, 4, 3), "c": None,
                        "d": -np.abs(normal(*lead, 4)) if "gated" in rule else None, "b": random.random((*lead, 4)).astype(np.float32) if "delta" in rule else None,
                        "s": normal(2, 4, 3, 6)}
            yield case(f"{rule} {name}", "GatedDeltaNet", operands, 2, update_rule=rule, qk_l2_norm=1)
    for activation in ("softplus", "sigmoid"):
        for width in ((4,), (4, 6)):
            operands = {"q": normal(2, 5, 2, 6), "k": normal(2, 5, 2, 6), "v": normal(2, 5, 4, 3), "c": None, "d": normal(2, 5, *width), "b": normal(2, 5, 4),
                        "s": normal(2, 4, 3, 6), "a": 0.3 * normal(4), "t": normal(*width)}
            yield case(f"{activation} {width}", "GatedDeltaNet", operands, 2, gate_activation=activation, beta_activation="sigmoid", qk_l2_norm=1, scale=0.5)
    operands = {"q": normal(10, 36), "k": None, "v": None, "c": None, "d": -np.abs(normal(10, 4)), "b": random.random((10, 4)).astype(np.float32), "s": normal(2, 4, 3, 6)}
    yield case("packed", "GatedDeltaNet", operands, 2, qk_l2_norm=1)
    filters = {"w": normal(6, 1, 4), "b": normal(6)}
    for dilation in (1, 3):
        yield case(f"dilation {dilation}", "CausalConvWithState", {"x": normal(2, 6, 9), **filters, "s": normal(2, 6, 3 * dilation)}, 2, weights=("w", "b"),
                   dilation=dilation, activation="silu")
        yield case(f"channels last {dilation}", "CausalConvWithState", {"x": normal(2, 9, 2, 3), **filters, "s": normal(2, 3 * dilation, 2, 3)}, 2,
                   weights=("w", "b"), dilation=dilation, channels_last=1)
    yield case("no state", "CausalConvWithState", {"x": normal(2, 6, 2), "w": filters["w"]}, 2, weights=("w",))

    # Experts.
    for activation in ("relu", "gelu", "silu", "identity", "swiglu"):
        wide = 2 if activation == "swiglu" else 1
        named = {"activation_type": activation, "swiglu_fusion": wide - 1, **({"activation_alpha": 1.7, "activation_beta": 1.0, "swiglu_limit": 1.5} if wide == 2 else {})}
        operands = {"x": normal(2, 7, 8), "r": normal(14, 5), "w": normal(5, 12 * wide, 8), "wb": normal(5, 12 * wide), "v": normal(5, 8, 12), "vb": normal(5, 8)}
        for k, normalised in ((1, 0), (2, 1), (3, 0)):
            yield case(f"{activation} {k}", "MoE", operands, weights=("w", "wb", "v", "vb"), k=k, normalize_routing_weights=normalised, **named)
    codes = {"bytes": lambda *shape: random.integers(0, 256, shape).astype(np.uint8), "scales": lambda *shape: (0.02 + 0.05 * random.random(shape)).astype(np.float32)}
    for bits, block in ((4, 0), (8, 0), (4, 16), (8, 16)):
        def layer(columns, inner):
            return codes["bytes"](4, columns, inner * bits // 8), codes["scales"](4, columns, *([inner // block] if block else []))

        (w, s), (v, t) = layer(64, 32), layer(32, 32)
        operands = {"x": normal(6, 32), "r": normal(6, 4), "w": w, "s": s, "wb": normal(4, 64), "v": v, "t": t, "vb": normal(4, 32)}
        yield case(f"{bits} bits {block}", "QMoE", operands, weights=tuple(operands)[2:], k=2, expert_weight_bits=bits, activation_type="swiglu", swiglu_fusion=1,
                   normalize_routing_weights=1, weights_prepacked=0, tolerance=1e-2, **({"block_size": block} if block else {}))

    # Positions of images.
    tables = {"c": normal(20, 8), "s": normal(20, 8)}
    for layout in (0, 1):
        for interleaved in (0, 1):
            yield case(f"{layout} {interleaved}", "MRotaryEmbedding", {"x": normal(2, 3, 5, 16), "p": random.integers(0, 20, (3, 2, 5)), **tables}, weights=("c", "s"),
                       mrope_section=[4, 2, 2], mrope_layout=layout, interleaved=interleaved)
    yield case("flat", "MRotaryEmbedding", {"x": normal(2, 5, 48), "p": random.integers(0, 20, (3, 2, 5)), **tables}, weights=("c", "s"), mrope_section=[3, 3, 2], num_heads=3)

    # Images and matrices.
    regions = np.array([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [-0.25, 0.3, 0.5, 1.4], [0.9, 0.8, 0.1, 0.2]], np.float32)
    for mode in ("bilinear", "nearest"):
        for size in ((5, 4), (1, 3), (9, 1)):
            operands = {"x": normal(2, 3, 6, 7), "r": regions, "b": np.array([0, 1, 1, 0], np.int32), "s": np.array(size, np.int32)}
            yield case(f"{mode} {size}", "CropAndResize", operands, weights=("s",), mode=mode, extrapolation_value=7.5)
    for kind in (np.float32, np.float64):
        yield case(f"{kind.__name__}", "Inverse", {"x": normal(5, 4, 4, dtype=kind) + 3 * np.eye(4, dtype=kind)[::-1]})
    yield case("of one", "Inverse", {"x": normal(7, 7)})
    pads = np.array([1, 0, 0, 1], np.int64)
    yield case("", "ConvTransposeWithDynamicPads", {"x": normal(1, 3, 5, 6), "w": normal(3, 2, 3, 3), "p": pads, "b": normal(2)}, weights=("w", "p", "b"),
               strides=[2, 1])
    codes = {name: random.integers(0, 255, shape).astype(np.uint8) for name, shape in
             (("word", (20, 8)), ("position", (6, 8)), ("segment", (2, 8)), ("gamma", (8,)), ("beta", (8,)))}
    operands = {"i": random.integers(0, 20, (2, 5)).astype(np.int32), "s": random.integers(0, 2, (2, 5)).astype(np.int32), **codes,
                "m": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)}
    operands |= {f"{name} scale": np.array(0.01 + 0.005 * place, np.float32) for place, name in enumerate(codes)}
    operands |= {f"{name} zero": np.array(110 + 7 * place, np.uint8) for place, name in enumerate(codes)}
    yield case("", "QEmbedLayerNormalization", operands, 2, weights=tuple(operands)[2:7] + tuple(operands)[8:])
