"""Small models with symbolic dims."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(0)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def nodes(operator, inputs, outputs, **attributes):
    """A node of several outputs."""
    return helper.make_node(operator, inputs, outputs, name=f"{operator}_{outputs[0]}", **attributes)


def node(operator, inputs, output, **attributes):
    return nodes(operator, inputs, [output], **attributes)


def graph(nodes, inputs, outputs, types=None, opset=17, contrib=False, **weights):
    """`inputs` are dims by name: numbers and names of symbols. Values are f32 where `types` gives no other, outputs of any type."""
    types = types or {}
    values = [helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), dims) for name, dims in inputs.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "symbolic", values, results, arrays)
    versions = [helper.make_opsetid("", opset)] + [helper.make_opsetid("com.microsoft", 1)] * contrib
    return helper.make_model(made, opset_imports=versions, ir_version=10)


def integers(*numbers):
    return np.array(numbers, np.int64)


def indices(limit, *shape):
    return RANDOM.integers(0, limit, shape)


def quantised(*shape, type=np.uint8):
    return RANDOM.integers(np.iinfo(type).min, np.iinfo(type).max, shape).astype(type)
