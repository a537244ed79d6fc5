#!/usr/bin/env python3
"""Models of one operator, compiled and run, against ONNX Runtime or, where its CPU has none, NumPy: what ONNX's own tests leave out.

usage: test_operators.py [NAME…] [--json FILE]
"""
import importlib
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]
import harness

FAMILIES = ["moves", "convolutions", "limits", "recurrent", "resize", "contrib", "gates", "attention", "draws", "found", "classic", "gpu_only", "integers", "codes", "transforms"]


class Case:
    """One operator: `operands` are arrays by name, in the order of its inputs (None where one is absent); those in `weights` are initializers;
    `compared` are the outputs that are specified in full, all where it is None; `reference` computes them from the operands, in order, where
    ONNX Runtime can't; `version` is that of `domain`; it is compiled for each of `processors`, which must agree."""

    def __init__(self, name, operator, operands, outputs=1, weights=(), domain="", version=1, opset=21, tolerance=1e-4, compared=None, reference=None,
                 attributes=None, processors=("native",), **named):
        self.name, self.operator, self.operands, self.weights = name, operator, operands, weights
        self.outputs = [f"out{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
        self.domain, self.version, self.opset, self.tolerance = domain, version, opset, tolerance
        self.compared = compared or self.outputs
        self.reference, self.processors = reference, processors
        self.attributes = {**named, **(attributes or {})}

    def model(self):
        names = [name if value is not None else "" for name, value in self.operands.items()]
        node = helper.make_node(self.operator, names, self.outputs, name="node", domain=self.domain, **self.attributes)
        given = {name: value for name, value in self.operands.items() if value is not None}
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                  for name, value in given.items() if name not in self.weights]
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs if name]
        weights = [numpy_helper.from_array(given[name], name) for name in self.weights if name in given]
        graph = helper.make_graph([node], "case", inputs, outputs, weights)
        opsets = [helper.make_opsetid("", self.opset), *([helper.make_opsetid(self.domain, self.version)] if self.domain else [])]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def compiled(self, inputs):
        """The outputs of the compiled model, by name."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            onnx.save(self.model(), folder / "case.onnx")
            np.savez(folder / "in.npz", **inputs)
            results = []
            for target in self.processors:
                harness.smelt_ok("compile", folder / "case.onnx", "-o", folder / "case.so", "--target", target)
                harness.smelt_ok("run", folder / "case.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
                results.append(dict(np.load(folder / "out.npz")))
            for other in results[1:]:
                self.compare(other, results[0])
            return results[0]

    def run(self):
        model = self.model()
        inputs = {name: value for name, value in self.operands.items() if value is not None and name not in self.weights}
        got = self.compiled(inputs)
        if self.reference:
            return self.compare(got, dict(zip(self.outputs, self.reference(*self.operands.values()))))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            want = dict(zip(names, session.run(names, inputs)))
        except Exception as error:  # its classes have no common base
            raise harness.Failure(f"onnxruntime: {error}") from error
        return self.compare(got, want)

    def compare(self, got, want):
        worst = 0.0
        for name in filter(None, self.compared):
            value, reference = got[name], want[name]
            if value.shape != reference.shape or value.dtype != reference.dtype:
                raise harness.Failure(f"'{name}' is {value.dtype} {value.shape}, not {reference.dtype} {reference.shape}")
            if reference.size == 0:
                continue
            a, b = value.astype(np.float64), reference.astype(np.float64)
            if not np.array_equal(np.isnan(a), np.isnan(b)):
                raise harness.Failure(f"'{name}' has NaN where there should be none, or none where there should be")
            error = np.nanmax(np.abs(a - b)) / max(1.0, np.nanmax(np.abs(b))) if not np.isnan(b).all() else 0.0
            worst = max(worst, float(error) if reference.dtype.kind == "f" else 0.0)
            if reference.dtype.kind != "f" and np.abs(a - b).max() > self.tolerance:
                raise harness.Failure(f"'{name}' has integers that differ by {np.abs(a - b).max():.0f}")
        if worst > min(self.tolerance, 1e-2):
            raise harness.Failure(f"error {worst:.3g}")
        return {"error": worst}


def main():
    options = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for family in FAMILIES:
        for case in importlib.import_module(family).cases(Case):
            if not options.names or any(name in case.name for name in options.names):
                cases.run(case.name, case.run)
    return cases.close(options.json)


if __name__ == "__main__":
    sys.exit(main())
