#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""TensorFlow Lite files that are damaged or mean harm: each is refused in one line, or compiled, within bounds of time and memory.

usage: test_hostile.py [NAME…] [--json FILE]
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "hostile"), str(HERE.parent / "fuzz")]
import litert

litert.enter()

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

import bounded
import builder
import fuzz
import harness
from harness import expect

case = harness.Suite()
F32, I32 = np.float32, np.int32
MALFORMED, UNSUPPORTED, USAGE = 3, 4, 2


def small():
    """y = relu(conv(x)) · 2: a model to be spoilt."""
    model = builder.Model()
    main = model.main
    x = main.input(F32, (1, 4, 4, 2), name="image")
    y = main.op("CONV_2D", [x, main.constant(np.ones((3, 3, 3, 2), F32)), main.constant(np.ones(3, F32))], [F32], "Conv2DOptions", strideH=1, strideW=1,
                dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=1)
    main.output(main.op("MUL", [y, main.constant(np.full(1, 2, F32))], [F32], "MulOptions"))
    return model


SPOILT = []  # (name, exit codes, words, function of a model)


def spoils(codes, *words):
    def add(function):
        SPOILT.append((function.__name__.replace("_", " "), codes if isinstance(codes, tuple) else (codes,), words, function))
        return function
    return add


def graph_of(model):
    return model._model.subgraphs[0]


@spoils(MALFORMED, "an input is tensor 99")
def input_beyond_tensors(model):
    graph_of(model).inputs = [99]


@spoils(MALFORMED, "an output is tensor -1")
def output_before_tensors(model):
    graph_of(model).outputs = [-1]


@spoils(MALFORMED, "CONV_2D, operator 0", "computes [1, 4, 4, 3]", "which the file states to be [1, 2, 2, 7]")
def dims_that_contradict(model):
    graph_of(model).tensors[graph_of(model).operators[0].outputs[0]].shape = [1, 2, 2, 7]


@spoils(MALFORMED, "MUL, operator 1", "which the file states to be [4]")
def ranks_that_contradict(model):
    graph_of(model).tensors[graph_of(model).operators[1].outputs[0]].shape = [4]


@spoils(MALFORMED, "CONV_2D, operator 0", "which the file states to be [-1, 4, 4, 7]")
def dims_that_contradict_beside_open_ones(model):
    graph_of(model).tensors[0].shapeSignature = [-1, 4, 4, 2]
    result = graph_of(model).tensors[graph_of(model).operators[0].outputs[0]]
    result.shape, result.shapeSignature = [1, 4, 4, 7], [-1, 4, 4, 7]


@spoils(MALFORMED, "NEG, operator 0", "computes [1, 4, 4, 2]", "output 'mirrored', which the file states to be [1, 4, 5, 2]")
def dims_that_contradict_in_a_called_graph(model):
    graph = model.graph("called")
    x = graph.input(F32, (1, 4, 4, 2))
    graph.output(graph.op("NEG", [x], [graph.tensor(F32, (1, 4, 5, 2), name="mirrored")]))
    model.main.output(model.main.op("CALL", [0], [F32], "CallOptions", subgraph=1))


@spoils(MALFORMED, "has no outputs")
def model_that_computes_nothing(model):
    graph_of(model).outputs = []


@spoils(MALFORMED, "has no outputs")
def model_without_operators(model):
    graph_of(model).operators, graph_of(model).outputs, graph_of(model).inputs = [], [], []


@spoils(0)
def model_that_hands_its_input_on(model):
    graph_of(model).operators, graph_of(model).outputs = [], [0]


@spoils(0)
def model_without_inputs(model):
    graph_of(model).inputs, graph_of(model).operators[0].inputs[0] = [], model.main.constant(np.ones((1, 4, 4, 2), F32))


@spoils(MALFORMED, "CONV_2D, operator 0", "tensor 77 of")
def operand_beyond_tensors(model):
    graph_of(model).operators[0].inputs[1] = 77


@spoils(MALFORMED, "has code 9 of 2")
def code_beyond_codes(model):
    graph_of(model).operators[1].opcodeIndex = 9


@spoils(MALFORMED, "has buffer 50 of")
def buffer_beyond_buffers(model):
    graph_of(model).tensors[1].buffer = 50


