#!/usr/bin/env python3
"""Models that ONNX Runtime's quantiser wrote, layer by layer beside ONNX Runtime: equal where the operators' text fixes the bits, a step apart elsewhere.

usage: test_quantised.py [MODEL/FORM…] [--all] [--json FILE]

A model is cut at its quantised tensors, and each layer gets the values that ONNX Runtime computes with all its rewriting turned off, node by node as the
text says. Layers are compared with those values, and, for the record, with what ONNX Runtime computes of the same inputs as it runs by default. The
whole model's outputs are compared as well: there steps add up, and two runs of ONNX Runtime differ no less.
"""
import collections
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import forms  # noqa: E402
import harness  # noqa: E402
import models  # noqa: E402
import smelt  # noqa: E402
from harness import expect  # noqa: E402

MODELS = ("mobilenetv2", "resnet18", "resnet50", "yolov8n", "shufflenet", "vit_s", "minilm_l6", "ppocr4_det", "ppocr4_rec")
SOME = tuple((name, "qdq") for name in ("mobilenetv2", "shufflenet", "yolov8n", "ppocr4_rec", "minilm_l6")) + (
    ("mobilenetv2", "qdq_s8"), ("mobilenetv2", "operators"), ("ppocr4_rec", "operators"), ("minilm_l6", "dynamic"), ("ppocr4_rec", "dynamic"))
# What these compute of f32 is one rounding each, or none, so that quantising it has one result; sums of integers have no rounding at all.
FIXED = {"QuantizeLinear", "DequantizeLinear", "Add", "Sub", "Mul", "Div", "Relu", "Clip", "Max", "Min", "Neg", "Abs", "Reshape", "Flatten", "Squeeze",
         "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Gather", "MaxPool", "Pad", "Identity", "Cast", "MatMulInteger", "ConvInteger"}
LEAST_COSINE = 0.99
LEAST_OF_F32 = 0.9  # of a quantised model that is still the model: where it is not, a step grows to anything
SCALE_STEP = 1e-5  # a scale that is found by the run may be off by that part of it: it is made of sums, and products that are contracted to FMA


def session(proto, literally):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if literally:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(proto, feeds, literally=True):
    runner = session(proto, literally)
    wanted = {value.name for value in runner.get_inputs()}
    names = [value.name for value in runner.get_outputs()]
    return dict(zip(names, runner.run(names, {name: value for name, value in feeds.items() if name in wanted})))


def by_smelt(proto, feeds, folder, stem):
    path, artefact = folder / f"{stem}.onnx", folder / f"{stem}.so"
    onnx.save(proto, path)
    harness.smelt_ok("compile", path, "-o", artefact, seconds=900)
    model = smelt.load(artefact)
    return model.run({value.name: feeds[value.name] for value in proto.graph.input})


def steps(got, want):
    """(the most that two arrays are apart, how many elements differ): of integers in steps, of floats, which are scales, in parts of the largest."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    apart = np.abs(a - b)
    if want.dtype.kind == "f":
        apart = apart / (SCALE_STEP * max(np.abs(b).max(initial=0), 1e-30))
    return float(apart.max(initial=0)), int((apart > 0).sum())


class Kind:
    """Layers of the same operators."""

    def __init__(self):
        self.layers = self.elements = self.differ = 0
        self.most = self.most_default = self.default_most = 0.0
        self.worst = ""

    def add(self, name, got, literal, default):
        most, differ = steps(got, literal)
        self.layers += 1
        self.elements += got.size
        self.differ += differ
        if most > self.most:
            self.most, self.worst = most, name
        self.most_default = max(self.most_default, steps(got, default)[0])
        self.default_most = max(self.default_most, steps(default, literal)[0])


def compare_layers(proto, feeds, folder):
    """{operators: Kind} of all layers."""
    cut = forms.cuts(proto)
    values = run(forms.with_outputs(proto, [name for name, _ in cut]), feeds)
    values = {name: values[name] for name, _ in cut}
    layers = forms.in_layers(proto, values)
    default, got = run(layers, feeds | values, literally=False), by_smelt(layers, feeds | values, folder, "layers")
    kinds = collections.defaultdict(Kind)
    for name, operators in cut:
        made = forms.made_name(name)
        expect(got[made].dtype == values[name].dtype and got[made].shape == values[name].shape, f"{name} is {got[made].dtype} {got[made].shape}")
        kinds[frozenset(operators)].add(name, got[made], values[name], default[made])
    return kinds


def judge(kinds):
    for operators, kind in kinds.items():
        bound = 0 if operators <= FIXED else 1
        expect(kind.most <= bound, f"{kind.most:g} steps apart, bound {bound}: '{kind.worst}' ({' '.join(sorted(operators))})")


def cosine(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def compare_outputs(name, proto, feeds, folder):
    """Least cosines, to what ONNX Runtime computes node by node, of Smelt's outputs, of ONNX Runtime's by default, and of the model's in f32."""
    literal, default, got = run(proto, feeds), run(proto, feeds, literally=False), by_smelt(proto, feeds, folder, "whole")
    exact = models.reference(models.fetch(name), feeds)
    floats = [output for output, value in literal.items() if value.dtype.kind == "f"]
    return [min(cosine(outputs[output], literal[output]) for output in floats) for outputs in (got, default, exact)]


def describe(name, kinds):
    for operators, kind in sorted(kinds.items(), key=lambda item: -item[1].layers):
        print(f"     {name}: {kind.layers:4} x {' '.join(sorted(operators))}: {kind.most:g} steps, {100 * kind.differ / max(kind.elements, 1):.4f} % differ; "
              f"from ONNX Runtime by default {kind.most_default:g}, which is {kind.default_most:g} off itself")


def test(cases, name, form):
    proto, feeds = onnx.load(forms.quantised(name, form)), models.inputs(name)

    def layers():
        with tempfile.TemporaryDirectory() as folder:
            kinds = compare_layers(proto, feeds, pathlib.Path(folder))
        describe(f"{name}/{form}", kinds)
        judge(kinds)
        return {"layers": sum(kind.layers for kind in kinds.values()), "steps": max(kind.most for kind in kinds.values()),
                "differ": sum(kind.differ for kind in kinds.values()) / sum(kind.elements for kind in kinds.values()),
                "steps_from_default": max(kind.most_default for kind in kinds.values()),
                "default_from_itself": max(kind.default_most for kind in kinds.values())}

    def outputs():
        with tempfile.TemporaryDirectory() as folder:
            own, default, exact = compare_outputs(name, proto, feeds, pathlib.Path(folder))
        # Deep models of seeded weights spread a step to all of what follows: no further than ONNX Runtime's own ways do.
        expect(own >= min(LEAST_COSINE, 2 * default - 1) or exact < LEAST_OF_F32, f"cosine {own:.5f}, of ONNX Runtime by default {default:.5f}")
        return {"cosine": own, "of_default": default, "of_f32": exact}

    cases.run(f"{name}/{form} layers", layers)
    cases.run(f"{name}/{form} outputs", outputs)


def main():
    options = harness.parser(__doc__)
    options.add_argument("--all", action="store_true", help="every model in every form")
    args = options.parse_args()
    chosen = [(name, form) for name in MODELS for form in forms.FORMS] if args.all else SOME
    if args.names:
        chosen = [tuple(name.split("/")) for name in args.names]
    cases = harness.Cases()
    for name, form in chosen:
        test(cases, name, form)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
