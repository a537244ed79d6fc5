"""Models of one operator where sizes, ranks, types or windows are unusual. A case adds to a graph, and returns the tensors that it makes."""
import numpy as np

from operators import BOOL, F16, F32, I8, I16, I32, I64, U8, codes, conv, draw

CASES = {}  # family → [(name, function)]
STEP = (0.05, 3)


def case(family):
    def add(function):
        CASES.setdefault(family, []).append((function.__name__, function))
        return function
    return add


def numbers(graph, values, dtype=I32, **how):
    return graph.constant(np.array(values, dtype), **how)


# Windows that are larger than the image, than their strides, or neither one nor the other.

for _name, _arguments in {
        "stride_beyond_filter": dict(size=(1, 11, 13, 3), filter_shape=(4, 1, 2, 3), stride=(3, 4)),
        "filter_beyond_image": dict(size=(1, 2, 3, 3), filter_shape=(4, 5, 7, 3)),
        "even_and_dilated": dict(size=(1, 9, 9, 3), filter_shape=(4, 2, 4, 3), dilation=(3, 2)),
        "dilated_and_strided": dict(size=(1, 19, 17, 3), filter_shape=(4, 3, 3, 3), dilation=(2, 2), stride=(2, 2)),
        "depthwise_dilated_valid": dict(name="DEPTHWISE_CONV_2D", size=(1, 11, 9, 6), filter_shape=(1, 3, 3, 6), depthMultiplier=1, dilation=(2, 3), padding=1),
        "depthwise_of_one_channel": dict(name="DEPTHWISE_CONV_2D", size=(1, 11, 9, 1), filter_shape=(1, 3, 3, 7), depthMultiplier=7),
}.items():
    CASES.setdefault("edges_windows", []).append((_name, lambda graph, arguments=_arguments: conv(graph, **arguments)))


@case("edges_windows")
def weights_that_the_run_gets(graph):
    how = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    x = graph.input(F32, (1, 5, 5, 2))
    return [graph.op("CONV_2D", [x, graph.input(F32, (4, 3, 3, 2)), graph.input(F32, (4,))], [F32], "Conv2DOptions", **how),
            graph.op("DEPTHWISE_CONV_2D", [x, graph.input(F32, (1, 3, 3, 4)), graph.input(F32, (4,))], [F32], "DepthwiseConv2DOptions", depthMultiplier=2, **how),
            graph.op("FULLY_CONNECTED", [graph.input(F32, (3, 4)), graph.input(F32, (5, 4)), -1], [F32], "FullyConnectedOptions", fusedActivationFunction=3)]


@case("edges_windows")
def pools(graph):
    return [graph.op(name, [graph.input(F32, (1, *size, 3))], [F32], "Pool2DOptions", padding=padding, strideH=stride, strideW=stride, filterHeight=height, filterWidth=width)
            for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
            for size, stride, height, width, padding in (((3, 2), 1, 7, 5, 0), ((9, 11), 4, 2, 2, 0), ((9, 11), 4, 2, 2, 1))]


@case("edges_windows")
def transposed(graph):
    x = graph.input(F32, (1, 5, 7, 4))
    return [graph.op("TRANSPOSE_CONV", [numbers(graph, [1, 10, 13, 5]), graph.constant(draw(5, 3, 3, 4)), x, graph.constant(draw(5))], [F32], "TransposeConvOptions", padding=0,
                     strideH=2, strideW=2, fusedActivationFunction=1),
            graph.op("TRANSPOSE_CONV", [numbers(graph, [1, 15, 21, 5]), graph.constant(draw(5, 2, 2, 4)), x], [F32], "TransposeConvOptions", padding=0, strideH=3, strideW=3)]


@case("edges_windows")
def transposed_integers(graph):
    made = []
    scales = np.linspace(0.005, 0.02, 5).astype(F32)
    for dtype, bias, step, result in ((I8, I32, 0.05, (0.09, -4)), (I16, I64, 0.0005, (0.0009, 0))):
        x = graph.input(dtype, (1, 5, 7, 4), quantised=(step, 3 if dtype is I8 else 0))
        weights = graph.constant(codes(5, 3, 3, 4), quantised=(scales, np.zeros(5), 0))
        added = graph.constant(codes(5, dtype=bias, low=-500, high=500), quantised=(scales * F32(step), np.zeros(5), 0))
        made.append(graph.op("TRANSPOSE_CONV", [numbers(graph, [1, 10, 14, 5]), weights, x, added], [(dtype, result)], "TransposeConvOptions", padding=0, strideH=2, strideW=2))
    return made


