"""Products by weights of few bits, which stay so: one row and several, depths that no block and no word divides, panels that are cut, on every target."""
import harness
import numpy as np

# rows, depth, columns, block
PRODUCTS = [(1, 1024, 96, 32), (5, 1024, 96, 32), (1, 680, 97, 16), (3, 680, 97, 16), (1, 1034, 64, 64), (40, 2048, 33, 128)]


def unpacked(packed, bits):
    """[…, bytes] → […, numbers], the first in the low bits."""
    return packed if bits == 8 else np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


def product(depth, block, bits):
    """What MatMulNBits computes, in f64 (ONNX Runtime may round the left side)."""
    def compute(a, packed, scales, zero=None):
        columns, blocks = packed.shape[:2]
        codes = unpacked(packed, bits).astype(np.float64)
        points = np.full((columns, blocks), 1 << (bits - 1)) if zero is None else unpacked(zero.reshape(columns, -1), bits)[:, :blocks]
        weights = (codes - points[..., None]) * scales.reshape(columns, blocks, 1)
        return [(a @ weights.reshape(columns, -1)[:, :depth].T).astype(np.float32)]
    return compute


def cases(Case):
    random = np.random.default_rng(17)

    def normal(*shape, dtype=np.float32):
        return random.standard_normal(shape).astype(dtype)

    def case(name, operator, operands, **options):
        return Case(name, operator, operands, tolerance=1e-4, processors=harness.x86_targets(), **options)

    for rows, depth, columns, block in PRODUCTS:
        blocks = -(-depth // block)
        for bits in (4, 8):
            operands = {"a": normal(rows, depth), "b": random.integers(0, 256, (columns, blocks, block * bits // 8)).astype(np.uint8),
                        "s": normal(columns * blocks, dtype=np.float16).astype(np.float32) * np.float32(0.0625)}
            name, sizes = f"MatMulNBits {rows}x{depth}x{columns} {bits} bits", {"K": depth, "N": columns, "bits": bits, "block_size": block}
            named = {"domain": "com.microsoft", "reference": product(depth, block, bits), **sizes}
            yield case(name, "MatMulNBits", operands, weights=("b", "s"), **named)
            operands = {**operands, "z": random.integers(0, 256, columns * -(-blocks * bits // 8)).astype(np.uint8)}
            yield case(f"{name}, zero points", "MatMulNBits", operands, weights=("b", "s", "z"), **named)
