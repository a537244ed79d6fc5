"""Products of 8-bit integers, which are exact on every target: depths that no group divides, all forms of convolution, zero points that are constant or
not, operands of either sign."""
import harness
import numpy as np

# channels, results, window, strides, dilations, groups, sizes of the image, batch
CONVOLUTIONS = [
    (64, 70, (1, 1), (1, 1), (1, 1), 1, (9, 13), 2),
    (3, 24, (3, 3), (2, 2), (1, 1), 1, (21, 18), 1),
    (30, 33, (3, 3), (1, 1), (2, 2), 1, (14, 11), 1),
    (16, 24, (3, 2), (1, 2), (1, 1), 4, (10, 12), 1),
    (6, 6, (3, 3), (1, 1), (1, 1), 6, (7, 40), 1),
    (80, 80, (3, 3), (2, 1), (1, 1), 80, (11, 9), 1),
    (40, 40, (5, 5), (1, 1), (2, 2), 40, (12, 15), 1),
    (5, 10, (3, 3), (1, 1), (1, 1), 5, (8, 8), 1),
    (33, 48, (5,), (1,), (3,), 1, (50,), 2),
    (24, 24, (7,), (2,), (1,), 24, (65,), 1),
    (8, 4, (3, 3, 3), (1, 1, 1), (1, 1, 1), 1, (5, 6, 7), 1),
    (1, 2, (5, 5), (1, 1), (1, 1), 1, (20, 20), 1),
    (3, 16, (7, 7), (2, 2), (1, 1), 1, (30, 61), 2),
    (2, 9, (3, 3), (1, 1), (1, 1), 1, (9, 40), 1),
]
# shapes of both sides
PRODUCTS = [((128, 96), (96, 80)), ((5, 7), (7, 3)), ((2, 3, 33), (33, 17)), ((1, 64), (64, 129)), ((4, 6, 30), (4, 30, 40)), ((19, 1), (1, 8))]


def cases(Case):
    random = np.random.default_rng(11)

    def numbers(type, *shape):
        return random.integers(np.iinfo(type).min, np.iinfo(type).max + 1, shape).astype(type)

    def zero(type, value):
        return np.asarray(value, type)

    def exact(name, *arguments, **named):
        return Case(name, *arguments, tolerance=0, processors=harness.x86_targets(), **named)

    for channels, results, window, strides, dilations, groups, sizes, batch in CONVOLUTIONS:
        pads = [(taps - 1) * dilation // 2 for taps, dilation in zip(window, dilations)] * 2
        form = {"strides": list(strides), "dilations": list(dilations), "group": groups, "pads": pads}
        weights = numbers(np.int8, results, channels // groups, *window)
        name = f"{channels} {results} {window} {groups}"
        image = numbers(np.uint8, batch, channels, *sizes)
        if len(window) == 2:
            operands = {"x": image, "w": weights, "xz": zero(np.uint8, 113), "wz": zero(np.int8, 0)}
            yield exact(f"ConvInteger {name}", "ConvInteger", operands, weights=("w", "xz", "wz"), **form)
            yield exact(f"ConvInteger {name}, zero point of the run", "ConvInteger", operands, weights=("w", "wz"), **form)
            operands = {**operands, "w": weights.view(np.uint8), "wz": zero(np.uint8, 121)}
            yield exact(f"ConvInteger {name}, unsigned weights", "ConvInteger", operands, weights=("w", "xz", "wz"), **form)
        for type in (np.uint8, np.int8):
            operands = {"x": numbers(type, batch, channels, *sizes), "xs": np.float32(0.02), "xz": zero(type, 7), "w": weights,
                        "ws": (random.random(results) * 2e-3 + 1e-4).astype(np.float32), "wz": np.zeros(results, np.int8), "ys": np.float32(0.05), "yz": zero(type, 20),
                        "b": random.integers(-9999, 9999, results).astype(np.int32)}
            operands = {key: np.asarray(value) for key, value in operands.items()}
            yield Case(f"QLinearConv {name} {type.__name__}", "QLinearConv", operands, weights=tuple(operands)[1:], tolerance=1, **form)
    for left, right in PRODUCTS:
        for type in (np.uint8, np.int8):
            operands = {"a": numbers(type, *left), "b": numbers(np.int8, *right), "az": zero(type, 77), "bz": zero(np.int8, 0)}
            name = f"MatMulInteger {left} {right} {type.__name__}"
            yield exact(name, "MatMulInteger", operands, weights=("b", "az", "bz"))
            yield exact(f"{name}, zero point of the run", "MatMulInteger", operands, weights=("b", "bz"))
            shifted = {**operands, "b": operands["b"].view(np.uint8), "bz": zero(np.uint8, 121)}
            yield exact(f"{name}, unsigned weights", "MatMulInteger", shifted, weights=("b", "bz"))
            yield exact(f"{name}, of the run", "MatMulInteger", operands)
            yield exact(f"{name}, unsigned of the run", "MatMulInteger", shifted)
