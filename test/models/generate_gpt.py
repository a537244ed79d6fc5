# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small GPT-2 with seeded weights, as exporters write it: 6 layers, 512 wide, 16384 words, the embedding tied to the answer's weights.

`prefill` reads a text at once; `decode` reads one more word with the keys and values of the words before it, and gives them back one longer.
"""
import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

SEED = 20251125
OPSET = 17
LAYERS, WIDTH, HEADS, WORDS, MOST_POSITIONS = 6, 512, 8, 16384, 1024
HEAD = WIDTH // HEADS
INT64, FLOAT = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT


class _Gpt:
    def __init__(self):
        self.rng = np.random.default_rng(SEED)
        self.nodes, self.initializers = [], {}

    def constant(self, name, value):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def numbers(self, *values):
        return self.constant("_".join(("numbers", *map(str, values))), np.array(values, np.int64))

    def scalar(self, value):
        return self.constant(f"scalar_{value:g}", np.float32(value))

    def weight(self, name, *shape, deviation=0.02, mean=0.0):
        if name not in self.initializers:
            self.constant(name, (mean + deviation * self.rng.standard_normal(shape)).astype(np.float32))
        return name

    def node(self, op, path, *inputs, outputs=1, **attributes):
        names = [f"{path}_output_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=path, **attributes))
        return names[0] if outputs == 1 else names

    def dense(self, x, path, width_in, width, deviation):
        product = self.node("MatMul", f"{path}/MatMul", x, self.weight(f"{path}.weight", width_in, width, deviation=deviation))
        return self.node("Add", f"{path}/Add", product, self.weight(f"{path}.bias", width))

    def norm(self, x, path):
        return self.node("LayerNormalization", path, x, self.weight(f"{path}.weight", WIDTH, deviation=0.1, mean=1.0),
                         self.weight(f"{path}.bias", WIDTH), axis=-1, epsilon=1e-5)

    def embedding(self, position):
        words = self.node("Gather", "/wte", self.weight("wte.weight", WORDS, WIDTH), "input_ids")
        places = self.node("Gather", "/wpe", self.weight("wpe.weight", MOST_POSITIONS, WIDTH), position)
        return self.node("Add", "/embedding", words, places)

    def heads(self, x, path, order=(0, 2, 1, 3)):
        split = self.node("Reshape", f"{path}/Reshape", x, self.numbers(0, 0, HEADS, HEAD))
        return self.node("Transpose", f"{path}/Transpose", split, perm=list(order))

    def attention(self, x, layer, mask, has_past):
        path = f"/h.{layer}/attn"
        joined = self.dense(x, f"{path}/c_attn", WIDTH, 3 * WIDTH, 0.06)
        parts = self.node("Split", f"{path}/Split", joined, self.numbers(WIDTH, WIDTH, WIDTH), outputs=3, axis=2)
        query, key, value = (self.heads(part, f"{path}/{kind}") for part, kind in zip(parts, ("query", "key", "value")))
        if has_past:
            key = self.node("Concat", f"{path}/Concat_key", f"past.{layer}.key", key, axis=2)
            value = self.node("Concat", f"{path}/Concat_value", f"past.{layer}.value", value, axis=2)
        for kind, present in (("key", key), ("value", value)):
            self.nodes.append(helper.make_node("Identity", [present], [f"present.{layer}.{kind}"], name=f"{path}/present_{kind}"))
        turned = self.node("Transpose", f"{path}/Transpose", key, perm=[0, 1, 3, 2])
        scores = self.node("Div", f"{path}/Div", self.node("MatMul", f"{path}/scores", query, turned), self.scalar(math.sqrt(HEAD)))
        scores = self.node("Add", f"{path}/mask", scores, mask) if mask else scores
        mixed = self.node("MatMul", f"{path}/mix", self.node("Softmax", f"{path}/Softmax", scores, axis=-1), value)
        mixed = self.node("Transpose", f"{path}/Transpose_1", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", f"{path}/Reshape", mixed, self.numbers(0, 0, WIDTH))
        return self.dense(mixed, f"{path}/c_proj", WIDTH, WIDTH, 0.04)

    def gelu(self, x, path):
        """½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))"""
        cube = self.node("Mul", f"{path}/Mul", self.node("Pow", f"{path}/Pow", x, self.scalar(3)), self.scalar(0.044715))
        inner = self.node("Mul", f"{path}/Mul_1", self.node("Add", f"{path}/Add", x, cube), self.scalar(math.sqrt(2 / math.pi)))
        factor = self.node("Add", f"{path}/Add_1", self.node("Tanh", f"{path}/Tanh", inner), self.scalar(1))
        return self.node("Mul", f"{path}/Mul_3", self.node("Mul", f"{path}/Mul_2", x, self.scalar(0.5)), factor)

    def layer(self, x, layer, mask, has_past):
        path = f"/h.{layer}"
        x = self.node("Add", f"{path}/Add", x, self.attention(self.norm(x, f"{path}/ln_1"), layer, mask, has_past))
        inner = self.gelu(self.dense(self.norm(x, f"{path}/ln_2"), f"{path}/mlp/c_fc", WIDTH, 4 * WIDTH, 0.04), f"{path}/mlp/act")
        return self.node("Add", f"{path}/Add_1", x, self.dense(inner, f"{path}/mlp/c_proj", 4 * WIDTH, WIDTH, 0.02))

    def finish(self, name, x, length, pasts):
        x = self.norm(x, "/ln_f")
        turned = self.node("Transpose", "/lm_head/Transpose", "wte.weight", perm=[1, 0])
        self.nodes.append(helper.make_node("MatMul", [x, turned], ["logits"], name="/lm_head/MatMul"))
        value = helper.make_tensor_value_info
        kinds = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]
        inputs = [value("input_ids", INT64, ["batch", length])]
        inputs += [value(f"past.{kind}", FLOAT, ["batch", HEADS, pasts[0], HEAD]) for kind in kinds] if pasts else []
        present = pasts[1] if pasts else length
        outputs = [value("logits", FLOAT, ["batch", length, WORDS])]
        outputs += [value(f"present.{kind}", FLOAT, ["batch", HEADS, present, HEAD]) for kind in kinds]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="smelt-tests")
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)


def prefill():
    """input_ids [batch, sequence] → logits, and each layer's keys and values [batch, heads, sequence, 64]."""
    gpt = _Gpt()
    length = gpt.node("Shape", "/Shape", "input_ids", start=1, end=2)
    positions = gpt.constant("positions", np.arange(MOST_POSITIONS, dtype=np.int64)[None])
    zero, one, two, three = (gpt.numbers(k) for k in range(4))
    x = gpt.embedding(gpt.node("Slice", "/positions", positions, zero, length, one))
    later = np.triu(np.full((1, 1, MOST_POSITIONS, MOST_POSITIONS), np.finfo(np.float32).min), 1)
    mask = gpt.node("Slice", "/mask_rows", gpt.constant("causal", later), zero, length, two)
    mask = gpt.node("Slice", "/mask", mask, zero, length, three)
    for layer in range(LAYERS):
        x = gpt.layer(x, layer, mask, has_past=False)
    return gpt.finish("gpt2s_prefill", x, "sequence", None)


def decode():
    """input_ids [batch, 1], past keys and values [batch, heads, past, 64] → logits [batch, 1, words], the same one longer."""
    gpt = _Gpt()
    length = gpt.node("Shape", "/Shape", "past.0.key", start=2, end=3)
    x = gpt.embedding(gpt.node("Unsqueeze", "/position", length, gpt.numbers(0)))
    for layer in range(LAYERS):
        x = gpt.layer(x, layer, None, has_past=True)
    return gpt.finish("gpt2s_decode", x, 1, ("past", "past + 1"))