@case("edges_windows")
def padding(graph):
    some = [[1, 0], [2, 3]]
    x = graph.input(I8, (3, 4), quantised=STEP)
    return [graph.op("PAD", [graph.input(dtype, (2, 3)), numbers(graph, some, index)], [dtype]) for dtype, index in ((F32, I64), (I32, I32), (I64, I32), (BOOL, I32))] + [
        graph.op("PAD", [graph.input(F32, (2, 3, 1, 2, 2)), numbers(graph, [[1, 0], [2, 3], [0, 1], [0, 0], [1, 1]])], [F32]),
        graph.op("PADV2", [x, numbers(graph, some), numbers(graph, 7, I8, quantised=STEP)], [(I8, STEP)]),
        *(graph.op("MIRROR_PAD", [x, numbers(graph, [[1, 2], [3, 3]])], [(I8, STEP)], "MirrorPadOptions", mode=mode) for mode in (0, 1))]


# Broadcasting.

@case("edges_broadcasting")
def ranks_of_5_and_6(graph):
    made = [graph.op("ADD", [graph.input(F32, (2, 1, 3, 1, 2)), graph.input(F32, (4, 1, 5, 1))], [F32], "AddOptions")]
    for name, *options in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("DIV", "DivOptions"), ("MAXIMUM",)):
        made.append(graph.op(name, [graph.input(F32, (2, 1, 3, 1, 2, 1)), graph.input(F32, (2, 4, 1, 4, 1, 5))], [F32], *options))
    return made


@case("edges_broadcasting")
def scalars(graph):
    x = graph.input(F32, ())
    return [graph.op("ADD", [x, other], [F32], "AddOptions") for other in (graph.input(F32, (2, 3)), graph.input(F32, ()))] + [
        graph.op(name, [x], [F32]) for name in ("NEG", "EXP", "RELU", "LOGISTIC", "ABS")] + [graph.op("EXPAND_DIMS", [x, numbers(graph, 0)], [F32])]


