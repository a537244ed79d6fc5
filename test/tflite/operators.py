"""Models of one operator or a few, by family. A case adds to a graph, and returns the tensors that it makes."""
import numpy as np

RANDOM = np.random.default_rng(3)
I8, U8, I16 = np.int8, np.uint8, np.int16
F32, F16, I32, I64, BOOL = np.float32, np.float16, np.int32, np.int64, np.bool_
CASES = {}  # family → [(name, function)]


def case(family):
    def add(function):
        CASES.setdefault(family, []).append((function.__name__, function))
        return function
    return add


def draw(*shape, dtype=F32):
    return RANDOM.standard_normal(shape).astype(dtype)


def codes(*shape, dtype=I8, low=-127, high=127):
    return RANDOM.integers(low, high + 1, shape).astype(dtype)


# Convolutions.

def conv(graph, size, filter_shape, name="CONV_2D", padding=0, stride=(1, 1), dilation=(1, 1), activation=0, **more):
    x, channels = graph.input(F32, size), filter_shape[3] if name == "DEPTHWISE_CONV_2D" else filter_shape[0]
    options = name.title().replace("_", "").replace("2D", "2D").replace("Conv2d", "Conv2D").replace("Depthwiseconv", "DepthwiseConv")
    return graph.op(name, [x, graph.constant(draw(*filter_shape)), graph.constant(draw(channels))], [F32], options + "Options", padding=padding,
                    strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1], fusedActivationFunction=activation, **more)


for _name, _arguments in {
        "conv_same_stride": dict(size=(1, 13, 17, 5), filter_shape=(9, 3, 3, 5), stride=(2, 2)),
        "conv_valid_relu": dict(size=(2, 9, 9, 4), filter_shape=(7, 3, 2, 4), padding=1, activation=1),
        "conv_even_kernel_same_relu6": dict(size=(1, 8, 8, 3), filter_shape=(16, 4, 4, 3), stride=(2, 1), activation=3),
        "conv_dilated": dict(size=(1, 12, 12, 3), filter_shape=(8, 3, 3, 3), dilation=(2, 3)),
        "conv_grouped": dict(size=(1, 6, 6, 8), filter_shape=(12, 3, 3, 2)),
        "conv_n1_to_1": dict(size=(1, 5, 5, 8), filter_shape=(4, 1, 1, 8), activation=2),
        "depthwise": dict(name="DEPTHWISE_CONV_2D", size=(1, 11, 9, 6), filter_shape=(1, 3, 3, 6), depthMultiplier=1),
        "depthwise_multiplier_stride": dict(name="DEPTHWISE_CONV_2D", size=(1, 10, 10, 4), filter_shape=(1, 5, 5, 12), stride=(2, 2), depthMultiplier=3, activation=1),
}.items():
    CASES.setdefault("convolutions", []).append((_name, lambda graph, arguments=_arguments: conv(graph, **arguments)))


@case("convolutions")
def transpose_conv_same(graph):
    return graph.op("TRANSPOSE_CONV", [graph.constant(np.array([1, 10, 13, 5], I32)), graph.constant(draw(5, 3, 3, 4)), graph.input(F32, (1, 5, 7, 4))], [F32],
                    "TransposeConvOptions", padding=0, strideH=2, strideW=2)


@case("convolutions")
def transpose_conv_valid(graph):
    return graph.op("TRANSPOSE_CONV", [graph.constant(np.array([1, 11, 15, 5], I32)), graph.constant(draw(5, 3, 3, 4)), graph.input(F32, (1, 5, 7, 4))], [F32],
                    "TransposeConvOptions", padding=1, strideH=2, strideW=2)


@case("convolutions")
def conv_3d(graph):
    return graph.op("CONV_3D", [graph.input(F32, (1, 5, 6, 7, 3)), graph.constant(draw(2, 3, 3, 3, 4)), graph.constant(draw(4))], [F32], "Conv3DOptions",
                    strideD=1, strideH=2, strideW=1, dilationDFactor=1, dilationHFactor=1, dilationWFactor=1, padding=0)


# Pools and normalisations.

for _name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
    for _padding in (0, 1):
        CASES.setdefault("pools", []).append((f"{_name.lower()}_{('same', 'valid')[_padding]}", lambda graph, name=_name, padding=_padding: graph.op(
            name, [graph.input(F32, (1, 9, 8, 3))], [F32], "Pool2DOptions", padding=padding, strideH=2, strideW=2, filterHeight=3, filterWidth=2,
            fusedActivationFunction=1)))