@spoils(MALFORMED, "which is made already")
def tensor_made_twice(model):
    graph_of(model).operators[1].outputs = graph_of(model).operators[0].outputs


@spoils(MALFORMED, "which is made already")
def input_made_by_operator(model):
    graph_of(model).operators[1].outputs = [0]


@spoils(MALFORMED, "is made by nothing that comes before")
def operators_in_wrong_order(model):
    graph_of(model).operators.reverse()


@spoils(MALFORMED, "is made by nothing that comes before")
def operator_reads_its_own_result(model):
    operator = graph_of(model).operators[0]
    operator.inputs[0] = operator.outputs[0]


@spoils(MALFORMED, "bytes of data")
def weights_too_short(model):
    graph_of(model).tensors[1].shape = [3, 3, 3, 200]


@spoils(MALFORMED, "a dim of -3")
def negative_dims_of_weights(model):
    graph_of(model).tensors[1].shape = [-3, -3, 3, 2]


@spoils(MALFORMED, "63 bits")
def dims_whose_product_overflows(model):
    graph_of(model).tensors[1].shape = [2**31 - 1] * 4


@spoils((MALFORMED, UNSUPPORTED))
def input_of_great_dims(model):
    graph_of(model).tensors[0].shape = [2**31 - 1, 2**31 - 1, 2, 2]


@spoils(MALFORMED, "has a dim of -9")
def input_of_negative_dims(model):
    graph_of(model).tensors[0].shape = [1, -9, 4, 2]


@spoils(MALFORMED, "lies outside the file")
def buffer_outside_the_file(model):
    model._model.buffers[1].data, model._model.buffers[1].offset, model._model.buffers[1].size = None, 2**40, 216


@spoils(MALFORMED, "lies outside the file")
def buffer_whose_end_overflows(model):
    model._model.buffers[1].data, model._model.buffers[1].offset, model._model.buffers[1].size = None, 16, 2**64 - 8


@spoils(MALFORMED, "options of another operator")
def options_of_another_operator(model):
    graph_of(model).operators[0].builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    graph_of(model).operators[0].builtinOptions = schema.SoftmaxOptionsT()


@spoils(MALFORMED, "strides [0, 0]")
def no_options(model):
    graph_of(model).operators[0].builtinOptionsType, graph_of(model).operators[0].builtinOptions = 0, None


@spoils(MALFORMED, "windows")
def negative_strides(model):
    graph_of(model).operators[0].builtinOptions.strideH = -2


@spoils((0, UNSUPPORTED))
def great_dilations(model):
    graph_of(model).operators[0].builtinOptions.dilationHFactor = 2**31 - 1


@spoils(MALFORMED, "has padding 9")
def padding_that_there_is_not(model):
    graph_of(model).operators[0].builtinOptions.padding = 9


@spoils(MALFORMED, "fused activation 77")
def activation_that_there_is_not(model):
    graph_of(model).operators[0].builtinOptions.fusedActivationFunction = 77


@spoils(MALFORMED, "does not take")
def more_operands_than_it_takes(model):
    graph_of(model).operators[1].inputs.append(0)


@spoils(MALFORMED, "lacks its input 1")
def fewer_operands_than_it_takes(model):
    graph_of(model).operators[1].inputs = graph_of(model).operators[1].inputs[:1]


@spoils(MALFORMED, "more than")
def more_results_than_it_makes(model):
    graph_of(model).tensors.append(schema.TensorT())
    graph_of(model).operators[1].outputs.append(len(graph_of(model).tensors) - 1)


@spoils(UNSUPPORTED, "version 4 of the format")
def version_of_the_future(model):
    model._model.version = 4


@spoils(MALFORMED, "has no subgraph")
def no_subgraphs(model):
    model._model.subgraphs = []


@spoils(UNSUPPORTED, "elements of STRING")
def text(model):
    graph_of(model).tensors[0].type = schema.TensorType.STRING


@spoils((MALFORMED, UNSUPPORTED))
def element_type_that_there_is_not(model):
    graph_of(model).tensors[0].type = 99


@spoils(MALFORMED, "declared with elements of i32")
def result_of_another_type(model):
    graph_of(model).tensors[graph_of(model).operators[0].outputs[0]].type = schema.TensorType.INT32


