"""Small .tflite models, made with the schema that LiteRT's package has."""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {np.dtype(np.float32): "FLOAT32", np.dtype(np.float16): "FLOAT16", np.dtype(np.int32): "INT32", np.dtype(np.uint8): "UINT8",
         np.dtype(np.int64): "INT64", np.dtype(np.bool_): "BOOL", np.dtype(np.int16): "INT16", np.dtype(np.int8): "INT8"}

VERSIONS = {"BROADCAST_TO": 2}  # of operators that LiteRT no longer has as they were at first


class Graph:
    """One subgraph. Tensors are their indices."""

    def __init__(self, model, name):
        self._model, self._graph = model, schema.SubGraphT()
        self._graph.name, self._graph.tensors, self._graph.operators = name, [], []
        self._graph.inputs, self._graph.outputs = [], []

    def tensor(self, dtype, shape=(), name=None, quantised=None, data=None, variable=False, signature=None):
        """`quantised` is (scale, zero point), or (scales, zero points, axis)."""
        tensor = schema.TensorT()
        index = len(self._graph.tensors)
        tensor.name, tensor.shape, tensor.isVariable, tensor.hasRank = name or f"t{index}", list(shape), variable, True
        tensor.type = getattr(schema.TensorType, dtype if isinstance(dtype, str) else TYPES[np.dtype(dtype)])
        if signature is not None:
            tensor.shapeSignature = list(signature)
        if quantised is not None:
            tensor.quantization = schema.QuantizationParametersT()
            scale, zero, *axis = quantised
            tensor.quantization.scale, tensor.quantization.zeroPoint = np.atleast_1d(scale).tolist(), np.atleast_1d(zero).astype(int).tolist()
            tensor.quantization.quantizedDimension = axis[0] if axis else 0
        tensor.buffer = self._model.buffer(data) if data is not None else 0
        self._graph.tensors.append(tensor)
        return index

    def input(self, dtype, shape, name=None, **how):
        index = self.tensor(dtype, shape, name, **how)
        self._graph.inputs.append(index)
        return index

    def constant(self, array, **how):
        array = np.asarray(array)
        return self.tensor(array.dtype, array.shape, data=array.tobytes(), **how)

    def op(self, operator_name, inputs, outputs, options=None, custom=b"", intermediates=(), **fields):
        """Adds an operator. `outputs` are dtypes, or (dtype, (scale, zero point)), or indices; `intermediates` are indices. The index of its output, or a list."""
        made = []
        for output in outputs:
            if isinstance(output, int):
                made.append(output)
            elif isinstance(output, tuple):
                made.append(self.tensor(output[0], quantised=output[1]))
            else:
                made.append(self.tensor(output))
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._model.opcode(operator_name), list(inputs), made
        if options:
            made_of = getattr(schema, options + "T")()
            for field, value in fields.items():
                assert hasattr(made_of, field), field
                setattr(made_of, field, value)
            if hasattr(schema.BuiltinOptions, options):
                operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, options), made_of
            else:
                operator.builtinOptions2Type, operator.builtinOptions2 = getattr(schema.BuiltinOptions2, options), made_of
        if intermediates:
            operator.intermediates = list(intermediates)
        if custom:
            operator.customOptions = list(custom)
        self._graph.operators.append(operator)
        return made[0] if len(made) == 1 else made

    def output(self, *indices):
        self._graph.outputs.extend(indices)


class Model:
    def __init__(self):
        self._model = schema.ModelT()
        self._model.version, self._model.subgraphs, self._model.operatorCodes = 3, [], []
        self._model.description = "made by a test of Smelt"
        self._model.buffers = [schema.BufferT()]
        self._codes = {}
        self.main = self.graph("main")

    def graph(self, name):
        graph = Graph(self, name)
        self._model.subgraphs.append(graph._graph)
        return graph

    def signature(self, key, graph, inputs, outputs):
        """Names a subgraph, by its number, and its inputs and outputs: {name: tensor}."""
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key, graph
        signature.inputs, signature.outputs = ([self._named(*each) for each in tensors.items()] for tensors in (inputs, outputs))
        self._model.signatureDefs = [*(self._model.signatureDefs or []), signature]

    @staticmethod
    def _named(name, tensor):
        named = schema.TensorMapT()
        named.name, named.tensorIndex = name, tensor
        return named

    def buffer(self, data):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def opcode(self, name):
        """`name` of a built-in operator, or of a custom one."""
        if name not in self._codes:
            code = schema.OperatorCodeT()
            builtin = getattr(schema.BuiltinOperator, name, None)
            code.builtinCode = schema.BuiltinOperator.CUSTOM if builtin is None else builtin
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.customCode = name if builtin is None else None
            code.version = VERSIONS.get(name, 1)
            self._codes[name] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        return self._codes[name]

    def save(self, path):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path