@case("pools")
def softmax(graph):
    return graph.op("SOFTMAX", [graph.input(F32, (3, 7))], [F32], "SoftmaxOptions", beta=0.5)


@case("pools")
def log_softmax(graph):
    return graph.op("LOG_SOFTMAX", [graph.input(F32, (3, 7))], [F32], "LogSoftmaxOptions")


@case("pools")
def l2_normalization(graph):
    return graph.op("L2_NORMALIZATION", [graph.input(F32, (3, 7))], [F32], "L2NormOptions")


@case("pools")
def local_response_normalization(graph):
    return graph.op("LOCAL_RESPONSE_NORMALIZATION", [graph.input(F32, (1, 3, 4, 9))], [F32], "LocalResponseNormalizationOptions", radius=2, bias=1.5, alpha=0.3, beta=0.75)


# Elementwise.

for _name in ("ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOGISTIC NEG RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND SIGN SIN SQUARE TANH ELU").split():
    CASES.setdefault("unary", []).append((_name.lower(), lambda graph, name=_name: graph.op(
        name, [graph.input(F32, (3, 5))], [F32], *(["GeluOptions"] if name == "GELU" else []))))
for _name in ("LOG", "SQRT", "RSQRT"):
    CASES.setdefault("unary", []).append((_name.lower(), lambda graph, name=_name: graph.op(
        name, [graph.op("ABS", [graph.input(F32, (3, 5))], [F32])], [F32])))


@case("unary")
def leaky_relu(graph):
    return graph.op("LEAKY_RELU", [graph.input(F32, (3, 5))], [F32], "LeakyReluOptions", alpha=0.2)


@case("unary")
def prelu(graph):
    return graph.op("PRELU", [graph.input(F32, (1, 3, 4, 5)), graph.constant(draw(1, 1, 5))], [F32])


@case("unary")
def gelu_by_tanh(graph):
    return graph.op("GELU", [graph.input(F32, (3, 5))], [F32], "GeluOptions", approximate=True)


