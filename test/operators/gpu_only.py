"""Operators of com.microsoft that ONNX Runtime has for GPUs alone, by their documentation (docs/ContribOperators.md there)."""
import numpy as np


def swish(x):
    return x / (1 + np.exp(-x))


def softmax(x):
    power = np.exp(x - x.max(-1, keepdims=True))
    return power / power.sum(-1, keepdims=True)


def gelu(x):
    return x * 0.5 * (1 + np.tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * x**3)))


def group_norm(x, gamma, beta, groups, activation):
    """Of [n, h, w, c]."""
    n, h, w, c = x.shape
    parts = x.reshape(n, h * w, groups, c // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    result = ((parts - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape) * gamma + beta
    return swish(result) if activation else result


def first_last(function):
    """Of what has its channels second."""
    return lambda x, *others: [function(x.transpose(0, 2, 3, 1), *others)[0].transpose(0, 3, 1, 2)]


def cases(Case):
    random = np.random.default_rng(9)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    def case(name, operator, operands, reference, outputs=1, **options):
        return Case(f"{operator} {name}".strip(), operator, operands, outputs, domain="com.microsoft", reference=reference, **options)

    x, gamma, beta = normal(2, 4, 5, 12), normal(12), normal(12)
    for activation in (0, 1):
        def plain(x, gamma, beta):
            return [group_norm(x, gamma, beta, 3, activation)]

        named = {"groups": 3, "activation": activation, "weights": ("g", "b")}
        yield case(f"{activation}", "GroupNorm", {"x": x, "g": gamma, "b": beta}, plain, **named)
        yield case(f"{activation} of channels first", "GroupNorm", {"x": normal(2, 12, 4, 5), "g": gamma, "b": beta}, first_last(plain), channels_last=0, **named)
        for name, skip, bias in (("", normal(2, 4, 5, 12), normal(12)), ("of one number a channel", normal(2, 12), None)):
            def skipping(x, gamma, beta, skip, bias=None):
                total = x + (skip[:, None, None] if skip.ndim == 2 else skip) + (0 if bias is None else bias)
                return group_norm(total, gamma, beta, 3, activation), total

            operands = {"x": x, "g": gamma, "b": beta, "s": skip, **({} if bias is None else {"t": bias})}
            yield case(f"{activation} {name}", "SkipGroupNorm", operands, skipping, 2, **named)
    yield case("", "BiasAdd", {"x": normal(2, 7, 12), "b": normal(12), "s": normal(2, 7, 12)}, lambda x, b, s: [x + b + s])
    a, b = normal(2, 5, 7), normal(7, 9)
    yield case("", "GemmFastGelu", {"x": a, "w": b, "b": normal(9)}, lambda x, w, b: [gelu(x @ w + b)])
    yield case("", "FusedMatMulActivation", {"x": a, "w": b}, lambda x, w: [np.maximum(0.5 * (x @ w), 0)], activation="Relu", alpha=0.5)
    for kind in (np.uint8, np.int8):
        codes = random.integers(np.iinfo(kind).min, np.iinfo(kind).max, (2, 3, 4)).astype(kind)
        others = random.integers(np.iinfo(kind).min, np.iinfo(kind).max, (3, 4)).astype(kind)
        yield case(kind.__name__, "MulInteger", {"a": codes, "z": np.array(3, kind), "b": others, "y": np.array(7, kind)},
                   lambda a, z, b, y: [(a.astype(np.int32) - 3) * (b.astype(np.int32) - 7)])

    scores, bias = normal(2, 3, 4, 5), normal(2, 1, 4, 5)
    yield case("", "BiasSoftmax", {"x": scores, "b": bias}, lambda x, b: [softmax(x + b)], axis=3, is_inner_broadcast=1)
    yield case("of all", "BiasSoftmax", {"x": scores, "b": bias}, lambda x, b: [softmax((x + b).reshape(6, 20)).reshape(x.shape)], axis=2, is_inner_broadcast=1)
    yield case("", "BiasDropout", {"x": normal(3, 8), "b": normal(8), "r": normal(3, 8)}, lambda x, b, r: [x + b + r])

    def swi_glu(gate, up):
        gate, up = np.minimum(gate, 1), np.clip(up, -1, 1)
        return gate / (1 + np.exp(-1.5 * gate)) * (up + 0.5)

    named = {"activation_alpha": 1.5, "activation_beta": 0.5, "limit": 1.0}
    yield case("", "SwiGLU", {"g": normal(3, 8), "u": normal(3, 8)}, lambda g, u: [swi_glu(g, u)], **named)
    yield case("of both", "SwiGLU", {"g": normal(3, 16)}, lambda both: [swi_glu(both[:, :8], both[:, 8:])], **named)

    def convolved(x, w, b, z):
        """A window of 3 × 3 and its padding, then Z and Relu."""
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        return [np.maximum(np.einsum("nhwcij,mcij->nhwm", windows, w) + b + z, 0)]

    image = {"x": normal(1, 5, 6, 4), "w": normal(6, 4, 3, 3), "b": normal(6), "z": normal(1, 5, 6, 6)}
    yield case("", "NhwcFusedConv", image, convolved, weights=("w", "b"), pads=[1, 1, 1, 1], activation="Relu")

    def pairs(x):
        return x[..., 0] + 1j * x[..., 1]

    def parts(x):
        return [np.stack([x.real, x.imag], -1).astype(np.float32)]

    p, q = normal(3, 1, 4, 2), normal(5, 4, 2)
    yield case("", "ComplexMul", {"a": p, "b": q}, lambda a, b: parts(pairs(a) * pairs(b)))
    yield case("", "ComplexMulConj", {"a": p, "b": q}, lambda a, b: parts(pairs(a) * pairs(b).conj()))
    yield case("", "TorchEmbedding", {"t": normal(10, 6), "i": random.integers(0, 10, (2, 3))}, lambda t, i: [t[i]])
    turns = {"e": normal(2, 5, 8), "q": normal(2, 3, 5, 8), "r": normal(2, 3, 5, 8), "k": normal(2, 3, 5, 8), "s": normal(2, 3, 5, 8)}

    def turned(angles, q, r, k, s):
        cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
        return q * cosine + r * sine, k * cosine + s * sine

    yield case("", "GemmaRotaryEmbedding", turns, turned, 2)
