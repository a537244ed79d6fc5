"""Slices that go backwards, of lengths that end in shorter vectors."""
import numpy as np


def cases(Case):
    random = np.random.default_rng(2)
    for shape, steps in (((9,), (-1,)), ((100,), (-3,)), ((1, 34), (1, -1)), ((9, 1), (-1, -1)), ((4, 3), (-1, -1)), ((5, 7, 12), (1, -2, -1))):
        operands = {"x": random.standard_normal(shape).astype(np.float32)}
        for name, values in (("starts", [2**31 if step < 0 else 0 for step in steps]), ("ends", [-2**31 if step < 0 else 2**31 for step in steps]),
                             ("axes", range(len(steps))), ("steps", steps)):
            operands[name] = np.array(list(values), np.int64)
        yield Case(f"Slice {shape} {steps}", "Slice", operands, weights=("starts", "ends", "axes", "steps"), tolerance=0)