for _name, _options in {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions"}.items():
    CASES.setdefault("binary", []).append((_name.lower(), lambda graph, name=_name, options=_options: graph.op(
        name, [graph.input(F32, (2, 3, 4)), graph.input(F32, (3, 1))], [F32], options, fusedActivationFunction=1)))
for _name in "MAXIMUM MINIMUM SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD ATAN2".split():
    CASES.setdefault("binary", []).append((_name.lower(), lambda graph, name=_name: graph.op(
        name, [graph.input(F32, (2, 3, 4)), graph.input(F32, (2, 3, 4))], [F32])))
for _name in "FLOOR_DIV FLOOR_MOD MAXIMUM".split():
    CASES.setdefault("binary", []).append((_name.lower() + "_of_integers", lambda graph, name=_name: graph.op(
        name, [graph.input(I32, (40,)), graph.constant(np.array([3, -3, 7, -7] * 10, I32))], [I32])))
for _name in "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL".split():
    CASES.setdefault("binary", []).append((_name.lower(), lambda graph, name=_name: graph.op(
        name, [graph.op("ROUND", [graph.input(F32, (6, 6))], [F32]), graph.op("ROUND", [graph.input(F32, (6, 6))], [F32])], [BOOL])))


@case("binary")
def pow_(graph):
    return graph.op("POW", [graph.op("ABS", [graph.input(F32, (6,))], [F32]), graph.input(F32, (6,))], [F32])


@case("binary")
def add_n(graph):
    return graph.op("ADD_N", [graph.input(F32, (2, 3)) for _ in range(3)], [F32])


@case("binary")
def select(graph):
    condition = graph.op("LESS", [graph.input(F32, (4,)), graph.constant(np.zeros(4, F32))], [BOOL])
    return graph.op("SELECT", [condition, graph.input(F32, (4, 3)), graph.input(F32, (4, 3))], [F32])


@case("binary")
def select_v2(graph):
    condition = graph.op("LESS", [graph.input(F32, (4, 1)), graph.constant(np.zeros((4, 1), F32))], [BOOL])
    return graph.op("SELECT_V2", [condition, graph.input(F32, (4, 3)), graph.input(F32, (1, 3))], [F32])


@case("binary")
def logic(graph):
    a, b = (graph.op("LESS", [graph.input(F32, (9,)), graph.constant(np.zeros(9, F32))], [BOOL]) for _ in range(2))
    return graph.op("LOGICAL_AND", [graph.op("LOGICAL_OR", [a, b], [BOOL]), graph.op("LOGICAL_NOT", [a], [BOOL])], [BOOL])


@case("binary")
def cast(graph):
    return graph.op("CAST", [graph.input(F32, (9,))], [I32], "CastOptions", inDataType=0, outDataType=2)


# Products.

@case("products")
def fully_connected(graph):
    return graph.op("FULLY_CONNECTED", [graph.input(F32, (2, 3, 8)), graph.constant(draw(5, 8)), graph.constant(draw(5))], [F32], "FullyConnectedOptions",
                    fusedActivationFunction=1)


@case("products")
def fully_connected_keep_dims(graph):
    return graph.op("FULLY_CONNECTED", [graph.input(F32, (2, 3, 8)), graph.constant(draw(5, 8)), -1], [F32], "FullyConnectedOptions", keepNumDims=True)


@case("products")
def fully_connected_of_two_inputs(graph):
    return graph.op("FULLY_CONNECTED", [graph.input(F32, (4, 8)), graph.input(F32, (5, 8)), -1], [F32], "FullyConnectedOptions")


@case("products")
def batch_matmul(graph):
    return graph.op("BATCH_MATMUL", [graph.input(F32, (2, 3, 4)), graph.input(F32, (2, 5, 4))], [F32], "BatchMatMulOptions", adjY=True)


@case("products")
def half_weights(graph):
    weights = graph.op("DEQUANTIZE", [graph.constant(draw(5, 8, dtype=F16))], [F32], "DequantizeOptions")
    return graph.op("FULLY_CONNECTED", [graph.input(F32, (2, 8)), weights, -1], [F32], "FullyConnectedOptions")


# Reductions.

for _name in "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD".split():
    for _keeps in (False, True):
        CASES.setdefault("reductions", []).append((f"{_name.lower()}_{('drop', 'keep')[_keeps]}", lambda graph, name=_name, keeps=_keeps: graph.op(
            name, [graph.input(F32, (2, 3, 4, 5)), graph.constant(np.array([1, -1], I32))], [F32], "ReducerOptions", keepDims=keeps)))


@case("reductions")
def reduce_any(graph):
    flags = graph.op("LESS", [graph.input(F32, (4, 3)), graph.constant(np.full((4, 3), -1, F32))], [BOOL])
    return [graph.op(name, [flags, graph.constant(np.array([1], I32))], [BOOL], "ReducerOptions") for name in ("REDUCE_ANY", "REDUCE_ALL")]


@case("reductions")
def arg_max(graph):
    return [graph.op("ARG_MAX", [graph.input(F32, (4, 5)), graph.constant(np.array(-1, I32))], [I64], "ArgMaxOptions", outputType=4),
            graph.op("ARG_MIN", [graph.input(F32, (4, 5)), graph.constant(np.array(0, I32))], [I32], "ArgMinOptions", outputType=2)]


@case("reductions")
def top_k(graph):
    return graph.op("TOPK_V2", [graph.input(F32, (3, 9)), graph.constant(np.array(4, I32))], [F32, I32], "TopKV2Options")


@case("reductions")
def cumsum(graph):
    return graph.op("CUMSUM", [graph.input(F32, (3, 9)), graph.constant(np.array(1, I32))], [F32], "CumsumOptions", exclusive=True, reverse=True)


# Shapes.

@case("shapes")
def reshape(graph):
    return graph.op("RESHAPE", [graph.input(F32, (2, 3, 4)), graph.constant(np.array([4, -1], I32))], [F32], "ReshapeOptions", newShape=[4, -1])


@case("shapes")
def transpose(graph):
    return graph.op("TRANSPOSE", [graph.input(F32, (2, 3, 4)), graph.constant(np.array([2, 0, 1], I32))], [F32])


@case("shapes")
def squeeze(graph):
    return graph.op("SQUEEZE", [graph.input(F32, (1, 3, 1, 4))], [F32], "SqueezeOptions", squeezeDims=[0, 2])


@case("shapes")
def expand_dims(graph):
    return graph.op("EXPAND_DIMS", [graph.input(F32, (3, 4)), graph.constant(np.array(-1, I32))], [F32])


@case("shapes")
def shape_and_rank(graph):
    x = graph.input(F32, (3, 4))
    return [graph.op("SHAPE", [x], [I32], "ShapeOptions", outType=2), graph.op("RANK", [x], [I32])]


@case("shapes")
def concatenation(graph):
    return graph.op("CONCATENATION", [graph.input(F32, (2, 3)), graph.input(F32, (2, 5))], [F32], "ConcatenationOptions", axis=-1)


@case("shapes")
def pack(graph):
    return graph.op("PACK", [graph.input(F32, (2, 3)), graph.input(F32, (2, 3))], [F32], "PackOptions", valuesCount=2, axis=1)


@case("shapes")
def unpack(graph):
    return graph.op("UNPACK", [graph.input(F32, (2, 3))], [F32] * 3, "UnpackOptions", num=3, axis=1)


@case("shapes")
def tile(graph):
    return graph.op("TILE", [graph.input(F32, (2, 3)), graph.constant(np.array([2, 3], I32))], [F32])


@case("shapes")
def broadcast_to(graph):
    return graph.op("BROADCAST_TO", [graph.input(F32, (3, 1)), graph.constant(np.array([2, 3, 4], I32))], [F32])


@case("shapes")
def fill_and_range(graph):
    counted = graph.op("RANGE", [graph.constant(np.array(n, I32)) for n in (3, 20, 4)], [I32])
    return [graph.op("FILL", [graph.constant(np.array([2, 3], I32)), graph.constant(np.array(1.5, F32))], [F32]), counted,
            graph.op("ZEROS_LIKE", [graph.input(F32, (2, 2))], [F32])]


@case("shapes")
def split(graph):
    return graph.op("SPLIT", [graph.constant(np.array(1, I32)), graph.input(F32, (2, 6))], [F32] * 3, "SplitOptions", numSplits=3)


@case("shapes")
def split_v(graph):
    return graph.op("SPLIT_V", [graph.input(F32, (7, 2)), graph.constant(np.array([2, -1, 1], I32)), graph.constant(np.array(0, I32))], [F32] * 3, "SplitVOptions", numSplits=3)


# Parts.

def strided(begin, end, strides, shape=(4, 5, 6), **masks):
    def build(graph):
        return graph.op("STRIDED_SLICE", [graph.input(F32, shape)] + [graph.constant(np.array(numbers, I32)) for numbers in (begin, end, strides)], [F32],
                        "StridedSliceOptions", **masks)
    return build


CASES["slices"] = [
    ("plain", strided([1, 0, 2], [3, 5, 6], [1, 2, 3])), ("negative", strided([-1, -2, 5], [-4, 100, 0], [-1, 1, -2])),
    ("masks", strided([1, 2, 3], [2, 3, 4], [1, 1, 2], beginMask=4, endMask=6)), ("shrink", strided([-1, 0, 2], [0, 5, 3], [1, 1, 1], shrinkAxisMask=5)),
    ("reversed_open", strided([0, 0, 0], [0, 0, 0], [-1, -2, 1], beginMask=7, endMask=7)),
    ("ellipsis_new_axis", strided([0, 0, 1], [0, 0, 4], [1, 1, 2], ellipsisMask=1, newAxisMask=2)),
]


@case("slices")
def slice_(graph):
    return graph.op("SLICE", [graph.input(F32, (4, 5)), graph.constant(np.array([1, 2], I32)), graph.constant(np.array([2, -1], I32))], [F32])


@case("slices")
def pad(graph):
    widths = graph.constant(np.array([[0, 0], [1, 2], [3, 0]], I32))
    return [graph.op("PAD", [graph.input(F32, (1, 3, 4)), widths], [F32]),
            graph.op("PADV2", [graph.input(F32, (1, 3, 4)), widths, graph.constant(np.array(7.5, F32))], [F32])]


@case("slices")
def mirror_pad(graph):
    widths = graph.constant(np.array([[0, 0], [1, 2], [3, 3]], I32))
    return [graph.op("MIRROR_PAD", [graph.input(F32, (1, 3, 4)), widths], [F32], "MirrorPadOptions", mode=mode) for mode in (0, 1)]


@case("slices")
def reverse(graph):
    return graph.op("REVERSE_V2", [graph.input(F32, (4, 5)), graph.constant(np.array([1], I32))], [F32])


@case("slices")
def gather(graph):
    places = graph.constant(np.array([[2, 0], [1, 1]], I32))
    return [graph.op("GATHER", [graph.input(F32, (3, 4, 5)), places], [F32], "GatherOptions", axis=1),
            graph.op("GATHER", [graph.input(F32, (2, 3, 4, 5)), places], [F32], "GatherOptions", axis=2, batchDims=1)]


@case("slices")
def gather_nd(graph):
    return graph.op("GATHER_ND", [graph.input(F32, (3, 4, 5)), graph.constant(np.array([[2, 0], [1, 3]], I32))], [F32])


@case("slices")
def embedding_lookup(graph):
    return graph.op("EMBEDDING_LOOKUP", [graph.constant(np.array([3, 0, 3], I32)), graph.input(F32, (5, 4))], [F32])


@case("slices")
def scatter_nd(graph):
    return graph.op("SCATTER_ND", [graph.constant(np.array([[2], [0], [2]], I32)), graph.input(F32, (3, 4)), graph.constant(np.array([5, 4], I32))], [F32])


@case("slices")
def one_hot(graph):
    return graph.op("ONE_HOT", [graph.constant(np.array([2, 0, -1, 9], I32)), graph.constant(np.array(4, I32)), graph.constant(np.array(3, F32)),
                                graph.constant(np.array(-1, F32))], [F32], "OneHotOptions", axis=-1)


@case("slices")
def reverse_sequence(graph):
    return graph.op("REVERSE_SEQUENCE", [graph.input(F32, (3, 5, 2)), graph.constant(np.array([2, 5, 1], I32))], [F32], "ReverseSequenceOptions", seqDim=1, batchDim=0)


@case("slices")
def dynamic_update_slice(graph):
    return graph.op("DYNAMIC_UPDATE_SLICE", [graph.input(F32, (4, 5)), graph.input(F32, (2, 3)), graph.constant(np.array([1, 4], I32))], [F32])


@case("slices")
def sparse_to_dense(graph):
    return graph.op("SPARSE_TO_DENSE", [graph.constant(np.array([[0, 1], [2, 0]], I32)), graph.constant(np.array([3, 2], I32)), graph.input(F32, (2,)),
                                        graph.constant(np.array(-1, F32))], [F32], "SparseToDenseOptions")


@case("slices")
def segment_sum(graph):
    return graph.op("SEGMENT_SUM", [graph.input(F32, (4, 3)), graph.constant(np.array([0, 0, 1, 2], I32))], [F32])


for _name in ("SUM", "PROD", "MAX", "MIN"):
    CASES["slices"].append((f"unsorted_segment_{_name.lower()}", lambda graph, name=_name: graph.op(
        f"UNSORTED_SEGMENT_{name}", [graph.input(F32, (4, 3)), graph.constant(np.array([1, 0, 3, 1], I32)), graph.constant(np.array(4, I32))], [F32])))


@case("slices")
def segments_of_no_number(graph):
    """Rows of negative segments are left out, whether the file or the run says which."""
    places = np.array([1, -1, 3, -7], I32)
    given = graph.op("MINIMUM", [graph.input(I32, (4,)), graph.constant(places)], [I32], "MaximumMinimumOptions")
    return [graph.op(f"UNSORTED_SEGMENT_{name}", [graph.input(F32, (4, 3)), ids, graph.constant(np.array(4, I32))], [F32])
            for name in ("SUM", "PROD", "MAX", "MIN") for ids in (graph.constant(places), given)]


@case("binary")
def bitcast(graph):
    return graph.op("BITCAST", [graph.input(F32, (5,))], [I32])


@case("binary")
def bucketize(graph):
    return graph.op("BUCKETIZE", [graph.input(F32, (3, 5))], [I32], "BucketizeOptions", boundaries=[-1.0, 0.0, 0.5, 2.0])


@case("convolutions")
def conv_3d_transpose(graph):
    return graph.op("CONV_3D_TRANSPOSE", [graph.constant(np.array([1, 6, 7, 8, 2], I32)), graph.constant(draw(2, 3, 3, 2, 4)), graph.input(F32, (1, 3, 7, 4, 4))], [F32],
                    "Conv3DOptions", strideD=2, strideH=1, strideW=2, dilationDFactor=1, dilationHFactor=1, dilationWFactor=1, padding=0)


@case("images")
def non_max_suppression(graph):
    corners = RANDOM.random((20, 2)).astype(F32)
    boxes = graph.constant(np.concatenate([corners, corners + RANDOM.uniform(0.1, 0.5, (20, 2)).astype(F32)], axis=1))
    scores = graph.op("LOGISTIC", [graph.input(F32, (20,))], [F32])
    numbers = [graph.constant(np.array(number, dtype)) for number, dtype in ((12, I32), (0.3, F32), (0.4, F32), (0.0, F32))]
    return [*graph.op("NON_MAX_SUPPRESSION_V4", [boxes, scores, *numbers[:3]], [I32, I32]),
            *graph.op("NON_MAX_SUPPRESSION_V5", [boxes, scores, *numbers], [I32, F32, I32])]


# Images.

for _name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
    for _align, _half in ((False, False), (True, False), (False, True)):
        for _size in ((9, 13), (3, 4)):
            CASES.setdefault("images", []).append((f"{_name.lower()}_{_align}_{_half}_{_size[0]}", lambda graph, name=_name, align=_align, half=_half, size=_size: graph.op(
                name, [graph.input(F32, (1, 5, 6, 3)), graph.constant(np.array(size, I32))], [F32],
                "ResizeBilinearOptions" if "BILINEAR" in name else "ResizeNearestNeighborOptions", alignCorners=align, halfPixelCenters=half)))


@case("images")
def depth_to_space(graph):
    return [graph.op("DEPTH_TO_SPACE", [graph.input(F32, (2, 3, 4, 12))], [F32], "DepthToSpaceOptions", blockSize=2),
            graph.op("SPACE_TO_DEPTH", [graph.input(F32, (2, 4, 6, 3))], [F32], "SpaceToDepthOptions", blockSize=2)]


@case("images")
def space_to_batch(graph):
    block = graph.constant(np.array([2, 3], I32))
    return [graph.op("SPACE_TO_BATCH_ND", [graph.input(F32, (2, 3, 6, 3)), block, graph.constant(np.array([[1, 0], [0, 3]], I32))], [F32]),
            graph.op("BATCH_TO_SPACE_ND", [graph.input(F32, (12, 3, 2, 3)), block, graph.constant(np.array([[1, 0], [2, 1]], I32))], [F32])]


# Quantised: within a step of LiteRT.

def quantised_conv(dtype, activation, per_channel, depthwise=False):
    def build(graph):
        zero = 3 if dtype is I8 else 128
        x = graph.input(dtype, (1, 9, 9, 8), quantised=(0.05, zero))
        shape = (1, 3, 3, 8) if depthwise else (6, 3, 3, 8)
        count, axis = (8, 3) if depthwise else (6, 0)
        scales = RANDOM.uniform(0.005, 0.02, count).astype(F32) if per_channel else np.float32(0.01)
        weights = codes(*shape) if dtype is I8 else codes(*shape, dtype=U8, low=0, high=255)
        w = graph.constant(weights, quantised=(scales, np.zeros(count), axis) if per_channel else (scales, 0 if dtype is I8 else 120))
        b = graph.constant(codes(count, dtype=I32, low=-500, high=500), quantised=(np.float32(0.05) * scales, np.zeros(np.size(scales)), 0))
        how = dict(padding=0, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=activation)
        result = [(dtype, (0.09, -20 if dtype is I8 else 100))]
        if depthwise:
            return graph.op("DEPTHWISE_CONV_2D", [x, w, b], result, "DepthwiseConv2DOptions", depthMultiplier=1, **how)
        return graph.op("CONV_2D", [x, w, b], result, "Conv2DOptions", **how)
    return build


CASES["quantised"] = [
    ("conv_i8", quantised_conv(I8, 0, True)), ("conv_i8_relu", quantised_conv(I8, 1, True)), ("conv_i8_relu6", quantised_conv(I8, 3, True)),
    ("conv_u8", quantised_conv(U8, 0, False)), ("conv_u8_relu6", quantised_conv(U8, 3, False)),
    ("depthwise_i8", quantised_conv(I8, 1, True, depthwise=True)), ("depthwise_u8", quantised_conv(U8, 0, False, depthwise=True)),
]


@case("quantised")
def fully_connected_i8(graph):
    x = graph.input(I8, (3, 16), quantised=(0.05, -7))
    w = graph.constant(codes(5, 16), quantised=(0.01, 0))
    b = graph.constant(codes(5, dtype=I32, low=-500, high=500), quantised=(0.0005, 0))
    return graph.op("FULLY_CONNECTED", [x, w, b], [(I8, (0.07, 4))], "FullyConnectedOptions", fusedActivationFunction=1)


for _name, _options in {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}.items():
    for _dtype in (I8, U8):
        _zero = 0 if _dtype is I8 else 128
        CASES["quantised"].append((f"{_name.lower()}_{np.dtype(_dtype)}", lambda graph, name=_name, options=_options, dtype=_dtype, zero=_zero: graph.op(
            name, [graph.input(dtype, (2, 3, 4), quantised=(0.05, zero + 3)), graph.input(dtype, (2, 3, 4), quantised=(0.02, zero - 9))],
            [(dtype, (0.06, zero + 5))], options)))
for _name, _scale, _zero in (("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0), ("HARD_SWISH", 0.03, -10), ("RELU", 0.04, -128), ("LEAKY_RELU", 0.04, 0)):
    CASES["quantised"].append((f"{_name.lower()}_i8", lambda graph, name=_name, scale=_scale, zero=_zero: graph.op(
        name, [graph.input(I8, (40,), quantised=(0.05, 3))], [(I8, (scale, zero))], *(["LeakyReluOptions"] if name == "LEAKY_RELU" else []))))


@case("quantised")
def softmax_i8(graph):
    return graph.op("SOFTMAX", [graph.input(I8, (3, 10), quantised=(0.1, 3))], [(I8, (1 / 256, -128))], "SoftmaxOptions", beta=1.0)


@case("quantised")
def pools_i8(graph):
    how = (0.05, 3)
    x = graph.input(I8, (1, 8, 8, 3), quantised=how)
    return [graph.op(name, [x], [(I8, how)], "Pool2DOptions", padding=0, strideH=2, strideW=2, filterHeight=3, filterWidth=3)
            for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D")]


@case("quantised")
def mean_i8(graph):
    return graph.op("MEAN", [graph.input(I8, (1, 6, 6, 3), quantised=(0.05, 3)), graph.constant(np.array([1, 2], I32))], [(I8, (0.03, -4))], "ReducerOptions")


@case("quantised")
def moves_i8(graph):
    how = (0.05, 3)
    x = graph.input(I8, (1, 4, 6), quantised=how)
    padded = graph.op("PAD", [x, graph.constant(np.array([[0, 0], [1, 2], [0, 1]], I32))], [(I8, how)])
    joined = graph.op("CONCATENATION", [padded, padded], [(I8, how)], "ConcatenationOptions", axis=1)
    return graph.op("RESHAPE", [joined, graph.constant(np.array([-1], I32))], [(I8, how)], "ReshapeOptions", newShape=[-1])


@case("quantised")
def resize_i8(graph):
    return graph.op("RESIZE_BILINEAR", [graph.input(I8, (1, 4, 5, 3), quantised=(0.05, 3)), graph.constant(np.array([8, 10], I32))], [(I8, (0.05, 3))],
                    "ResizeBilinearOptions", halfPixelCenters=True)


@case("quantised")
def quantise_and_back(graph):
    q = graph.op("QUANTIZE", [graph.input(F32, (40,))], [(I8, (0.02, 5))])
    other = graph.op("QUANTIZE", [q], [(U8, (0.03, 100))])
    return [other, graph.op("DEQUANTIZE", [q], [F32])]


@case("quantised")
def int16_by_int8(graph):
    x = graph.input(I16, (1, 5, 5, 4), quantised=(0.0005, 0))
    w = graph.constant(codes(3, 3, 3, 4), quantised=(np.array([0.01, 0.02, 0.005], F32), np.zeros(3), 0))
    b = graph.constant(codes(3, dtype=I64, low=-5000, high=5000), quantised=(np.array([0.01, 0.02, 0.005], F32) * np.float32(0.0005), np.zeros(3), 0))
    return graph.op("CONV_2D", [x, w, b], [(I16, (0.0008, 0))], "Conv2DOptions", padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)


# Diagonals, keys, spectra.

@case("others")
def matrix_diag(graph):
    return graph.op("MATRIX_DIAG", [graph.input(F32, (2, 3, 4))], [F32])


@case("others")
def matrix_set_diag(graph):
    return [graph.op("MATRIX_SET_DIAG", [graph.input(F32, shape), graph.input(F32, (2, 3))], [F32]) for shape in ((2, 3, 5), (2, 5, 3))]


@case("others")
def hashtable_lookup(graph):
    keys = graph.constant(np.array([-4, 2, 7, 90], I32))
    return graph.op("HASHTABLE_LOOKUP", [graph.constant(np.array([7, 3, -4, 90, 7], I32)), keys, graph.input(F32, (4, 3))], [F32, U8])


@case("others")
def broadcast_args(graph):
    dims = graph.op("BROADCAST_ARGS", [graph.constant(np.array([5, 1, 3], I32)), graph.constant(np.array([4, 1], I32))], [I32])
    return graph.op("BROADCAST_TO", [graph.input(F32, (3,)), dims], [F32])


def spectrum(graph, shape, lengths):
    return graph.op("RFFT2D", [graph.input(F32, shape), graph.constant(np.array(lengths, I32))], ["COMPLEX64"])


@case("others")
def rfft_of_rows(graph):
    both = spectrum(graph, (3, 1, 64), (1, 64))
    return [graph.op(name, [both], [F32]) for name in ("REAL", "IMAG", "COMPLEX_ABS", "CAST")]


@case("others")
def rfft_of_few(graph):
    return [graph.op(name, [spectrum(graph, (2, 3), (1, length))], [F32]) for length in (2, 4) for name in ("REAL", "IMAG")]  # of 1, LiteRT has an imaginary part


@case("others")
def rfft_of_planes_cut_and_filled(graph):
    both = spectrum(graph, (2, 6, 20), (8, 16))
    return [graph.op(name, [both], [F32]) for name in ("REAL", "IMAG")]


@case("others")
def complex_numbers_move(graph):
    both = graph.op("RESHAPE", [spectrum(graph, (2, 3, 1, 16), (1, 16)), graph.constant(np.array([6, 9], I32))], ["COMPLEX64"], "ReshapeOptions", newShape=[6, 9])
    both = graph.op("EXPAND_DIMS", [both, graph.constant(np.array(1, I32))], ["COMPLEX64"], "ExpandDimsOptions")
    return graph.op("COMPLEX_ABS", [both], [F32])


# Integers of 16 bits: LiteRT rounds twice. Of its tables for functions (LOGISTIC, TANH, SOFTMAX) Smelt is up to 9 of 32767 away, and nearer to the function.

WIDE = (0.0005, 0)


def wide(graph, *shape, how=WIDE):
    return graph.input(I16, shape, quantised=how)


def weights_and_bias(graph, *shape, outputs, axis):
    scales = np.full(outputs, 0.01, F32)
    return [graph.constant(codes(*shape), quantised=(scales, np.zeros(outputs), axis)),
            graph.constant(codes(outputs, dtype=I64, low=-5000, high=5000), quantised=(scales * np.float32(WIDE[0]), np.zeros(outputs), 0))]


for _name, _build in {
        "add": lambda g: g.op("ADD", [wide(g, 2, 9), wide(g, 2, 9, how=(0.0007, 0))], [(I16, (0.001, 0))], "AddOptions", potScaleInt16=False),
        "sub": lambda g: g.op("SUB", [wide(g, 2, 9), wide(g, 2, 9, how=(0.0007, 0))], [(I16, (0.001, 0))], "SubOptions", potScaleInt16=False),
        "mul": lambda g: g.op("MUL", [wide(g, 2, 9), wide(g, 2, 9, how=(0.0007, 0))], [(I16, (0.005, 0))], "MulOptions"),
        "minimum": lambda g: g.op("MINIMUM", [wide(g, 2, 9), wide(g, 2, 9)], [(I16, WIDE)]),
        "fully_connected": lambda g: g.op("FULLY_CONNECTED", [wide(g, 2, 16), *weights_and_bias(g, 5, 16, outputs=5, axis=0)], [(I16, (0.005, 0))],
                                          "FullyConnectedOptions"),
        "depthwise": lambda g: g.op("DEPTHWISE_CONV_2D", [wide(g, 1, 6, 6, 4), *weights_and_bias(g, 1, 3, 3, 4, outputs=4, axis=3)], [(I16, (0.002, 0))],
                                    "DepthwiseConv2DOptions", padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, depthMultiplier=1),
        "batch_matmul": lambda g: g.op("BATCH_MATMUL", [wide(g, 2, 3, 8), wide(g, 2, 8, 4)], [(I16, (0.002, 0))], "BatchMatMulOptions"),
        "average_pool": lambda g: g.op("AVERAGE_POOL_2D", [wide(g, 1, 6, 6, 3)], [(I16, WIDE)], "Pool2DOptions", padding=1, strideH=2, strideW=2,
                                       filterHeight=2, filterWidth=2),
        "mean": lambda g: g.op("MEAN", [wide(g, 1, 6, 6, 3), g.constant(np.array([1, 2], I32))], [(I16, (0.0004, 0))], "ReducerOptions"),
        "leaky_relu": lambda g: g.op("LEAKY_RELU", [wide(g, 2, 9)], [(I16, (0.0006, 0))], "LeakyReluOptions", alpha=0.1),
        "concat": lambda g: g.op("CONCATENATION", [wide(g, 2, 9), wide(g, 2, 9)], [(I16, WIDE)], "ConcatenationOptions", axis=1),
        "resize": lambda g: g.op("RESIZE_BILINEAR", [wide(g, 1, 4, 5, 3), g.constant(np.array([8, 10], I32))], [(I16, WIDE)], "ResizeBilinearOptions",
                                 halfPixelCenters=True),
        "quantize": lambda g: g.op("QUANTIZE", [wide(g, 2, 9)], [(I8, (0.01, 3))]),
        "dequantize": lambda g: g.op("DEQUANTIZE", [wide(g, 2, 9)], [F32]),
}.items():
    CASES.setdefault("int16", []).append((_name, _build))