@case("edges_broadcasting")
def integers(graph):
    made = []
    for dtype in (I32, I64):
        x, y = graph.input(dtype, (3, 1)), graph.input(dtype, (1, 4))
        made += [graph.op(name, [x, y], [dtype], *options) for name, *options in
                 (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("MAXIMUM",), ("MINIMUM",))]
    x, divisors = graph.input(I32, (3, 4)), numbers(graph, [3, -7, 5, -1])
    return made + [graph.op(name, [x, divisors], [I32]) for name in ("FLOOR_DIV", "FLOOR_MOD", "DIV")] + [
        graph.op(name, [x, divisors], [I32], options, fusedActivationFunction=activation)
        for name, options in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")) for activation in (1, 2, 3)]


@case("edges_broadcasting")
def choices(graph):
    condition, x, y = graph.input(BOOL, (3, 1)), graph.input(F32, (3, 4)), graph.input(F32, (3, 4))
    return [graph.op("SELECT", [graph.input(BOOL, (3,)), x, y], [F32]), graph.op("SELECT", [graph.input(BOOL, ()), x, y], [F32]),
            graph.op("SELECT_V2", [condition, graph.input(F32, (1, 4)), graph.input(F32, (2, 1, 1))], [F32]),
            graph.op("SELECT_V2", [condition, graph.input(I8, (1, 4), quantised=STEP), graph.input(I8, (2, 1, 1), quantised=STEP)], [(I8, STEP)])]


@case("edges_broadcasting")
def broadcast_to(graph):
    return [graph.op("BROADCAST_TO", [graph.input(F32, (1, 2, 1, 1, 3, 1)), numbers(graph, [2, 1, 1, 2, 2, 3, 3, 1])], [F32]),
            graph.op("BROADCAST_TO", [graph.input(I64, (1, 2)), numbers(graph, [2, 2], I64)], [I64])]


@case("edges_broadcasting")
def comparisons(graph):
    x, y, finer = (graph.input(I8, shape, quantised=how) for shape, how in (((2, 30), STEP), ((30,), STEP), ((30,), (0.025, -7))))
    bools = [graph.input(BOOL, (2, 3)), graph.input(BOOL, (3,))]
    return [graph.op(name, [x, other], [BOOL]) for name in ("LESS", "GREATER_EQUAL", "EQUAL") for other in (y, finer)] + [
        graph.op(name, bools, [BOOL]) for name in ("EQUAL", "NOT_EQUAL", "LOGICAL_AND", "LOGICAL_OR")]


@case("edges_broadcasting")
def quotients_beyond_the_type(graph):
    """What the remainder leaves of 127 / -7 is -133 · -1."""
    made = []
    for dtype, last in ((I8, 2**7 - 1), (I16, 2**15 - 1), (I32, 2**31 - 1)):
        x, y, divisors = (numbers(graph, each, dtype) for each in ([last, -last - 1, last, -last - 1, last - 2, 5], [last - 1, -last, 1 - last, last, -last, -5], [-7, 7, 7, -7, -100, -3]))
        made.append(graph.op("FLOOR_DIV", [graph.op("SELECT_V2", [graph.input(BOOL, (6,)), x, y], [dtype]), divisors], [dtype]))
    return made


# Nothing, and many dims.

@case("edges_empty")
def nothing(graph):
    x, none = graph.input(F32, (4, 3)), graph.input(F32, (0, 3))
    return [graph.op("ADD", [none, graph.input(F32, (1, 3))], [F32], "AddOptions"), graph.op("CONCATENATION", [none, x], [F32], "ConcatenationOptions", axis=0),
            graph.op("FULLY_CONNECTED", [none, graph.constant(draw(2, 3)), -1], [F32], "FullyConnectedOptions"),
            *(graph.op(name, [none, numbers(graph, [0])], [F32], "ReducerOptions") for name in ("SUM", "REDUCE_PROD")),
            graph.op("SLICE", [x, numbers(graph, [1, 0]), numbers(graph, [0, -1])], [F32]),
            graph.op("RESHAPE", [none, numbers(graph, [3, 0])], [F32], "ReshapeOptions", newShape=[3, 0]),
            graph.op("BATCH_MATMUL", [graph.input(F32, (2, 0)), none], [F32], "BatchMatMulOptions")]


@case("edges_ranks")
def shapes_among_options(graph):
    """Older files have no second input; of a scalar they state [0]."""
    return [graph.op("RESHAPE", [graph.input(F32, (2, 6))], [F32], "ReshapeOptions", newShape=[3, -1]),
            graph.op("RESHAPE", [graph.input(F32, (1,))], [F32], "ReshapeOptions", newShape=[0]),
            graph.op("RESHAPE", [graph.input(F32, (1, 1)), graph.constant(np.zeros(0, I32))], [F32], "ReshapeOptions", newShape=[])]


@case("edges_ranks")
def six_dims(graph):
    x = graph.input(F32, (2, 3, 1, 4, 2, 3))
    return [graph.op("TRANSPOSE", [x, numbers(graph, [5, 0, 3, 1, 4, 2])], [F32]), graph.op("SUM", [x, numbers(graph, [1, -1, 3])], [F32], "ReducerOptions", keepDims=True),
            graph.op("CONCATENATION", [x, x], [F32], "ConcatenationOptions", axis=2), graph.op("SOFTMAX", [graph.input(F32, (2, 3, 1, 2, 4))], [F32], "SoftmaxOptions", beta=2.0)]


@case("edges_ranks")
def axes(graph):
    x = graph.input(F32, (2, 3))
    return [graph.op(name, [x, numbers(graph, axes)], [F32], "ReducerOptions") for name, axes in (("SUM", [0, 1]), ("SUM", np.zeros(0)), ("SUM", -1), ("MEAN", [1, 1, -1]))] + [
        graph.op("SQUEEZE", [graph.input(F32, (1, 3, 1, 4, 1))], [F32], "SqueezeOptions", squeezeDims=dims) for dims in ([], [-1, 0])] + [
        graph.op("ARG_MAX", [graph.input(F32, (9,)), numbers(graph, 0)], [I32], "ArgMaxOptions", outputType=2),
        graph.op("SPLIT_V", [graph.input(F32, (7, 2)), numbers(graph, [2, 0, 5]), numbers(graph, -2)], [F32] * 3, "SplitVOptions", numSplits=3)[2],
        *(graph.op("CUMSUM", [graph.input(F32, (2, 5, 3)), numbers(graph, axis)], [F32], "CumsumOptions", exclusive=exclusive, reverse=reverse)
          for axis, exclusive, reverse in ((1, 0, 0), (-1, 1, 0), (0, 0, 1)))]


@case("edges_ranks")
def parts(graph):
    x = graph.input(F32, (4, 3, 4))
    return [graph.op("STRIDED_SLICE", [graph.input(F32, (2, 3, 4, 2, 3)), *(numbers(graph, row) for row in ([0, 0, 1, 0, 2], [2, 3, 4, 2, 0], [1, 2, 2, 1, -1]))], [F32],
                     "StridedSliceOptions"),
            graph.op("STRIDED_SLICE", [x, *(numbers(graph, [number]) for number in (1, 3, 1))], [F32], "StridedSliceOptions"),
            graph.op("STRIDED_SLICE", [x, *(numbers(graph, row) for row in ([1, 0, 0], [2, 3, 2], [1, 1, 1]))], [F32], "StridedSliceOptions", offset=True),
            graph.op("GATHER", [x, numbers(graph, 2)], [F32], "GatherOptions", axis=-3), graph.op("GATHER", [x, numbers(graph, [2, 0], I16)], [F32], "GatherOptions", axis=1),
            graph.op("DILATE", [graph.input(F32, (3, 4)), numbers(graph, [2, 3]), numbers(graph, 1.5, F32)], [F32], "DilateOptions")]


@case("edges_ranks")
def products(graph):
    made = [graph.op("FULLY_CONNECTED", [graph.input(F32, shape), graph.constant(draw(5, 8)), graph.constant(draw(5))], [F32], "FullyConnectedOptions", keepNumDims=keeps)
            for shape, keeps in (((2, 3, 2, 4), False), ((2, 3, 8), True), ((8,), False))]
    made.append(graph.op("BATCH_MATMUL", [graph.input(F32, (2, 1, 3, 4)), graph.input(F32, (5, 4, 6))], [F32], "BatchMatMulOptions"))
    made.append(graph.op("BATCH_MATMUL", [graph.input(I8, (2, 3, 8)), graph.input(I8, (2, 8, 4))], [I32], "BatchMatMulOptions"))
    made.append(graph.op("BATCH_MATMUL", [graph.input(I8, (2, 3, 8), quantised=(0.05, 4)), graph.input(I8, (2, 8, 4), quantised=(0.03, -7))], [(I8, (0.2, 3))], "BatchMatMulOptions"))
    return made


# Types.

@case("edges_types")
def casts(graph):
    kinds = (F32, I32, I64, U8, I8, I16, BOOL)
    return [graph.op("CAST", [graph.input(kind, (7,))], [to], "CastOptions") for kind in kinds for to in kinds if kind != to and (kind is not F32 or to in (I32, I64, BOOL))]


@case("edges_types")
def floats_of_16_bits(graph):
    how = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    weights, bias = (graph.op("DEQUANTIZE", [graph.constant(draw(*shape).astype(F16))], [F32]) for shape in ((4, 3, 3, 2), (4,)))
    return graph.op("CONV_2D", [graph.input(F32, (1, 6, 6, 2)), weights, bias], [F32], "Conv2DOptions", **how)


@case("edges_types")
def scales_along_each_axis(graph):
    made = [graph.op("DEQUANTIZE", [graph.constant(codes(3, 4, 5), quantised=(np.linspace(0.01, 0.1, count), np.zeros(count), axis))], [F32])
            for axis, count in ((0, 3), (1, 4), (2, 5))]
    made.append(graph.op("DEQUANTIZE", [graph.constant(codes(3, 4), quantised=(np.linspace(0.01, 0.1, 4), np.arange(4), 1))], [F32]))
    return made


def nibbles(values):
    return ((values.ravel()[::2] & 15) | ((values.ravel()[1::2] & 15) << 4)).astype(U8).tobytes()


@case("edges_types")
def integers_of_4_bits(graph):
    matrix, filters = codes(5, 16, low=-7, high=7), codes(4, 3, 3, 2, low=-7, high=7)
    how = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    bias = graph.constant(np.arange(4, dtype=I32), quantised=(np.full(4, 0.0025), np.zeros(4), 0))
    return [graph.op("FULLY_CONNECTED", [graph.input(I8, (3, 16), quantised=STEP), graph.tensor("INT4", (5, 16), data=nibbles(matrix), quantised=(np.full(5, 0.05), np.zeros(5), 0)), -1],
                     [(I8, (0.2, 4))], "FullyConnectedOptions"),
            graph.op("CONV_2D", [graph.input(I8, (1, 6, 6, 2), quantised=STEP), graph.tensor("INT4", (4, 3, 3, 2), data=nibbles(filters), quantised=(np.full(4, 0.05), np.zeros(4), 0)), bias],
                     [(I8, (0.2, 4))], "Conv2DOptions", **how)]


@case("edges_types")
def logarithms_of_negative_numbers(graph):
    """LiteRT's table of 16-bit integers, between whose places it draws lines, is off where the curve is steep."""
    return graph.op("LOG", [graph.input(I8, (60,), quantised=STEP)], [(I8, (0.07, -9))])


@case("edges_types")
def scales_that_differ(graph):
    u8 = [graph.input(U8, (2, 3), quantised=how) for how in ((0.05, 3), (0.03, 100))]
    x = graph.input(I8, (40,), quantised=STEP)
    return [graph.op("CONCATENATION", u8, [(U8, (0.06, 50))], "ConcatenationOptions", axis=1), graph.op("QUANTIZE", [x], [(I8, (0.1, -20))]),
            graph.op("QUANTIZE", [x], [(I16, (0.0005, 0))]), graph.op("SOFTMAX", [graph.input(I8, (3, 10), quantised=STEP)], [(I16, (1 / 32768, 0))], "SoftmaxOptions", beta=1.0),
            graph.op("SQUARED_DIFFERENCE", [graph.input(I8, (2, 3), quantised=STEP), graph.input(I8, (3,), quantised=(0.02, -3))], [(I8, (0.3, -100))]),
            graph.op("FULLY_CONNECTED", [x, graph.input(I8, (5, 40), quantised=(0.02, 0)), -1], [(I8, (0.2, 4))], "FullyConnectedOptions")]


def moved(name, dtype, how):
    """What only moves elements, of integers that stand for numbers."""
    def build(graph):
        x = graph.input(dtype, (2, 4, 6, 4), quantised=how)
        result = [(dtype, how)]
        lists = {"TRANSPOSE": [[3, 1, 2, 0]], "STRIDED_SLICE": [[0, 1, 0, 3], [2, 4, 6, 0], [1, 2, 1, -1]], "SLICE": [[0, 1, 0, 3], [2, -1, 3, 1]],
                 "PAD": [[[0, 1], [1, 0], [2, 2], [0, 0]]], "REVERSE_V2": [[2]], "TILE": [[1, 2, 1, 3]], "SPACE_TO_BATCH_ND": [[2, 3], [[0, 0], [0, 0]]],
                 "BATCH_TO_SPACE_ND": [[1, 2], [[0, 0], [1, 0]]], "RESIZE_NEAREST_NEIGHBOR": [[7, 9]], "GATHER": [[1, 0, 1]], "REDUCE_MAX": [[1, 2]], "REDUCE_MIN": [[1, 2]]}
        options = {"STRIDED_SLICE": "StridedSliceOptions", "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions", "GATHER": "GatherOptions",
                   "REDUCE_MAX": "ReducerOptions", "REDUCE_MIN": "ReducerOptions"}
        if name == "PACK":
            return graph.op(name, [x, x], result, "PackOptions", valuesCount=2, axis=1)
        if name == "UNPACK":
            return graph.op(name, [x], result * 4, "UnpackOptions", num=4, axis=1)
        if name == "SPLIT":
            return graph.op(name, [numbers(graph, 1), x], result * 2, "SplitOptions", numSplits=2)
        return graph.op(name, [x, *(numbers(graph, row) for row in lists[name])], result, *filter(None, [options.get(name)]))
    return build


for _dtype, _how in ((I8, STEP), (U8, (0.05, 120)), (I16, (0.0005, 0))):
    for _name in ("SPLIT", "PACK", "UNPACK", "TRANSPOSE", "STRIDED_SLICE", "SLICE", "GATHER", "PAD", "REVERSE_V2", "TILE", "REDUCE_MAX", "REDUCE_MIN", "SPACE_TO_BATCH_ND",
                  "BATCH_TO_SPACE_ND", "RESIZE_NEAREST_NEIGHBOR"):
        CASES.setdefault("edges_moves", []).append((f"{_name.lower()}_{np.dtype(_dtype)}", moved(_name, _dtype, _how)))
