"""Models as ONNX Runtime's quantiser writes them, in each of its forms, and cut into their layers."""
import collections
import hashlib
import importlib.metadata
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test/models", "tools/bench")]

import integers  # noqa: E402
import models  # noqa: E402
import quantise  # noqa: E402
from once import made_once  # noqa: E402

CACHE = REPOSITORY / ".cache" / "quantised"
SAMPLES = 4
EIGHT_BITS = (TensorProto.UINT8, TensorProto.INT8)
ELEMENTS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8,
            np.dtype(np.int32): TensorProto.INT32, np.dtype(np.int64): TensorProto.INT64, np.dtype(np.bool_): TensorProto.BOOL}


def _static(prepared, out, samples, layout, activations):
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(samples)

        def get_next(self):
            return next(self.left, None)

    quantization.quantize_static(str(prepared), str(out), Reader(), quant_format=layout, per_channel=True, activation_type=activations,
                                 weight_type=quantization.QuantType.QInt8)


def _qdq(prepared, out, samples):
    from onnxruntime import quantization

    _static(prepared, out, samples, quantization.QuantFormat.QDQ, quantization.QuantType.QUInt8)


def _qdq_signed(prepared, out, samples):
    from onnxruntime import quantization

    _static(prepared, out, samples, quantization.QuantFormat.QDQ, quantization.QuantType.QInt8)


def _operators(prepared, out, samples):
    from onnxruntime import quantization

    _static(prepared, out, samples, quantization.QuantFormat.QOperator, quantization.QuantType.QUInt8)


def _dynamic(prepared, out, _samples):
    from onnxruntime import quantization

    quantization.quantize_dynamic(str(prepared), str(out), per_channel=True, weight_type=quantization.QuantType.QInt8)


# ui8 activations and i8 weights by channel, but for "qdq_s8"
FORMS = {"qdq": _qdq, "qdq_s8": _qdq_signed, "operators": _operators, "dynamic": _dynamic}


def quantised(name, form):
    """Path of a model in a form, made once for each version of the packages and of this code."""
    versions = [importlib.metadata.version(package) for package in ("onnxruntime", "onnx")]
    code = b"".join(path.read_bytes() for path in (pathlib.Path(__file__), pathlib.Path(quantise.__file__)))
    key = hashlib.sha256(f"{models.MODELS[name].sha256} {versions}".encode() + code).hexdigest()[:16]

    def make(partial):
        samples = [models.inputs(name, seed=1 + number) for number in range(SAMPLES)]
        prepared = quantise.optimised(quantise.fixed(models.fetch(name), samples, partial), partial)
        FORMS[form](prepared, partial / "model.onnx", samples)
        for left in ("fixed.onnx", "optimised.onnx"):
            (partial / left).unlink()

    return made_once(CACHE / f"{name}-{form}-{key}", make) / "model.onnx"


def _made_here(proto):
    """The tensors at which a model is cut: those of 8 bits, the parameters of dynamic quantisation, and sums of integers."""
    known = {value.name: value.type.tensor_type.elem_type for value in onnx.shape_inference.infer_shapes(proto).graph.value_info}
    zero_points = {init.name: init.data_type for init in proto.graph.initializer}
    constants = set(zero_points)
    for node in proto.graph.node:
        fed = [name for name in node.input if name]
        if all(name in constants for name in fed) and node.op_type != "Constant":
            constants.update(node.output)  # what is folded is no layer
            continue
        for index, name in enumerate(node.output):
            kind = known.get(name)
            if node.op_type == "QuantizeLinear":
                kind = zero_points.get(node.input[2], TensorProto.UINT8) if len(node.input) > 2 else TensorProto.UINT8
            elif node.op_type.startswith("QLinear") or node.op_type == "QGemm":
                kind = kind or TensorProto.UINT8
            if kind in EIGHT_BITS or node.op_type in ("DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"):
                yield name, node, index


def cuts(proto):
    """[(name, operator types of the layer that makes it)], in order."""
    producer = {name: node for node in proto.graph.node for name in node.output}
    made = list(_made_here(proto))
    stops = {name for name, _, _ in made}

    def operators(node, seen):
        found = collections.Counter({node.op_type: 1})
        for name in node.input:
            before = producer.get(name)
            if before is not None and name not in stops and id(before) not in seen:
                seen.add(id(before))
                found += operators(before, seen)
        return found

    return [(name, operators(node, {id(node)})) for name, node, _ in made]


def with_outputs(proto, names):
    """The model with these tensors as outputs besides its own."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    own = {value.name for value in whole.graph.output}
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in own)
    return whole


def made_name(name):
    return f"{name}/made"


def in_layers(proto, values):
    """The model cut at `values`, {tensor: array}: each becomes an input, and what makes it an output of another name. So every layer is given the same
    inputs, whoever runs it."""
    layers = onnx.ModelProto()
    layers.CopyFrom(proto)
    graph = layers.graph
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name in values:
                node.output[index] = made_name(name)
    outputs = [value for value in graph.output if value.name not in values]
    del graph.output[:]
    graph.output.extend(outputs)
    for name, array in values.items():
        kind = ELEMENTS[array.dtype]
        graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
        graph.output.append(helper.make_tensor_value_info(made_name(name), kind, array.shape))
    del graph.value_info[:]
    return layers
