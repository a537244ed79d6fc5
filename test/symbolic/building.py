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


def graph(nodes, inputs, outputs, **weights):
    """`inputs` are dims by name: numbers and names of symbols. All values are f32, outputs of any type."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "symbolic", values, results, arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def integers(*numbers):
    return np.array(numbers, np.int64)
