"""Convolutions that Winograd's algorithm may take: windows of all its sizes, dilated ones, images that end in the middle of a tile or of a block;
transposed ones along one dim."""
import numpy as np

# channels, results, window, dilations, sizes of the image, batch
SHAPES = [
    (64, 72, (3, 3), (1, 1), (14, 13), 1),
    (64, 72, (3, 3), (2, 1), (29, 22), 2),
    (128, 128, (3, 3), (1, 1), (10, 11), 1),  # so large filters want smaller tiles
    (256, 256, (3, 3), (1, 1), (14, 15), 1),
    (64, 72, (5, 5), (1, 1), (6, 5), 1),
    (192, 768, (3,), (1,), (63,), 1),
    (64, 72, (2, 2), (1, 1), (22, 41), 1),
    (32, 100, (5, 5), (1, 1), (23, 30), 1),
    (16, 40, (7, 7), (1, 1), (17, 20), 1),
    (64, 64, (5, 1), (1, 1), (131, 1), 1),
    (64, 64, (1, 3), (1, 1), (3, 70), 2),
    (48, 64, (3, 5), (1, 2), (30, 33), 1),
    (64, 80, (3,), (1,), (257,), 1),
    (64, 80, (3,), (12,), (601,), 1),
    (64, 80, (5,), (1,), (1000,), 2),
    (64, 80, (5,), (6,), (250,), 1),
    (64, 70, (7,), (2,), (301,), 1),
    (1024, 64, (3,), (1,), (128,), 1),
]


def cases(Case):
    random = np.random.default_rng(4)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    for channels, results, window, dilations, sizes, batch in SHAPES:
        pads = [(taps - 1) * dilation // 2 for taps, dilation in zip(window, dilations)]
        operands = {"x": normal(batch, channels, *sizes), "w": normal(results, channels, *window), "b": normal(results)}
        yield Case(f"Conv {window} {dilations} {sizes}", "Conv", operands, weights=("w", "b"), tolerance=2e-5, dilations=list(dilations), pads=pads * 2)

    # Transposed ones become convolutions, one for each phase of the stride.
    for taps, stride, pads, length in ((16, 8, [4, 4], 37), (8, 4, [2, 2], 50), (3, 2, [1, 0], 9), (5, 3, [0, 2], 11), (2, 2, [0, 0], 6)):
        operands = {"x": normal(2, 32, length), "w": normal(32, 20, taps), "b": normal(20)}
        yield Case(f"ConvTranspose {taps} {stride}", "ConvTranspose", operands, weights=("w", "b"), strides=[stride], pads=pads)
