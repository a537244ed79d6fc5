"""Bounds of numbers: what is infinite, or one element that nothing can be divided by."""
import numpy as np


def cases(Case):
    unbounded = np.array([-np.inf, -3, 0.5, 4, np.nan, np.inf], np.float32)
    for dtype in (np.float32, np.float64, np.float16):
        yield Case(f"Clip without min {np.dtype(dtype)}", "Clip", {"x": unbounded.astype(dtype), "l": None, "h": np.array(2, dtype)})
    for operator in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        for size in (1, 2, 5):
            yield Case(f"{operator} of {size} in the run", operator, {"n": np.array(size)}, periodic=0)
            yield Case(f"{operator} of {size}", operator, {"n": np.array(size)}, weights=("n",), periodic=0)
    image = np.ones((2, 3, 4, 5), np.float32)
    for operator, outputs in (("MaxPool", 2), ("AveragePool", 1), ("LpPool", 1)):
        yield Case(f"{operator} of no windows", operator, {"x": image}, outputs, kernel_shape=[5, 2])
    for kind in ("L1", "L2", "LogSum", "LogSumExp", "SumSquare", "Sum", "Mean", "Max", "Prod"):
        yield Case(f"Reduce{kind} of a scalar", f"Reduce{kind}", {"x": np.array(2.5, np.float32)}, keepdims=0)
    yield Case("ReduceMean of no integers", "ReduceMean", {"x": np.zeros((2, 0), np.int64), "a": np.array([1])}, weights=("a",), keepdims=0)