@spoils(UNSUPPORTED, "operator 1", "custom operator")
def unknown_custom_operator(model):
    model._model.operatorCodes[1].builtinCode = model._model.operatorCodes[1].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model._model.operatorCodes[1].customCode = "Own\x1b[31mThing"


@spoils(UNSUPPORTED, "operator 9999", "HASHTABLE", "unsupported operators")
def all_unknown_operators_at_once(model):
    model._model.operatorCodes[0].builtinCode, model._model.operatorCodes[1].builtinCode = 9999, schema.BuiltinOperator.HASHTABLE


@spoils(MALFORMED, "operator code 0 is -5")
def negative_code(model):
    model._model.operatorCodes[0].builtinCode = model._model.operatorCodes[0].deprecatedBuiltinCode = -5


def quantised(model, scales, zeros, axis=0):
    how = schema.QuantizationParametersT()
    how.scale, how.zeroPoint, how.quantizedDimension = scales, zeros, axis
    tensor = graph_of(model).tensors[1]
    tensor.type, tensor.quantization = schema.TensorType.INT8, how
    model._model.buffers[tensor.buffer].data = np.ones(54, np.uint8)


@spoils(MALFORMED, "2 scales along axis 0")
def scales_that_do_not_fit(model):
    quantised(model, [0.5, 0.5], [0, 0])


@spoils(MALFORMED, "along axis 7")
def axis_beyond_dims(model):
    quantised(model, [0.5] * 3, [0] * 3, 7)


@spoils(MALFORMED, "no number")
def scale_that_is_no_number(model):
    quantised(model, [float("nan")], [0])


@spoils(MALFORMED, "the zero point")
def zero_point_of_many_bits(model):
    quantised(model, [0.5], [2**62])


@spoils(MALFORMED, "3 scales and 2 zero points")
def zero_points_that_do_not_fit(model):
    quantised(model, [0.5] * 3, [0] * 2)


@spoils(MALFORMED, "has segments [-1, 0, 1] that do not ascend from 0 on")
def segments_that_begin_before_the_first(model):
    main = model.graph("other")
    x = main.input(F32, (3, 2), name="rows")
    main.output(main.op("SEGMENT_SUM", [x, main.constant(np.array([-1, 0, 1], np.int32))], [F32]))
    model._model.subgraphs.reverse()


def sparse(model, segments, indices, order=(0, 1, 2, 3), sizes=(3, 3, 3)):
    tensor = graph_of(model).tensors[1]
    tensor.sparsity = schema.SparsityParametersT()
    tensor.sparsity.traversalOrder, tensor.sparsity.dimMetadata = list(order), []
    for size in (*sizes, None):
        dim = schema.DimensionMetadataT()
        if size is None:
            dim.format = schema.DimensionType.SPARSE_CSR
            dim.arraySegmentsType = dim.arrayIndicesType = schema.SparseIndexVector.Int32Vector
            dim.arraySegments, dim.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
            dim.arraySegments.values, dim.arrayIndices.values = list(segments), list(indices)
        else:
            dim.denseSize = size
        tensor.sparsity.dimMetadata.append(dim)


@spoils(0)
def sparse_weights_that_are_sound(model):
    sparse(model, range(0, 56, 2), [0, 1] * 27)


@spoils(MALFORMED, "a segment beyond its indices")
def segments_beyond_indices(model):
    sparse(model, range(0, 56, 2), [0, 1])


@spoils(MALFORMED, "outside its dims")
def sparse_index_beyond_dims(model):
    sparse(model, range(0, 56, 2), [0, 9] * 27)


@spoils(MALFORMED, "fewer segments")
def fewer_segments_than_rows(model):
    sparse(model, [0, 2, 4], [0, 1] * 27)


@spoils(MALFORMED, "no permutation")
def order_that_is_no_permutation(model):
    sparse(model, range(0, 56, 2), [0, 1] * 27, order=(0, 0, 0, 0))


@spoils(MALFORMED)
def sparse_dims_that_name_too_much(model):
    sparse(model, range(0, 56, 2), [0, 1] * 27, sizes=(2**31 - 1, 2**31 - 1, 2**31 - 1))


