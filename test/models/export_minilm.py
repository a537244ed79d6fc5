"""all-MiniLM-L6-v2 as ONNX, from the weights file alone: the graph that a usual export from PyTorch at opset 17 gives."""
import io
import json
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

INT64, FLOAT = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT


def read_safetensors(data):
    """{name: array} of a safetensors file: eight bytes of header length, a JSON header, raw little-endian tensors."""
    types = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, last = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[first:last], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class _Bert:
    def __init__(self, config, weights):
        self.config, self.weights = config, weights
        self.nodes, self.initializers = [], []

    def constant(self, name, value):
        if name not in {tensor.name for tensor in self.initializers}:
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op, path, *inputs, **attributes):
        output = f"{path}_output_0"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=path, **attributes))
        return output

    def weight(self, name):
        return self.constant(name, self.weights[name].astype(np.float32))

    def dense(self, x, path):
        name = path.strip("/").replace("/", ".")
        weight = self.constant(f"{name}.weight.T", self.weights[f"{name}.weight"].astype(np.float32).T)
        return self.node("Add", f"{path}/Add", self.weight(f"{name}.bias"), self.node("MatMul", f"{path}/MatMul", x, weight))

    def norm(self, x, path):
        name = path.strip("/").replace("/", ".")
        return self.node("LayerNormalization", f"{path}/LayerNormalization", x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"),
                         axis=-1, epsilon=self.config["layer_norm_eps"])

    def embeddings(self):
        length = self.node("Shape", "/embeddings/Shape", "input_ids", start=1, end=2)
        most = self.config["max_position_embeddings"]
        ids = self.constant("embeddings.position_ids", np.arange(most, dtype=np.int64)[None])
        zero, one = self.constant("zero", np.array([0], np.int64)), self.constant("one", np.array([1], np.int64))
        position = self.node("Slice", "/embeddings/Slice", ids, zero, length, one)
        parts = [self.node("Gather", f"/embeddings/{kind}/Gather", self.weight(f"embeddings.{kind}.weight"), index, axis=0)
                 for kind, index in (("word_embeddings", "input_ids"), ("token_type_embeddings", "token_type_ids"), ("position_embeddings", position))]
        total = self.node("Add", "/embeddings/Add", parts[0], parts[1])
        return self.norm(self.node("Add", "/embeddings/Add_1", total, parts[2]), "/embeddings/LayerNorm")

    def mask(self):
        """0 where a token is, the lowest float where padding is: [batch, 1, 1, length]."""
        axes = self.constant("mask_axes", np.array([1, 2], np.int64))
        mask = self.node("Cast", "/Cast", self.node("Unsqueeze", "/Unsqueeze", "attention_mask", axes), to=FLOAT)
        away = self.node("Sub", "/Sub", self.constant("one_f32", np.float32(1)), mask)
        return self.node("Mul", "/Mul", away, self.constant("lowest", np.finfo(np.float32).min))

    def attention(self, x, mask, path):
        heads, width = self.config["num_attention_heads"], self.config["hidden_size"]
        split = self.constant("split_heads", np.array([0, 0, heads, width // heads], np.int64))
        join = self.constant("join_heads", np.array([0, 0, width], np.int64))

        def head(kind, order):
            value = self.node("Reshape", f"{path}/self/{kind}/Reshape", self.dense(x, f"{path}/self/{kind}"), split)
            return self.node("Transpose", f"{path}/self/{kind}/Transpose", value, perm=order)

        query, key, value = head("query", [0, 2, 1, 3]), head("key", [0, 2, 3, 1]), head("value", [0, 2, 1, 3])
        scale = self.constant("scale", np.float32(np.sqrt(width // heads)))
        scores = self.node("Div", f"{path}/self/Div", self.node("MatMul", f"{path}/self/MatMul", query, key), scale)
        scores = self.node("Softmax", f"{path}/self/Softmax", self.node("Add", f"{path}/self/Add", scores, mask), axis=-1)
        mixed = self.node("MatMul", f"{path}/self/MatMul_1", scores, value)
        mixed = self.node("Transpose", f"{path}/self/Transpose", mixed, perm=[0, 2, 1, 3])
        return self.node("Reshape", f"{path}/self/Reshape", mixed, join)

    def gelu(self, x, path):
        """x · (1 + erf(x / √2)) · ½, as exporters write it."""
        erf = self.node("Erf", f"{path}/Erf", self.node("Div", f"{path}/Div", x, self.constant("sqrt2", np.float32(np.sqrt(2)))))
        product = self.node("Mul", f"{path}/Mul", x, self.node("Add", f"{path}/Add_1", erf, self.constant("one_f32", np.float32(1))))
        return self.node("Mul", f"{path}/Mul_1", product, self.constant("half", np.float32(0.5)))

    def residual(self, x, path, source):
        total = self.node("Add", f"{path}/Add", self.dense(source, f"{path}/dense"), x)
        return self.norm(total, f"{path}/LayerNorm")

    def build(self):
        x, mask = self.embeddings(), self.mask()
        for layer in range(self.config["num_hidden_layers"]):
            path = f"/encoder/layer/{layer}"
            x = self.residual(x, f"{path}/attention/output", self.attention(x, mask, f"{path}/attention"))
            inner = self.gelu(self.dense(x, f"{path}/intermediate/dense"), f"{path}/intermediate/act")
            x = self.residual(x, f"{path}/output", inner)
        self.nodes[-1].output[0] = "last_hidden_state"
        inputs = [helper.make_tensor_value_info(name, INT64, ["batch", "sequence"]) for name in ("input_ids", "attention_mask", "token_type_ids")]
        output = helper.make_tensor_value_info("last_hidden_state", FLOAT, ["batch", "sequence", self.config["hidden_size"]])
        graph = helper.make_graph(self.nodes, "minilm_l6", inputs, [output], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="smelt-tests")


def export(archive):
    """Bytes of the sentence-transformers archive (config.json, model.safetensors) → bytes of an ONNX model."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        model = _Bert(json.loads(files.read("config.json")), read_safetensors(files.read("model.safetensors"))).build()
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)
