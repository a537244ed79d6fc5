"""Convolutional networks with seeded weights: right for latency and agreement, not for accuracy.

The weights follow He, and the statistics of each BatchNormalization fit the signal that arrives there, so that values neither vanish nor explode
and the answer depends on the input.
"""
import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

SEED = 20240607
OPSET = 17


def fill(nodes, shapes):
    """Values for the weights of `nodes`, in the order they are used. `shapes`: {weight: extents}. Returns {weight: float32 array}.

    Along the way it estimates the mean square of every tensor, so that each layer can be scaled to what it gets.
    """
    rng, weights, power, sums = np.random.default_rng(SEED), {}, {}, set()

    def normal(name, deviation, mean=0.0):
        if name:
            weights[name] = (mean + deviation * rng.standard_normal(shapes[name])).astype(np.float32)

    for node in nodes:
        arrives = [power.get(name, 1.0) for name in node.input]
        names = list(node.input) + [""] * 5
        leaves = arrives[0] if arrives else 1.0
        if node.op_type == "Conv":
            normal(names[1], math.sqrt(2 / math.prod(shapes[names[1]][1:])))
            normal(names[2], 0.1)
            leaves *= 2
        elif node.op_type == "BatchNormalization":
            normal(names[1], 0.1, mean=1.0)
            normal(names[2], 0.1)
            normal(names[3], 0.1 * math.sqrt(leaves))
            weights[names[4]] = (leaves * rng.uniform(0.8, 1.25, shapes[names[4]])).astype(np.float32)
            leaves = 1.0
        elif node.op_type == "Gemm":
            normal(names[1], 2 / math.sqrt(leaves * max(shapes[names[1]][1], 1)))
            normal(names[2], 0.1)
        elif node.op_type in ("Relu", "Clip"):
            leaves *= 0.85 if node.input[0] in sums else 0.5  # what is summed was positive in part
        elif node.op_type in ("Add", "Sum"):
            leaves = sum(arrives)
            sums.add(node.output[0])
        elif node.op_type == "MaxPool":
            leaves *= 2
        for output in node.output:
            power[output] = leaves
    return weights


class _Builder:
    """Appends nodes; weights are only named and shaped, and filled at the end."""

    def __init__(self):
        self.nodes, self.shapes, self.constants = [], {}, []

    def weight(self, name, *shape):
        self.shapes[name] = shape
        return name

    def node(self, op, inputs, **attributes):
        name = f"/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_output_0"], name=name, **attributes))
        return f"{name}_output_0"

    def conv_bn(self, x, prefix, channels_in, channels, kernel, stride=1, group=1):
        weight = self.weight(f"{prefix}.0.weight", channels, channels_in // group, kernel, kernel)
        x = self.node("Conv", [x, weight], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4, dilations=[1, 1], group=group)
        parts = [self.weight(f"{prefix}.1.{part}", channels) for part in ("weight", "bias", "running_mean", "running_var")]
        return self.node("BatchNormalization", [x, *parts], epsilon=1e-5, momentum=0.9)

    def classifier(self, x, channels, classes=1000):
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])], axis=1)
        weight, bias = self.weight("classifier.weight", classes, channels), self.weight("classifier.bias", classes)
        self.nodes.append(helper.make_node("Gemm", [x, weight, bias], ["output"], name="/classifier/Gemm", alpha=1.0, beta=1.0, transB=1))

    def finish(self, name):
        weights = fill(self.nodes, self.shapes)
        image = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 224, 224])
        scores = helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 1000])
        initializers = self.constants + [numpy_helper.from_array(value, key) for key, value in weights.items()]
        graph = helper.make_graph(self.nodes, name, [image], [scores], initializers)
        return _serialise(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="smelt-tests"))


def _serialise(model):
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def mobilenetv2():
    net = _Builder()
    net.constants = [numpy_helper.from_array(np.float32(value), name) for name, value in (("relu6.min", 0), ("relu6.max", 6))]

    def relu6(x):
        return net.node("Clip", [x, "relu6.min", "relu6.max"])

    x, channels = relu6(net.conv_bn("input", "features.0", 3, 32, 3, stride=2)), 32
    block = 0
    for expand, width, repeats, first_stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for repeat in range(repeats):
            block += 1
            prefix, stride, inner, shortcut = f"features.{block}.conv", first_stride if repeat == 0 else 1, channels * expand, x
            if expand != 1:
                x = relu6(net.conv_bn(x, f"{prefix}.0", channels, inner, 1))
            x = relu6(net.conv_bn(x, f"{prefix}.1", inner, inner, 3, stride, group=inner))
            x = net.conv_bn(x, f"{prefix}.2", inner, width, 1)
            if stride == 1 and channels == width:
                x = net.node("Add", [shortcut, x])
            channels = width
    net.classifier(relu6(net.conv_bn(x, "features.18", channels, 1280, 1)), 1280)
    return net.finish("mobilenetv2")


def resnet18():
    net = _Builder()
    x = net.node("Relu", [net.conv_bn("input", "conv1", 3, 64, 7, stride=2)])
    x, channels = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            prefix, stride, shortcut = f"layer{stage + 1}.{block}", 2 if stage and not block else 1, x
            x = net.node("Relu", [net.conv_bn(x, f"{prefix}.a", channels, width, 3, stride)])
            x = net.conv_bn(x, f"{prefix}.b", width, width, 3)
            if stride != 1:
                shortcut = net.conv_bn(shortcut, f"{prefix}.downsample", channels, width, 1, stride)
            x, channels = net.node("Relu", [net.node("Add", [x, shortcut])]), width
    net.classifier(x, 512)
    return net.finish("resnet18")


def with_seeded_weights(data):
    """The onnx package's `light` models keep their larger weights as ConstantOfShape nodes, the small ones as initializers; this gives all of
    them seeded values of the same shapes."""
    model = onnx.load_from_string(data)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights_of_one_value = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    shapes = {name: value.shape for name, value in constants.items()}
    shapes.update({node.output[0]: tuple(constants[node.input[0]]) for node in weights_of_one_value})
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    weights = fill(nodes, shapes)
    missing = {node.output[0] for node in weights_of_one_value} - weights.keys()
    if missing:
        raise ValueError(f"no rule for the weights {sorted(missing)[:3]}")

    replaced = weights.keys() | {node.input[0] for node in weights_of_one_value}
    initializers = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    initializers += [numpy_helper.from_array(value, name) for name, value in weights.items()]
    inputs = [value for value in graph.input if value.name not in constants]
    for field, values in ((graph.node, nodes), (graph.initializer, initializers), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    model.ir_version = max(model.ir_version, 4)  # from here on initializers need not be inputs
    return _serialise(model)
