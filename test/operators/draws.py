"""Random operators: their numbers are of the distribution asked for, the same in every run, and others for another seed."""
import numpy as np
from onnx import TensorProto

import harness


class Draw:
    def __init__(self, case, mean, deviation, least=-np.inf, most=np.inf):
        self.case, self.name, self.mean, self.deviation, self.least, self.most = case, case.name, mean, deviation, least, most

    def run(self):
        inputs = {name: value for name, value in self.case.operands.items() if value is not None}
        values = self.case.compiled(inputs)["out0"]
        again = self.case.compiled(inputs)["out0"]
        if not np.array_equal(values, again):
            raise harness.Failure("another compilation gives other numbers")
        flat = values.astype(np.float64).ravel()
        error = 5 * self.deviation / np.sqrt(flat.size)
        mean, deviation = flat.mean(), flat.std()
        if abs(mean - self.mean) > error or abs(deviation - self.deviation) > 2 * error:
            raise harness.Failure(f"mean {mean:.4g}, deviation {deviation:.4g}, not {self.mean:.4g} and {self.deviation:.4g}")
        if flat.min() < self.least or flat.max() > self.most:
            raise harness.Failure(f"numbers from {flat.min():.4g} to {flat.max():.4g}")
        # Neighbours know nothing of each other.
        lag = abs(np.corrcoef(flat[:-1], flat[1:])[0, 1])
        if lag > 5 / np.sqrt(flat.size):
            raise harness.Failure(f"correlation of neighbours {lag:.3g}")
        return {"mean": float(mean), "deviation": float(deviation)}


def cases(Case):
    for size in (5000, 300000):  # folded, and computed when the model runs
        for seed in ({}, {"seed": 3.5}):
            name = f"{size} {seed.get('seed', '')}".strip()
            yield Draw(Case(f"RandomUniform {name}", "RandomUniform", {}, shape=[size], low=-1.0, high=3.0, **seed), 1, 4 / np.sqrt(12), -1, 3)
            yield Draw(Case(f"RandomNormal {name}", "RandomNormal", {}, shape=[size], mean=2.0, scale=0.5, **seed), 2, 0.5)
    yield Draw(Case("RandomUniform double", "RandomUniform", {}, shape=[20, 500], dtype=TensorProto.DOUBLE), 0.5, 1 / np.sqrt(12), 0, 1)
    like = np.zeros((100, 70), np.float32)
    yield Draw(Case("RandomNormalLike", "RandomNormalLike", {"x": like}), 0, 1)
    yield Draw(Case("RandomUniformLike half", "RandomUniformLike", {"x": like}, dtype=TensorProto.FLOAT16), 0.5, 1 / np.sqrt(12), 0, 1)
    yield Draw(Case("Bernoulli", "Bernoulli", {"x": np.full((100, 100), 0.3, np.float32)}), 0.3, np.sqrt(0.21), 0, 1)
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32).repeat(20, 0))
    yield Draw(Case("Multinomial", "Multinomial", {"x": logits}, sample_size=500), 2, 1, 0, 3)
    yield Draw(Case("Multinomial long", "Multinomial", {"x": logits}, sample_size=500, dtype=TensorProto.INT64, seed=1.0), 2, 1, 0, 3)