@spoils(MALFORMED, "fewer than its dims name")
def sparse_rows_that_overlap(model):
    sparse(model, [0, 54] * 27, [0, 1] * 27)


@spoils(UNSUPPORTED, "the subgraphs that are called stand for")
def branches_that_each_reach_a_large_graph(model):
    """What parts assign is looked for in all that they call."""
    outer, other, inner = (model.graph(name) for name in ("outer", "other", "inner"))
    chosen = model.main.input(np.bool_, (), name="chosen")
    for graph in (outer, other):
        condition = graph.input(np.bool_, ())
        graph.output(graph.op("IF", [condition, condition], [np.bool_], "IfOptions", thenSubgraphIndex=3, elseSubgraphIndex=3))
    y = inner.input(np.bool_, ())
    for _ in range(20000):
        y = inner.op("LOGICAL_NOT", [y], [np.bool_])
    inner.output(y)
    for _ in range(2000):
        model.main.op("IF", [chosen, chosen], [np.bool_], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)


@spoils(MALFORMED, "may not be recursive")
def graph_that_calls_itself(model):
    graph_of(model).operators[1].inputs = [0]
    graph_of(model).operators[1].opcodeIndex = model.opcode("CALL")
    graph_of(model).operators[1].builtinOptionsType, graph_of(model).operators[1].builtinOptions = schema.BuiltinOptions.CallOptions, schema.CallOptionsT()


@spoils(MALFORMED, "calls subgraph 7 of 1")
def call_beyond_graphs(model):
    graph_that_calls_itself(model)
    graph_of(model).operators[1].builtinOptions.subgraph = 7


@spoils((MALFORMED, UNSUPPORTED), "more than 65536 operators")
def calls_that_double(model):
    for level in range(1, 40):
        graph = model.graph(f"level {level}")
        x = graph.input(F32, (1, 4, 4, 2))
        for _ in range(2):
            x = graph.op("CALL", [x], [F32], "CallOptions", subgraph=level + 1) if level < 39 else graph.op("NEG", [x], [F32])
        graph.output(x)
    model.main.output(model.main.op("CALL", [0], [F32], "CallOptions", subgraph=1))


@spoils((MALFORMED, UNSUPPORTED))
def result_of_great_dims(model):
    model.main.output(model.main.op("BROADCAST_TO", [0, model.main.constant(np.array([2**31 - 1, 2**31 - 1, 4, 4, 2], I32))], [F32]))


@spoils((MALFORMED, UNSUPPORTED))
def range_without_end(model):
    model.main.output(model.main.op("RANGE", [model.main.constant(np.array(number, F32)) for number in (0, 1e30, 1e-30)], [F32]))


def spectrum(model, lengths):
    rows = model.main.op("RESHAPE", [0, model.main.constant(np.array([2, 16], I32))], [F32], "ReshapeOptions", newShape=[2, 16])
    return model.main.op("RFFT2D", [rows, model.main.constant(np.array(lengths, I32))], ["COMPLEX64"])


@spoils(MALFORMED, "stacks tensors")
def tensors_of_unlike_ranks_stacked(model):
    number = model.main.constant(np.array(1, F32))
    model.main.output(model.main.op("PACK", [0, number], [F32], "PackOptions", valuesCount=2, axis=2))


@spoils(UNSUPPORTED, "COMPLEX64")
def complex_numbers_as_an_output(model):
    model.main.output(spectrum(model, (2, 16)))


@spoils(UNSUPPORTED, "COMPLEX64", "ADD")
def complex_numbers_where_none_are_taken(model):
    both = spectrum(model, (2, 16))
    model.main.output(model.main.op("REAL", [model.main.op("ADD", [both, both], ["COMPLEX64"], "AddOptions")], [F32]))


@spoils(UNSUPPORTED, "COMPLEX64")
def floats_that_are_called_complex(model):
    model.main.output(model.main.op("REAL", [model.main.op("NEG", [0], ["COMPLEX64"])], [F32]))


@spoils(MALFORMED, "takes complex numbers")
def real_part_of_floats(model):
    model.main.output(model.main.op("REAL", [0], [F32]))


@spoils(UNSUPPORTED, "too long")
def transform_of_great_length(model):
    model.main.output(model.main.op("COMPLEX_ABS", [spectrum(model, (1, 2**30))], [F32]))


