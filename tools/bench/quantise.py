"""One model in 8-bit integers, as another tool makes it, in a process of its own: quantise.py JOB

JOB is JSON: {"tool": "onnxruntime" or "nncf", "model", "samples": a folder of .npz, "folder": where to write}. onnxruntime writes qdq.onnx, nncf writes
nncf.xml and nncf.bin. Whatever goes wrong ends the process with an exit code other than 0, and says so on the standard error.
"""
import json
import pathlib
import sys

import numpy as np

import contestant

LEAST_OPSET = 17  # that per-channel scales, and LayerNormalization as one operator, need


def samples_of(folder):
    return [dict(np.load(path)) for path in sorted(pathlib.Path(folder).glob("*.npz"))]


def fixed(model, samples, folder):
    """The model with the samples' shapes and recent operators: what both tools start from."""
    import onnx

    proto = onnx.load(model)
    if next(one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")) < LEAST_OPSET:
        proto = onnx.version_converter.convert_version(proto, LEAST_OPSET)
    path = folder / "fixed.onnx"
    contestant.fix_shapes(proto, samples[0], path)
    return path


def optimised(path, folder):
    """What ONNX Runtime's own guide has done before: constants folded, normalisations joined with convolutions."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(folder / "optimised.onnx")), folder / "optimised.onnx")
    return folder / "optimised.onnx"


def onnxruntime_static(job, folder):
    """Activations in ui8, weights in i8 by channel: what the guide advises for processors with VNNI."""
    from onnxruntime import quantization

    samples = samples_of(job["samples"])

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(samples)

        def get_next(self):
            return next(self.left, None)

    path = optimised(fixed(job["model"], samples, folder), folder)
    quantization.quantize_static(str(path), str(folder / "qdq.onnx"), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)


def is_transformer(model):
    """Whether it multiplies what it computed: NNCF then treats attention as it deserves."""
    multiplies = (node for node in model.get_ops() if node.get_type_name() == "MatMul")
    return any(all(source.get_node().get_type_name() not in ("Constant", "Convert") for source in node.input_values()) for node in multiplies)


def nncf_static(job, folder):
    import nncf
    import openvino as ov

    samples = samples_of(job["samples"])
    model = ov.Core().read_model(str(fixed(job["model"], samples, folder)))
    kind = {"model_type": nncf.ModelType.TRANSFORMER} if is_transformer(model) else {}
    quantised = nncf.quantize(model, nncf.Dataset(samples), preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples), **kind)
    ov.save_model(quantised, folder / "nncf.xml", compress_to_fp16=False)


TOOLS = {"onnxruntime": onnxruntime_static, "nncf": nncf_static}


def main():
    job = json.loads(sys.argv[1])
    folder = pathlib.Path(job["folder"])
    TOOLS[job["tool"]](job, folder)
    for left in ("fixed.onnx", "optimised.onnx"):
        (folder / left).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
