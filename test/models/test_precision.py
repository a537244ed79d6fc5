#!/usr/bin/env python3
"""Every model in bf16 and in f16, and a few in others: near ONNX Runtime's f32, with the error that the report says, the same bits on one thread and on two.

usage: test_precision.py [NAME…] [--target T]… [--json FILE]
"""
import json
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
from test_models import run_model, same_bits

# Of the largest value of f32, and the cosine. Measured errors are a third of that, or less; they grow with a model's depth.
BOUNDS = {"bf16": (0.2, 0.995), "f16": (0.06, 0.9995), "int8": (0.25, 0.995), "int8-dynamic": (0.1, 0.998), "int8-weights": (0.1, 0.999),
          "int4-weights": (0.9, 0.93)}
# Of those precisions that not all models are tried in; ./dev accuracy judges more, on real data. gpt2s has random weights, of which every bit counts.
CHOSEN = {"int8": ("resnet18", "minilm_l6", "oww_embed", "vit_s"), "int8-dynamic": ("resnet18", "minilm_l6", "vit_s"),
          "int8-weights": ("gpt2s_decode", "minilm_l6"), "int4-weights": ("gpt2s_decode", "gpt2s_prefill", "minilm_l6", "vit_s")}
# Bytes of weights of those in f32 as the model's file has them: 4 bits, a scale of 16 and a zero point of 8 for 32 of them, and what is no matrix.
FEW_BITS = {("gpt2s_decode", "int4-weights"): 0.16, ("gpt2s_decode", "int8-weights"): 0.27}
# A map of where text is: steep at its edges, where ONNX Runtime on weights rounded to f16 is off by 0.3 as well.
STEEP = {"ppocr4_det": (1.0, 0.999)}
SMALLER = 0.75  # weights, of those in f32, of models whose weights are products' (Winograd's stay as they are)
MOSTLY_PRODUCTS = ("minilm_l6", "vit_s", "ddddocr_ocr")


def compile_model(name, target, precision, artefact):
    report = artefact.with_suffix(".json")
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "--precision", precision, "-o", artefact,
                     "--report", report, *(["--calibration", artefact.parent / "in.npz"] if precision != "f32" else []), seconds=600)
    return json.loads(report.read_text())


def test(cases, name, precision, target):
    feeds, found = models.inputs(name), {}
    reference = models.reference(models.fetch(name), feeds)
    floats = {key: value for key, value in reference.items() if value.dtype.kind == "f"}
    with tempfile.TemporaryDirectory() as folder:
        artefact = pathlib.Path(folder) / f"{name}.so"
        np.savez(artefact.parent / "in.npz", **feeds)

        def agrees():
            found["report"] = compile_model(name, target, precision, artefact)
            found["outputs"] = run_model(artefact, feeds, 1)
            error, cosine = harness.apart(found["outputs"], floats)
            most, least = STEEP.get(name, BOUNDS[precision])
            harness.expect(error <= most and cosine >= least, f"{error:.3g} of the largest value, cosine {cosine:.6f}")
            return {"error": error, "cosine": cosine}

        def reported():
            report = found["report"]
            harness.expect(report["precision"] == precision and "failure" not in report["error"], f"{report['error']}")
            said = max(output["max_relative"] for output in report["error"]["outputs"])
            measured, _ = harness.apart(found["outputs"], floats)
            # One is measured against Smelt's f32 on the host's target, the other against ONNX Runtime's.
            harness.expect(0.5 * measured - 1e-3 <= said <= 2 * measured + 1e-3, f"the report says {said:.3g}, and it is {measured:.3g}")
            return {"reported": said}

        def smaller():
            weights = found["report"]["sizes"]["weights"]
            exact = compile_model(name, target, "f32", artefact.with_name("f32.so"))["sizes"]["weights"]
            harness.expect(weights <= SMALLER * exact, f"{weights} bytes of weights, in f32 {exact}")
            return {"share": weights / exact}

        def small():
            weights, whole = found["report"]["sizes"]["weights"], models.fetch(name).stat().st_size
            harness.expect(weights <= FEW_BITS[name, precision] * whole, f"{weights} bytes of weights, {whole} in the model's file")
            return {"share": weights / whole}

        label = f"{name} {precision} {target}"
        if not cases.run(f"{label} agrees", agrees):
            return
        cases.run(f"{label} reported", reported)
        cases.run(f"{label} threads", lambda: same_bits(artefact, feeds, found["outputs"]))
        if name in MOSTLY_PRODUCTS and precision not in CHOSEN:
            cases.run(f"{label} smaller", smaller)
        if (name, precision) in FEW_BITS:
            cases.run(f"{label} small", small)


def main():
    options = harness.parser(__doc__)
    options.add_argument("--target", action="append", help="only these targets")
    args = options.parse_args()
    cases = harness.Cases()
    for name in args.names or [*models.RELEASED, *(name for name in CHOSEN["int4-weights"] if name not in models.RELEASED)]:
        for precision in BOUNDS:
            if name not in CHOSEN.get(precision, models.RELEASED):
                continue
            for target in args.target or ["native"]:
                test(cases, name, precision, target)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
