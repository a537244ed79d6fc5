"""Models of operators that have few results of much each, or few rows: on a device several groups share each. For the tests of devices."""
import numpy as np
from onnx import helper, numpy_helper, save

import harness

ERROR = 1e-5  # of the largest value: sums of parts are added up in another order


def _normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def _with(x, **places):
    """x with numbers that are none at flat places."""
    for number, at in places.items():
        x.ravel()[at] = float(number)
    return x


def _whole(dtype, *shape):
    return np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)


def _tied(*shape):
    """The largest and the least several times, first and last in different parts."""
    return np.clip(_normal(*shape), -2.5, 2.5)


# An operator, its inputs besides constants, its constants, and attributes. Extents have a divisor near the number of parts, or none.
REDUCTIONS = [
    ("ReduceSum", [_normal(1 << 18)], [[0]], {"keepdims": 0}),
    ("ReduceSum", [_whole(np.int64, 2, 70001)], [[1]], {}),
    ("ReduceMean", [_normal(2, 8, 4096, 8)], [[0, 2]], {}),
    ("ReduceMean", [_whole(np.int32, 2, 70001)], [[1]], {}),
    ("ReduceMax", [_normal(65539, 3)], [[0]], {}),
    ("ReduceMin", [_with(_normal(4, 40009), nan=50000, inf=90000)], [[1]], {}),
    ("ReduceL1", [_normal(70001)], [[0]], {}),
    ("ReduceL2", [_normal(2, 131, 257)], [[1, 2]], {}),
    ("ReduceSumSquare", [_normal(1, 131, 1, 257)], [[1, 3]], {}),
    ("ReduceLogSum", [np.abs(_normal(70001))], [[0]], {}),
    ("ReduceLogSumExp", [_normal(2, 70001) * 30], [[1]], {}),
    ("ArgMax", [_tied(1, 32000)], [], {"axis": 1}),
    ("ArgMax", [_with(_tied(3, 40009), nan=[41000, 79000])], [], {"axis": 1, "select_last_index": 1}),
    ("ArgMin", [_with(_tied(3, 40009), nan=[41000, 79000])], [], {"axis": 1}),
    ("ArgMin", [_tied(2, 20000, 5)], [], {"axis": 1, "keepdims": 0, "select_last_index": 1}),
    ("Softmax", [_with(_normal(2, 50021), nan=3)], [], {"axis": 1}),
    ("Softmax", [_normal(2, 1021, 7)], [], {"axis": 1}),
    ("LogSoftmax", [_normal(1, 8192, 4)], [], {"axis": 1}),
    ("LayerNormalization", [_with(_normal(2, 64, 33, 31), inf=70000)], [_normal(64, 33, 31), _normal(64, 33, 31)], {"axis": 1}),
    ("LayerNormalization", [_normal(3, 8, 9, 32) + 100], [_normal(8, 9, 32)], {"axis": 1}),
    ("InstanceNormalization", [_normal(1, 3, 256, 255)], [_normal(3), _normal(3)], {}),
    ("GroupNormalization", [_normal(1, 8, 64, 64)], [_normal(8), _normal(8)], {"num_groups": 1}),
    ("RMSNormalization", [_normal(1, 65536)], [_normal(65536)], {"axis": -1}),
    ("DynamicQuantizeLinear", [_normal(65536)], [], {}),
    ("LpNormalization", [_normal(1, 65536)], [], {"axis": 1, "p": 2}),
    ("CumSum", [_normal(2, 4093)], [np.int64(1)], {"exclusive": 1, "reverse": 1}),
    ("CumSum", [_with(_normal(1, 4096), nan=4000, inf=900)], [np.int64(1)], {}),
    ("CumSum", [_whole(np.int32, 2, 1009, 3)], [np.int64(1)], {"reverse": 1}),
    ("MaxPool", [_with(_normal(1, 2, 128, 130), nan=645)], [], {"kernel_shape": [33, 65], "strides": [3, 7], "pads": [10, 5, 16, 9], "dilations": [2, 1], "ceil_mode": 1}),
    ("MatMul", [_normal(1, 4096)], [_normal(4096, 1)], {}),
    ("MatMul", [_normal(3, 20011), _normal(20011, 2)], [], {}),
    ("MatMul", [_normal(2, 3, 20000), _normal(20000, 5)], [], {}),
    ("Conv", [_normal(1, 4096, 2, 2)], [_normal(8, 4096, 1, 1)], {}),
]


def save_model(case, path):
    """Writes the model of a case, and its inputs beside it."""
    operator, feeds, constants, attributes = case
    inputs = [f"x{number}" for number in range(len(feeds))]
    tensors = [numpy_helper.from_array(np.asarray(value), f"c{number}") for number, value in enumerate(constants)]
    outputs = ["y", "scale", "zero"] if operator == "DynamicQuantizeLinear" else ["y"]
    node = helper.make_node(operator, [*inputs, *(tensor.name for tensor in tensors)], outputs, **attributes)
    declared = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in zip(inputs, feeds)]
    graph = helper.make_graph([node], "few", declared, [helper.make_empty_tensor_value_info(name) for name in outputs], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11), path)
    np.savez(path.with_suffix(".npz"), **dict(zip(inputs, feeds)))


def _outputs(model, artefact, environment):
    harness.smelt_ok("run", artefact, "--inputs", model.with_suffix(".npz"), "--outputs", artefact.with_suffix(".out.npz"), seconds=600, env=environment)
    with np.load(artefact.with_suffix(".out.npz")) as outputs:
        return dict(outputs)


def agrees(case, target, folder, environment=None):
    """The artefact for a device, after its outputs were a processor's, and the same a second time."""
    model, artefact = folder / "few.onnx", folder / "device.so"
    save_model(case, model)
    for name, output in (("native", folder / "processor.so"), (target, artefact)):
        harness.smelt_ok("compile", model, "--target", name, "-o", output)
    want, got, again = (_outputs(model, output, env) for output, env in ((folder / "processor.so", None), (artefact, environment), (artefact, environment)))
    for name, right in want.items():
        made = got[name]
        harness.expect(np.array_equal(made, again[name], equal_nan=made.dtype.kind == "f"), f"{name}: other numbers the second time")
        if right.dtype.kind != "f":
            codes = operator_rounds(case[0]) and name == "y"
            harness.expect(np.abs(made.astype(np.int64) - right).max() <= codes, f"{name}: {made[made != right][:3]}, not {right[made != right][:3]}")
            continue
        numbers = np.isfinite(right)
        harness.expect(np.array_equal(made[~numbers], right[~numbers], equal_nan=True) and np.isfinite(made[numbers]).all(), f"{name}: NaN and infinities elsewhere")
        error = np.abs(made[numbers].astype(np.float64) - right[numbers]).max(initial=0) / max(np.abs(right[numbers]).max(initial=0), 1e-30)
        harness.expect(error <= ERROR, f"{name}: error {error:.2g} of the largest value")
    return artefact


def operator_rounds(operator):
    """Whether a number that is a little off may be another code."""
    return operator == "DynamicQuantizeLinear"


def label(case):
    return f"{case[0]} {'x'.join(map(str, case[1][0].shape))}"
