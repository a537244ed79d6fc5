"""The attentions of com.microsoft."""
import numpy as np

BATCH, LENGTH, HEADS, SIZE = 2, 5, 4, 16
HIDDEN = HEADS * SIZE


def cases(Case):
    random = np.random.default_rng(3)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    def case(name, operator, operands, outputs=1, **options):
        return Case(f"{operator} {name}".strip(), operator, operands, outputs, domain="com.microsoft", **options)

    # Attention: one product for queries, keys and values.
    one = {"x": normal(BATCH, LENGTH, 12), "w": normal(12, 3 * HIDDEN) * np.float32(0.3), "b": normal(3 * HIDDEN)}
    names = {"num_heads": HEADS, "weights": ("w", "b")}
    yield case("", "Attention", one, **names)
    yield case("unidirectional", "Attention", one, unidirectional=1, scale=0.2, **names)
    yield case("lengths", "Attention", {**one, "mask": np.array([3, 5], np.int32)}, **names)
    yield case("ends and starts", "Attention", {**one, "mask": np.array([5, 5, 2, 0], np.int32)}, **names)
    yield case("mask", "Attention", {**one, "mask": (random.random((BATCH, LENGTH)) < 0.7).astype(np.int32)}, **names)
    yield case("mask of queries", "Attention", {**one, "mask": (random.random((BATCH, LENGTH, LENGTH)) < 0.7).astype(np.int32)}, unidirectional=1, **names)
    yield case("past", "Attention", {**one, "mask": None, "past": normal(2, BATCH, HEADS, 3, SIZE)}, 2, unidirectional=1, **names)
    yield case("past and mask", "Attention", {**one, "mask": (random.random((BATCH, LENGTH + 3)) < 0.7).astype(np.int32),
                                              "past": normal(2, BATCH, HEADS, 3, SIZE)}, 2, **names)
    yield case("bias", "Attention", {**one, "mask": None, "past": None, "bias": normal(BATCH, HEADS, LENGTH, LENGTH)}, **names)
    yield case("sizes", "Attention", {"x": normal(BATCH, LENGTH, 12), "w": normal(12, 160), "b": normal(160)}, qkv_hidden_sizes=[64, 64, 32], **names)

    # MultiHeadAttention.
    apart = {"q": normal(BATCH, LENGTH, HIDDEN), "k": normal(BATCH, 7, HIDDEN), "v": normal(BATCH, 7, HIDDEN)}
    yield case("", "MultiHeadAttention", apart, num_heads=HEADS)
    yield case("bias", "MultiHeadAttention", {**apart, "b": normal(3 * HIDDEN)}, num_heads=HEADS, scale=0.3)
    yield case("mask", "MultiHeadAttention", {**apart, "b": None, "mask": (random.random((BATCH, 7)) < 0.7).astype(np.int32)}, num_heads=HEADS)
    yield case("attention bias", "MultiHeadAttention", {**apart, "b": None, "mask": None, "a": normal(1, HEADS, LENGTH, 7)}, num_heads=HEADS)
    same = {**apart, "k": normal(BATCH, LENGTH, HIDDEN), "v": normal(BATCH, LENGTH, HIDDEN)}
    yield case("unidirectional", "MultiHeadAttention", same, num_heads=HEADS, unidirectional=1)
    past = {**same, "b": None, "mask": None, "a": None, "pk": normal(BATCH, HEADS, 3, SIZE), "pv": normal(BATCH, HEADS, 3, SIZE)}
    yield case("past", "MultiHeadAttention", past, 3, num_heads=HEADS, unidirectional=1)
    yield case("cross", "MultiHeadAttention", {"q": apart["q"], "k": normal(BATCH, HEADS, 7, SIZE), "v": normal(BATCH, HEADS, 7, SIZE)}, num_heads=HEADS)

    # RotaryEmbedding.
    tables = {"cos": normal(16, SIZE // 2), "sin": normal(16, SIZE // 2)}
    for interleaved in (0, 1):
        places = np.array([[1, 3, 5, 7, 9], [0, 1, 2, 3, 4]], np.int64)
        yield case(f"flat {interleaved}", "RotaryEmbedding", {"x": apart["q"], "p": places, **tables}, interleaved=interleaved)
        yield case(f"offset {interleaved}", "RotaryEmbedding", {"x": normal(BATCH, HEADS, LENGTH, SIZE), "p": np.array([4], np.int64), **tables}, interleaved=interleaved)
    half = {"cos": normal(16, SIZE // 4), "sin": normal(16, SIZE // 4)}
    yield case("half", "RotaryEmbedding", {"x": apart["q"], "p": places, **half}, num_heads=HEADS, rotary_embedding_dim=SIZE // 2)

    # GroupQueryAttention.
    def group(name, length=LENGTH, past=0, total=None, lasts=None, batch=BATCH, packed=False, rotary=False, extra=None, constant=True, **attributes):
        total = total or past + length
        keys = 2 * SIZE
        q, k, v = normal(batch, length, HIDDEN), normal(batch, length, keys), normal(batch, length, keys)
        operands = {"q": np.concatenate([q, k, v], 2) if packed else q, "k": None if packed else k, "v": None if packed else v,
                    "pk": normal(batch, 2, past, SIZE) if past else None, "pv": normal(batch, 2, past, SIZE) if past else None,
                    "lasts": np.array(lasts or [total - 1] * batch, np.int32), "total": np.array(total, np.int32),
                    "cos": normal(32, SIZE // 2) if rotary else None, "sin": normal(32, SIZE // 2) if rotary else None, **(extra or {})}
        while list(operands.values())[-1] is None:
            operands.popitem()
        return case(name, "GroupQueryAttention", operands, 3 if past else ["y", "pk2", "pv2"], weights=("total",) if constant else (), num_heads=HEADS, kv_num_heads=2,
                    do_rotary=int(rotary), **attributes)

    yield group("prompt")
    yield group("prompt with rotary", rotary=True)
    yield group("packed", packed=True, rotary=True)
    yield group("interleaved", rotary=True, rotary_interleaved=1)
    yield group("one more", length=1, past=6, rotary=True)
    yield group("one more of unlike lengths", length=1, past=6, lasts=[4, 6], rotary=True, compared=["out0"])
    yield group("several more", length=3, past=4, batch=1, rotary=True)
    yield group("total as an input", length=1, past=6, batch=1, constant=False)
    yield group("window", local_window_size=3)
    yield group("softcap", softcap=2.0)
    yield group("smooth softmax", smooth_softmax=1)
    yield group("bias", extra={"p": None, "bias": normal(1, HEADS, LENGTH, LENGTH)})
    yield group("sink", extra={"p": None, "bias": None, "sink": normal(HEADS)})
