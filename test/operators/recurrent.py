"""LSTM, GRU and RNN."""
import numpy as np

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def cases(Case):
    random = np.random.default_rng(0)

    def normal(*shape, scale=1.0, dtype=np.float32):
        return (random.standard_normal(shape) * scale).astype(dtype)

    def case(name, kind, steps=5, batch=2, inputs=7, size=5, bias=True, lengths=None, state=False, peepholes=False, constant=True,
             outputs=None, opset=14, dtype=np.float32, **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        gates = GATES[kind]
        operands = {"x": normal(steps, batch, inputs, dtype=dtype), "w": normal(directions, gates * size, inputs, scale=0.3, dtype=dtype),
                    "r": normal(directions, gates * size, size, scale=0.3, dtype=dtype),
                    "b": normal(directions, 2 * gates * size, scale=0.3, dtype=dtype) if bias else None,
                    "lengths": None if lengths is None else np.array(lengths, np.int32),
                    "h": normal(directions, batch, size, scale=0.5, dtype=dtype) if state else None}
        if kind == "LSTM":
            operands["c"] = normal(directions, batch, size, scale=0.5, dtype=dtype) if state else None
            operands["p"] = normal(directions, 3 * size, scale=0.3, dtype=dtype) if peepholes else None
        if attributes.get("layout"):
            operands["x"] = operands["x"].transpose(1, 0, 2).copy()
        while list(operands.values())[-1] is None:
            operands.popitem()
        outputs = outputs or ["y", "y_h", "y_c"][: 3 if kind == "LSTM" else 2]
        return Case(f"{kind} {name}", kind, operands, outputs, ("w", "r", "b", "p") if constant else (), opset=opset, hidden_size=size, **attributes)

    for kind in GATES:
        yield case("defaults", kind)
        yield case("one step of a large state", kind, steps=1, batch=1, size=128, state=True)
        yield case("odd size", kind, steps=3, batch=1, size=37, inputs=1, state=True)
        yield case("size 1", kind, size=1, state=True)
        yield case("reverse", kind, direction="reverse", state=True)
        yield case("bidirectional", kind, direction="bidirectional", state=True, size=17)
        yield case("lengths", kind, direction="bidirectional", batch=3, lengths=[2, 5, 3], state=True)
        for direction in ("forward", "reverse", "bidirectional"):
            yield case(f"no steps {direction}", kind, direction=direction, batch=3, lengths=[0, 5, 3], state=True)
        yield case("only the last state", kind, outputs=["", "y_h"])
        yield case("weights as inputs", kind, constant=False, size=9, opset=7)
        yield case("no bias", kind, bias=False)
        yield case("clip", kind, clip=0.2, state=True)
    for names in (["Relu", "Softsign", "Softplus"], ["HardSigmoid", "ScaledTanh", "Affine"], ["Elu", "LeakyRelu", "ThresholdedRelu"]):
        yield case(f"activations {' '.join(names)}", "LSTM", activations=names, steps=3, activation_alpha=[0.4, 0.5, 0.6], activation_beta=[0.3, 0.7, 0.1])
    yield case("activations of each direction", "GRU", activations=["Sigmoid", "Tanh", "HardSigmoid", "Relu"], direction="bidirectional", steps=3)
    yield case("activation", "RNN", activations=["LeakyRelu"], activation_alpha=[0.2])
    yield case("peepholes", "LSTM", peepholes=True, state=True, size=19)
    yield case("peepholes both ways", "LSTM", peepholes=True, state=True, direction="bidirectional", lengths=[4, 3])
    yield case("input_forget", "LSTM", input_forget=1, state=True)
    yield case("linear_before_reset", "GRU", linear_before_reset=1, state=True, size=33)
    yield case("linear_before_reset both ways", "GRU", linear_before_reset=1, state=True, direction="bidirectional")
    yield case("linear_before_reset without bias", "GRU", linear_before_reset=1, bias=False)
    for columns in (False, True):
        directions, size, inputs = 2, 9, 7
        shape = (directions, 4 * size) if columns else (directions,)
        operands = {"x": normal(4, 2, inputs), "w": random.integers(-127, 128, (directions, inputs, 4 * size)).astype(np.int8),
                    "r": random.integers(-127, 128, (directions, size, 4 * size)).astype(np.int8), "b": normal(directions, 8 * size), "lengths": None, "h": None,
                    "c": None, "p": None, "ws": np.full(shape, 0.004, np.float32), "wz": np.zeros(shape, np.int8), "rs": np.full(shape, 0.004, np.float32),
                    "rz": np.zeros(shape, np.int8)}
        yield Case(f"DynamicQuantizeLSTM {'columns' if columns else ''}", "DynamicQuantizeLSTM", operands, 3, ("w", "r", "b", "ws", "wz", "rs", "rz"),
                   domain="com.microsoft", tolerance=1e-2, hidden_size=size, direction="bidirectional")