@spoils(MALFORMED, "transforms -4 values")
def transform_of_negative_length(model):
    model.main.output(model.main.op("COMPLEX_ABS", [spectrum(model, (-4, 16))], [F32]))


@spoils((MALFORMED, UNSUPPORTED))
def random_numbers_without_end(model):
    model.main.output(model.main.op("RANDOM_UNIFORM", [model.main.constant(np.array([2**31 - 1] * 3, I32))], [F32], "RandomOptions"))


def post_process(model, options, custom=None):
    count = 8
    inputs = [model.main.constant(np.ones((1, count, 4), F32)), model.main.constant(np.ones((1, count, 3), F32)), model.main.constant(np.ones((count, 4), F32))]
    whole = dict(max_detections=4, max_classes_per_detection=1, nms_score_threshold=0.3, nms_iou_threshold=0.4, num_classes=2, y_scale=10.0, x_scale=10.0,
                 h_scale=5.0, w_scale=5.0, **options)
    model.main.output(*model.main.op("TFLite_Detection_PostProcess", inputs, [F32] * 4, custom=custom or bytes(flexbuffers.Dumps(whole))))


@spoils(0)
def detections_that_are_sound(model):
    post_process(model, {})


@spoils(MALFORMED, "no sound map")
def options_that_are_no_map(model):
    post_process(model, {}, custom=b"\xff\x7f\x01\x02\x29\xff\xfe")


@spoils(MALFORMED, "chooses")
def detections_without_end(model):
    post_process(model, dict(detections_per_class=2**62))


@spoils((MALFORMED, UNSUPPORTED))
def detections_that_fill_all_memory(model):
    post_process(model, dict(detections_per_class=2**30, use_regular_nms=True))


@spoils(MALFORMED, "5 columns")
def recurrent_state_of_other_dims(model):
    x = model.main.op("RESHAPE", [0, model.main.constant(np.array([1, 4, 8], I32))], [F32], "ReshapeOptions", newShape=[1, 4, 8])
    parts = []
    for _ in range(2):
        parts += [model.main.constant(np.ones(shape, F32)) for shape in ((6, 8), (6, 6), (6,))] + [model.main.tensor(F32, (1, 5), variable=True)]
    model.main.output(model.main.op("BIDIRECTIONAL_SEQUENCE_RNN", [x, *parts, -1, -1, -1], [F32], "BidirectionalSequenceRNNOptions", mergeOutputs=True))


@spoils((MALFORMED, UNSUPPORTED), "variable")
def variable_that_nothing_gave_a_value(model):
    handle = model.main.op("VAR_HANDLE", [], ["RESOURCE"], "VarHandleOptions", sharedName="v")
    model.main.output(model.main.op("READ_VARIABLE", [handle], [F32]))


@spoils(MALFORMED, "is of subgraph 12 of 1")
def signature_beyond_graphs(model):
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serve", 12
    model._model.signatureDefs = [signature]


@spoils((MALFORMED, UNSUPPORTED))
def slice_beyond_dims(model):
    model.main.output(model.main.op("SLICE", [0, model.main.constant(np.array([0, 0, 3, 0], I32)), model.main.constant(np.array([1, 4, 9, 2], I32))], [F32]))


@spoils(MALFORMED, "stride of 0")
def strided_slice_that_stands_still(model):
    lists = [model.main.constant(np.array(numbers, I32)) for numbers in ([0] * 4, [1] * 4, [0] * 4)]
    model.main.output(model.main.op("STRIDED_SLICE", [0, *lists], [F32], "StridedSliceOptions"))


@spoils(MALFORMED)
def shape_that_holds_other_elements(model):
    model.main.output(model.main.op("RESHAPE", [0, model.main.constant(np.array([5, -1], I32))], [F32]))


@spoils((MALFORMED, UNSUPPORTED))
def resize_to_nothing(model):
    model.main.output(model.main.op("RESIZE_BILINEAR", [0, model.main.constant(np.array([0, -4], I32))], [F32], "ResizeBilinearOptions"))


def transposes(wanted, name="TRANSPOSE_CONV"):
    """A transposed convolution of the image of 4 x 4 by strides of 2 and a filter of 3 x 3: SAME makes 7 or 8 of it."""
    def add(model):
        main = model.main
        main.output(main.op(name, [main.constant(np.array(wanted, I32)), main.constant(np.ones((5, 3, 3, 2), F32)), 0], [F32], "TransposeConvOptions", padding=0, strideH=2, strideW=2))
    return add


for sizes in ((1, 9, 8, 5), (1, 8, 6, 5), (1, 8, 2**30, 5), (1, 0, 8, 5), (1, -8, 8, 5)):
    SPOILT.append((f"transposed convolution to {sizes}", (MALFORMED,), ("cannot make a dim of", "which makes 7 to 8"), transposes(sizes)))
for sizes in ((1, 8, 8, 4), (2, 8, 8, 5)):
    SPOILT.append((f"transposed convolution to {sizes}", (MALFORMED,), ("its result's dims",), transposes(sizes)))


@spoils(MALFORMED, "its result's dims")
def transposed_convolution_of_solids(model):
    main = model.main
    x = main.input(F32, (1, 3, 4, 4, 2))
    main.output(main.op("CONV_3D_TRANSPOSE", [main.constant(np.array([1, 6, 8, 8, 4], I32)), main.constant(np.ones((3, 3, 3, 5, 2), F32)), x], [F32], "Conv3DOptions", padding=0, strideD=2,
                        strideH=2, strideW=2, dilationDFactor=1, dilationHFactor=1, dilationWFactor=1))


@spoils(MALFORMED, "has a stride of 0")
def stride_of_0_for_one_element(model):
    main = model.main
    numbers = [main.constant(np.array(row, I32)) for row in ([0, 1, 2, 0], [1, 2, 3, 1], [1, 0, 1, 1])]
    main.output(main.op("STRIDED_SLICE", [0, *numbers], [F32], "StridedSliceOptions", shrinkAxisMask=2))


def spoilt(codes, words, spoil):
    def check(folder):
        model = small()
        spoil(model)
        path = model.save(folder / "m.tflite")
        for command in (("compile", path, "--emit", "mlir", "-o", folder / "m.mlir"), ("inspect", path, "--json")):
            done = bounded.Done(*command).within_bounds()
            if command[0] == "inspect" and done.code == 0:
                continue
            expect(done.code in codes, f"exit code {done.code}: {done.errors.strip()[-300:]}")
            if done.code:
                bounded.one_line(done)
            if done.code and command[0] == "compile":
                missing = [word for word in words if word not in done.errors]
                expect(not missing, f"{missing} not in {done.errors!r}")
                expect(not (folder / "m.mlir").exists(), "it left m.mlir")
    return check


SPOILT_CASES = [(name, spoilt(codes, words, spoil)) for name, codes, words, spoil in SPOILT]


def variants(data):
    """Truncations; each 32-bit word as another number; each byte inverted."""
    for length in range(0, len(data), 7):
        yield data[:length]
    for at in range(0, len(data) - 3, 4):
        for word in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x04\0\0\0"):
            yield data[:at] + word + data[at + 4 :]
    for at in range(8, len(data), 3):
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@case
def bytes_that_are_others(folder):
    """All through the fuzz target in one process, which ends at the first that it does not return from."""
    program = next((path for path in (harness.REPOSITORY / build / "bin" / "smelt_fuzz_tflite" for build in ("build-asan", "build")) if path.exists()), None)
    expect(program, "smelt_fuzz_tflite is not built")
    model = small()
    sparse(model, range(0, 56, 2), [0, 1] * 27)
    data = model.save(folder / "m.tflite").read_bytes()
    files = []
    for number, variant in enumerate(variants(data)):
        files.append(folder / f"{number:05}")
        files[-1].write_bytes(variant)
    for first in range(0, len(files), 500):
        some = files[first : first + 500]
        done = subprocess.run([program, *some], capture_output=True, text=True, timeout=600, env={**os.environ, **fuzz.SANITIZER})
        lines = done.stdout.splitlines()
        expect(done.returncode == 0, f"exit code {done.returncode} on {lines[-1] if lines else 'no file'}: {done.stderr.strip()[-300:]}")
        expect(sum(line.startswith("PASS ") for line in lines) == len(some), "not all were read")
    return {"files": len(files)}


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, [*SPOILT_CASES, *case], in_folder=True))
