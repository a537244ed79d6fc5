# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators in small modules, several to a module, so that few files cover many: name → (function, inputs). Each function returns a list."""

import math

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
import torch.nn.functional as F
from torch import nn
from torch._higher_order_ops.map import map as mapped
from torch._higher_order_ops.scan import scan

torch.manual_seed(2)
X, Y = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
P = torch.rand(2, 3, 8) + 0.1
I = torch.randint(-9, 9, (2, 3, 8))
M = torch.rand(2, 3, 8) > 0.5
IMAGE = torch.randn(2, 4, 10, 12)
NAN = torch.where(torch.rand(2, 3, 8) > 0.8, torch.nan, X)
NAN[1, 2, :3] = torch.tensor([torch.inf, -torch.inf, -0.0])
EXTREMES = torch.tensor([[math.nan, math.inf, -math.inf, 0.0], [-0.0, 1.0, -1.0, math.nan], [1e38, -1e38, 1e-40, -1e-40], [0.5, -0.5, 1.5, 2.5]])
OTHERS = torch.tensor([[1.0, math.nan, math.inf, -0.0], [0.0, 0.0, math.nan, math.nan], [3e38, -3e38, 1e-40, 0.0], [-1.0, 2.0, math.inf, -math.inf]])
FACTOR = torch.randn(2, 4, 4)
SQUARE = FACTOR @ FACTOR.mT + 2 * torch.eye(4)


def unary(x, p, i, m):
    floats = [f(x) for f in (torch.abs, torch.neg, torch.sin, torch.cos, torch.tan, torch.sinh, torch.cosh, torch.tanh, torch.atan, torch.asinh, torch.exp,
                             torch.exp2, torch.expm1, torch.erf, torch.erfc, torch.sigmoid, torch.ceil, torch.floor, torch.round, torch.trunc, torch.frac,
                             torch.sign, torch.square, torch.deg2rad, torch.isnan, torch.isfinite, torch.isinf, torch.logical_not)]
    positive = [f(p) for f in (torch.sqrt, torch.rsqrt, torch.reciprocal, torch.log, torch.log2, torch.log10, torch.log1p)]
    small = [f(p * 0.8) for f in (torch.asin, torch.acos, torch.atanh, torch.logit)]
    whole = [torch.abs(i), torch.bitwise_not(i), torch.bitwise_not(m), torch.sqrt(torch.abs(i)), torch.nan_to_num(torch.log(x)), torch.acosh(p + 1)]
    return floats + positive + small + whole


def binary(x, y, i, m):
    j = i.to(torch.int32)
    return [x + y, x - y, x * y, x / y, torch.add(x, y, alpha=2), torch.sub(x, 3, alpha=2), torch.rsub(x, 2.0), i + j, i * 2.5, i / 2, m + m, m * x,
            torch.div(x, y, rounding_mode="floor"), torch.div(x, y, rounding_mode="trunc"), torch.div(i, 4, rounding_mode="floor"),
            torch.div(i, 4, rounding_mode="trunc"), i // 3, torch.remainder(x, y), torch.fmod(x, y), i % 4, torch.pow(x, 2), torch.pow(x.abs(), 1.5),
            torch.pow(2.0, x), torch.pow(x.abs(), y), torch.maximum(x, y), torch.minimum(x, y), torch.max(x, y), x == y, x != y, x < y, x <= 0, x > 0.5,
            x >= y, i == 3, m == ~m, torch.logical_and(m, x), torch.logical_or(m, i), torch.logical_xor(m, m), i & 3, i | 4, i ^ j, m & m,
            torch.where(m, x, y), torch.where(m, x, 2.0), x.masked_fill(m, -1e9), x.masked_fill(m, float("-inf")).softmax(-1), torch.clamp(x, -0.5, 0.5),
            torch.clamp(x, min=0.1), torch.clamp(x, max=y), torch.lerp(x, y, 0.3), torch.addcmul(x, x, y, value=0.5), torch.addcdiv(x, x, y.abs() + 1),
            torch.atan2(x, y), torch.bitwise_left_shift(i.abs(), 2)]


def activations(x):
    return [f(x) for f in (F.relu, F.relu6, F.leaky_relu, F.elu, F.celu, F.selu, F.gelu, F.silu, F.hardswish, F.hardsigmoid, F.hardtanh, F.mish,
                           F.softplus, F.logsigmoid, F.hardshrink, F.softshrink, F.tanhshrink, F.softsign)] + [
        F.gelu(x, approximate="tanh"), F.prelu(x, torch.tensor([0.1, 0.2, 0.3])), F.threshold(x, 0.2, 5.0), F.glu(x, 2), F.softplus(x, beta=2.0, threshold=1.0)]


def views(x):
    a, b, c = x.split([3, 2, 3], dim=2)
    return [x.view(6, 8), x.reshape(-1, 4), x.flatten(1), x.unflatten(2, (2, 4)), x.transpose(0, 1), x.permute(2, 0, 1), x.mT, x[0].t(), x.unsqueeze(-1),
            x[:1].squeeze(0), x[:, :1].squeeze(), x.expand(2, 2, 3, 8), x[:1].expand(5, -1, -1), x.repeat(1, 2, 3), x.repeat_interleave(2, dim=1),
            torch.tile(x, (2, 1)), x[:, 1:], x[..., ::2], x[:, -1], x.select(2, 3), x.narrow(2, 1, 4), a, b, c, *x.chunk(3, dim=2), *x.unbind(1),
            torch.cat([x, x], 1), torch.stack([x, x], -1), x.flip(0, 2), x.roll(3, 2), x.roll((1, -2), (0, 2)), x.roll(5), F.pad(x, (1, 2)),
            F.pad(x, (1, 2, 0, 1), value=3.0), F.pad(x, (1, -2)), F.pad(x, (2, 3), mode="reflect"), F.pad(x, (2, 3), mode="replicate"),
            F.pad(x, (2, 3), mode="circular"), x.tril(), x.triu(1), x.diagonal(dim1=1, dim2=2), x.diagonal(1, 1, 2), x.movedim(0, 2), x.movedim((0, 1), (2, 0)),
            x.unfold(2, 4, 2), x.to(torch.float64), x.to(torch.int32), x.double().type_as(x), x.contiguous().clone().detach(), torch.swapaxes(x, 0, 2),
            x.view_as(x), F.dropout(x, 0.5, training=False)]


def reductions(x, i, m):
    return [x.sum(), x.sum(1), x.sum((0, 2), keepdim=True), i.sum(), i.sum(1), m.sum(), x.mean(), x.mean(-1), x.amax(1), x.amin((1, 2)), x.max(), x.min(),
            *x.max(1), *x.min(2, keepdim=True), x.argmax(), x.argmax(1), x.argmin(2, keepdim=True), m.any(), m.all(), m.any(1), m.all(2), x.var(), x.var(1),
            x.var((1, 2), correction=0), x.std(2), *torch.var_mean(x, 1), x.prod(2), x.prod(), x.logsumexp(1), torch.linalg.vector_norm(x, 2, 1),
            torch.linalg.vector_norm(x, 1), torch.linalg.vector_norm(x, float("inf"), 2), torch.linalg.vector_norm(x, 3, 2), x.norm(), x.norm(dim=1),
            x.cumsum(1), x.cumprod(2), i.cumsum(2), x.softmax(1), x.log_softmax(-1), x.softmax(0), torch.count_nonzero(m, 1), *x.topk(3), *x.sort(2),
            *x.topk(2, dim=1, largest=False), *x.sort(1, descending=True), x.argsort(2)]


class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.bare, self.bilinear = nn.Linear(8, 5), nn.Linear(8, 4, bias=False), nn.Parameter(torch.randn(8, 3))
        self.v, self.g = nn.Parameter(torch.randn(6, 8)), nn.Parameter(torch.rand(6, 1))

    def forward(self, x, y):
        flat = x[0]
        return [self.linear(x), self.bare(x), F.linear(x, torch._weight_norm(self.v, self.g, 0)), x @ self.bilinear, torch.bmm(x, y.mT), torch.mm(flat, self.bilinear), flat @ y[0, 0],
                torch.addmm(torch.ones(3), flat, self.bilinear, beta=0.5, alpha=2.0), torch.baddbmm(torch.ones(2, 3, 3), x, y.mT), torch.dot(flat[0], y[0, 0]),
                torch.einsum("bij,bkj->bik", x, y), torch.einsum("bij->ji", x), torch.outer(flat[0], y[0, 0]), torch.mv(flat, y[0, 0])]


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=2),
                                     nn.Conv2d(4, 4, 5, padding="same", groups=4), nn.Conv2d(4, 6, (1, 3), padding="valid"),
                                     nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), nn.ConvTranspose2d(4, 6, 2, 2, groups=2, bias=False)])
        self.lines = nn.ModuleList([nn.Conv1d(4, 5, 3, padding=1), nn.Conv1d(4, 8, 4, padding="same"), nn.ConvTranspose1d(4, 3, 4, 2)])
        self.solid = nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, image):
        return [layer(image) for layer in self.layers] + [line(image[:, :, 0]) for line in self.lines] + [self.solid(image[:, None]), self.layers[0](image[0])]


class Normalizations(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.InstanceNorm2d(4, affine=True),
                                     nn.LayerNorm([10, 12]), nn.LayerNorm(12), nn.RMSNorm(12), nn.LocalResponseNorm(3)])

    def forward(self, image):
        return [layer(image) for layer in self.layers] + [F.normalize(image, dim=1)]


def pools(image):
    line = image[:, :, 0]
    return [F.max_pool2d(image, 3, 2, 1), F.max_pool2d(image, 3, 2, 1, ceil_mode=True), *F.max_pool2d(image, 2, return_indices=True), F.avg_pool2d(image, 3, 2, 1),
            F.avg_pool2d(image, 3, 2, 1, ceil_mode=True), F.avg_pool2d(image, 3, 2, 1, count_include_pad=False), F.avg_pool2d(image, 2, divisor_override=3),
            F.adaptive_avg_pool2d(image, 1), F.adaptive_avg_pool2d(image, (5, 4)), F.adaptive_avg_pool2d(image, (3, 7)), F.adaptive_max_pool2d(image, (5, 6)),
            F.adaptive_max_pool2d(image, (3, 5)), F.max_pool1d(line, 3), F.avg_pool1d(line, 4, 2), F.adaptive_avg_pool1d(line, 5), F.avg_pool3d(image[:, None], 2),
            F.max_pool3d(image[:, None], 2), F.max_pool2d(image[0], 2), F.max_pool2d(image, 3, dilation=2)]


def pools_of_nan(image):
    """A window with NaN has it as its maximum; its place is the last one's."""
    line = image[:, :, 0]
    return [F.max_pool2d(image, 3, 2, 1), *F.max_pool2d(image, 3, 2, 1, return_indices=True), F.max_pool2d(image, 2, 2, 0, ceil_mode=True), F.max_pool2d(image, 3, dilation=2), F.max_pool2d(image[:, :1].expand(2, 32, 10, 12).contiguous(memory_format=torch.channels_last), 3),
            F.max_pool1d(line, 3), F.max_pool3d(image[:, None], 2), *F.max_pool3d(image[:, None], 2, return_indices=True), F.adaptive_max_pool2d(image, (5, 6)), F.adaptive_max_pool2d(image, (3, 5)), F.adaptive_max_pool2d(image, 1),
            F.max_pool2d(image.half(), 2).float(), F.max_pool2d(image.double(), 2)]


def resizes(image):
    line = image[:, :, 0]
    return [F.interpolate(image, scale_factor=2), F.interpolate(image, size=(7, 17)), F.interpolate(image, size=(7, 17), mode="nearest-exact"),
            F.interpolate(image, scale_factor=2, mode="bilinear"), F.interpolate(image, size=(15, 9), mode="bilinear"), F.interpolate(image, size=(15, 9), mode="bilinear", align_corners=True),
            F.interpolate(image, scale_factor=1.5, mode="bicubic"), F.interpolate(line, scale_factor=2, mode="linear"), F.interpolate(line, size=30),
            F.interpolate(image[:, None, :2], scale_factor=2, mode="trilinear"), F.pixel_shuffle(image, 2), F.pixel_unshuffle(image, 2), F.channel_shuffle(image, 2),
            F.grid_sample(image, torch.linspace(-1.2, 1.2, 2 * 5 * 6 * 2).reshape(2, 5, 6, 2), align_corners=False),
            F.grid_sample(image, torch.linspace(-1.2, 1.2, 2 * 5 * 6 * 2).reshape(2, 5, 6, 2), mode="nearest", padding_mode="border", align_corners=True)]


def creations(x):
    return [torch.full((2, 3), 1.5) + x[:, :, 0], torch.zeros(3, dtype=torch.int64) + x.shape[0], torch.ones_like(x), torch.full_like(x, 2), x.new_zeros(3, 2),
            x.new_ones(2), x.new_full((2, 2), 7.0), torch.arange(5) + 0, torch.arange(1, 9, 2) * 1.0, torch.arange(0, 1, 0.25) + 0, torch.arange(5, 0, -1) + 0,
            torch.eye(4) + 0, torch.eye(3, 5) + 0, torch.linspace(0, 1, 7) + 0, torch.zeros_like(x).fill_(3.0), torch.scalar_tensor(2.5) * x,
            torch.zeros(2, 3, 8).copy_(x) + 1]


def indexing(x, i):
    places, rows = i[0, 0].abs() % 3, torch.tensor([1, 0])
    mask = x[0, 0] > 0
    updated = x.clone()
    updated[:, 1] = 5.0
    updated[:, :, 2:4] = x[:, :, 4:6]
    put = x.index_put((rows, torch.tensor([2, 0])), torch.ones(2, 8))
    return [F.embedding(places, x[0]), x[:, places], x[rows, torch.tensor([2, 1])], x[:, :, places][0], x[rows, :, torch.tensor([3, 4])],
            x.index_select(2, places), x.gather(2, i.abs() % 8), x.gather(1, (i.abs() % 3)[:, :2, :5]), torch.take_along_dim(x, i.abs() % 8, 2), put,
            x.index_put((rows,), torch.ones(3, 8), accumulate=True), x.index_copy(1, torch.tensor([2, 0]), torch.zeros(2, 2, 8)),
            x.index_add(1, torch.tensor([2, 0]), torch.ones(2, 2, 8), alpha=2), x.index_fill(2, rows, 9.0), x.scatter(2, i.abs() % 8, 1.0),
            x.scatter(2, i.abs()[:, :, :1] % 8, -x), x.scatter_add(1, i.abs() % 3, x), x.scatter_reduce(1, i.abs() % 3, x, "amax"),
            x.slice_scatter(torch.zeros(2, 3, 3), 2, 1, 4), x.select_scatter(torch.zeros(2, 8), 1, 2), updated, x[:, :, mask].sum(-1), mask.nonzero(),
            torch.masked_select(x[0, 0], mask), F.one_hot(places, 4), x.masked_fill(x > 1, 0.0), torch.where(x > 0)[0]]


def attention(q, k, v):
    mask = torch.ones(6, 6).tril() > 0
    bias = torch.linspace(-1, 1, 36).reshape(6, 6)
    return [F.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True),
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask), F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=0.2),
            F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True)]


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTM(8, 5, 2, bidirectional=True), nn.GRU(8, 5, batch_first=True), nn.GRU(8, 20, 2, bidirectional=True, bias=False),
                                    nn.RNN(8, 5), nn.RNN(8, 5, nonlinearity="relu"), nn.LSTM(8, 17, batch_first=True)])

    def forward(self, x):
        results = []
        for cell in self.cells:
            y, state = cell(x)
            results += [y, *(state if isinstance(state, tuple) else (state,))]
        return results


def scalars(x):
    """Operators along a dim, of a tensor that has none."""
    s, first, place = x.sum(), torch.tensor([0]), torch.tensor(0)
    return [s.cumsum(0), s.cumprod(-1), *s.cummax(0), *s.cummin(0), s.logcumsumexp(0), s.softmax(0), (s / 0).softmax(0), s.log_softmax(-1), s.var(correction=0), s.std(),
            s.gather(0, place), s.index_select(0, first), s.flip(0), *s.kthvalue(1), *s.median(0), *s.mode(), s.index_fill(0, first, 2.0), s.scatter(0, place, x.mean()),
            s.index_add(0, first, x[0, 0, 0]), s.nonzero(), torch.argwhere(s - s), *s.sort(), *s.topk(1)]


def overloads(x, i):
    """Forms of operators with numbers, words and types for what is a tensor or nothing elsewhere."""
    small = i.to(torch.uint8)
    return [torch.isin(i, 2), torch.isin(2, i), torch.isin(i, 2, invert=True), torch.linalg.norm(x[0], ord="fro"), torch.linalg.vecdot(x, x + 1), torch.isreal(x),
            torch.linalg.vecdot(x, x[:, :1], dim=1), (small * 60).sum(dtype=torch.uint8), small.to(torch.int8).sum(1, dtype=torch.int8),
            torch._int_mm(x.to(torch.int8).reshape(-1, 16).repeat(8, 1), torch.ones(16, 8, dtype=torch.int8))]


def caller_sees(x, y):
    """What a program does to its inputs."""
    x[:, 1].mul_(2)
    x.view(-1)[3:7] = 5
    y.add_(x[0, 0, 0])
    return x + 1, y.t().sum(1)


def inplace(x):
    y = x.clone()
    y.mul_(2).add_(x)
    F.relu_(y)
    y += 1
    F.dropout(y, 0.5, training=False, inplace=True)
    z = torch.zeros(2, 3, 8)
    z[0] = y[1]
    z[1, 1:].zero_()
    return [y, z, y.sigmoid_()]


def branches(x):
    doubled = torch.cond(x.sum() > 0, lambda a: a * 2, lambda a: a - 1, (x,))
    count, grown = torch._higher_order_ops.while_loop(lambda n, a: n < 5, lambda n, a: (n + 1, a * 1.5 + n), (torch.tensor(0), x))
    last, each = scan(lambda state, row: (state * 0.9 + row, (state + row).tanh()), torch.zeros_like(x[0, 0]), x.transpose(0, 1)[:, 0])
    return [doubled, count, grown, last, each, mapped(lambda rows, factor: rows.sin() * factor + rows.sum(), x, x[0, 0] + 1)]


def quantised(x):
    q, i8, u8 = torch.ops.quantized_decomposed, torch.int8, torch.uint8
    scales, points = torch.tensor([0.02, 0.05, 0.1]), torch.tensor([0, 3, -5])
    one = q.quantize_per_tensor(x, 0.05, 3, -128, 127, i8)
    bytes_ = q.quantize_per_tensor(x, 0.05, 128, 0, 255, u8)
    each = q.quantize_per_channel(x, scales, points, 1, -127, 127, i8)
    scale, point = q.choose_qparams.tensor(x, -128, 127, 1e-5, i8)
    found = q.quantize_per_tensor.tensor(x, scale, point, -128, 127, i8)
    faked = [torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 20), torch.fake_quantize_per_channel_affine(x, scales, points.abs().to(torch.int32), 1, -20, 20)]
    return faked + [one, q.dequantize_per_tensor(one, 0.05, 3, -128, 127, i8), q.dequantize_per_tensor(bytes_, 0.05, 128, 0, 255, u8), each,
            q.dequantize_per_channel(each, scales, points, 1, -127, 127, i8), point, q.dequantize_per_tensor.tensor(found, scale, point, -128, 127, i8)]


def of(function):
    """A module of a function."""

    class Module(nn.Module):
        def forward(self, *inputs):
            return function(*inputs)

    return Module()


def stacking(x, y):
    a, b = x[0, 0], y[0, 1]
    return [torch.hstack([x, y]), torch.hstack([a, b]), torch.vstack([a, b]), torch.vstack([x, y]), torch.dstack([a, b]), torch.dstack([x[0], y[0]]), torch.dstack([x, y]),
            torch.column_stack([a, b]), torch.column_stack([x[0], a[:3]]), *torch.broadcast_tensors(x, a), torch.broadcast_to(a, (2, 8)), *torch.meshgrid(a[:3], b, indexing="ij"),
            *torch.meshgrid(a[:3], b, indexing="xy"), torch.cartesian_prod(a[:2], b[:3]),
            nn.utils.rnn.pad_sequence([x[0], x[1, :2]]), nn.utils.rnn.pad_sequence([a, b[:2]], batch_first=True, padding_value=-2.0, padding_side="left"), *torch.tensor_split(x, 3, 2), *torch.vsplit(x, 2), *torch.hsplit(x, 3), torch.atleast_3d(a),
            torch.atleast_2d(a), torch.fliplr(x), torch.flipud(x), torch.rot90(x), torch.rot90(x, 2, (1, 2)), torch.rot90(x, -1, (0, 2)), torch.swapdims(x, 0, 2), torch.moveaxis(x, 0, 2),
            x.reshape_as(y.reshape(6, 8)), *torch.unsafe_chunk(x, 2, 2)]


def quotients(m):
    """Of the ends of types: what the remainder leaves of 127 / -7 is -133 / -7."""
    made = []
    for dtype in (torch.int8, torch.int16, torch.int32):
        last = torch.iinfo(dtype).max
        x = torch.where(m, torch.tensor([last, -last - 1, last, -last - 1, last - 2, 5], dtype=dtype), torch.tensor([last - 1, -last, 1 - last, last, -last, -5], dtype=dtype))
        y = torch.tensor([-7, 7, 7, -7, -100, -3], dtype=dtype)
        made += [x // y, torch.div(x, y, rounding_mode="floor"), torch.remainder(x, y)]
    return made


def bounds(u, i):
    """Of integers, bounds beyond their type, where other numbers wrap."""
    return [u.clamp(-3, 100), u.clamp(0, 300), u.clamp(min=-3), u.clamp(max=300), u.clone().clamp_(-3, 300), u.clamp_min(-3), u.clamp_max(300), i.clamp(max=200), i.clamp(-200, 5), u.clamp(1.5, 1000.0),
            F.hardtanh(u, -3, 300), F.hardtanh(i, -3, 200), F.hardtanh(i, -3, 3.5), F.relu6(u), F.threshold(u, -1, 3), u.masked_fill(u > 5, -1), torch.where(u > 5, u, -1), u + 300, u == 256, u < -3,
            u * -3, u // -3, torch.remainder(u, -3), torch.fmod(i, 300), torch.full_like(u, -1), torch.rsub(u, 300), u.long().clamp(-2**63, 2**63 - 1)]


def narrow_floats(x, y):
    """Functions of several steps, which PyTorch computes in f32; in powers of e, constants of 8 bits were 16 % off."""
    made = []
    for dtype in (torch.bfloat16, torch.float16):
        u, v = x.to(dtype), y.to(dtype)
        made += [torch.exp2(u * 5), torch.sinc(u * 5), torch.sinc(torch.ones_like(u)), torch.erfc(u), torch.addcmul(u, u, v, value=0.3), torch.addcdiv(u, u, v, value=0.3), u // 3.3, (v * 8) // 0.7,
                 torch.div(u * 9, 3.3, rounding_mode="trunc"), torch.log2(v), torch.log10(v), torch.log1p(v), torch.expm1(u), torch.deg2rad(u), torch.rad2deg(u), F.softplus(u, 2.0, 5.0)]
    return [z.float() for z in made]


def ends(whole, parts, e, n, by, b, i, j, s):
    """Numbers at the ends of their types, which steps of a formula must not pass."""
    return [whole // 7, whole // -7, whole // (2**63 - 3), whole // parts, parts // whole.where(whole != 0, 1), torch.remainder(whole, 7), torch.remainder(whole, 2**63 - 3), torch.remainder(whole, parts),
            torch.div(whole, parts, rounding_mode="floor"), torch.fmod(whole, parts), torch.ldexp(e, n), torch.ldexp(e.double(), n * 8), torch.ldexp(e[2:], by), b.any(), b.all(), b.view(2, 2).any(1), b.view(2, 2).all(0),
            b.bool().any(), i.any(), torch.lcm(i, j), torch.lcm(i.short() * 200, j.short() * 200), F.softplus(s, beta=3), F.softplus(s, beta=3, threshold=30), F.softplus(s.double(), beta=0.5),
            *(torch.erfc(s.new_tensor(z, dtype=dtype)) for z in (-6.0, 0.3, 6.0, 9.0, 27.0, math.inf, math.nan) for dtype in (torch.float32, torch.float64))] + [
                s.to(dtype).float() for dtype in (torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)]


def composites(x, y):
    u, nan = x.abs() + 0.5, torch.where(x > 0.5, torch.full_like(x, float("nan")), x)
    edges = torch.tensor([-0.5, 0.1, 0.7])
    return [torch.fmin(nan, y), torch.fmax(y, nan), torch.hypot(x, y), torch.logaddexp(x, y), torch.xlogy(u, u), torch.xlogy(torch.zeros_like(u), u), F.cosine_similarity(x, y, dim=1),
            F.cosine_similarity(x, y, dim=-1, eps=1e-3), F.pairwise_distance(x, y), F.pairwise_distance(x, y, p=1, keepdim=True), torch.cdist(x, y), torch.cdist(x[0], y[0], p=1),
            torch.cdist(x, y, p=3.0), torch.cdist(x, y, p=math.inf), torch.cdist(x, y, p=0.0), F.pdist(x[0]), F.pdist(y[1], p=1.5), F.pairwise_distance(x, y, p=3),
            torch.linalg.cross(x.mT[:, :3], y.mT[:, :3], dim=1), torch.inner(x, y[0]), torch.inner(x[0, 0], y[0, 0]), torch.tensordot(x, y, dims=([0, 2], [0, 2])),
            torch.addbmm(torch.ones(3, 3), x, y.mT, beta=0.5, alpha=2.0), *torch.aminmax(x), *torch.aminmax(x, dim=1), *torch.aminmax(x, dim=2, keepdim=True), torch.diff(x), torch.diff(x, 2, 1),
            torch.diff(x, dim=1, prepend=y), torch.trace(x[0]), torch.diag(x[0, 0]), torch.diag(x[0, 0], -2), torch.diag_embed(x[0]), torch.diag_embed(x, 1, 0, 2), torch.tril_indices(3, 4),
            torch.triu_indices(3, 4, 1), torch.bucketize(x, edges), torch.bucketize(x, edges, right=True), torch.searchsorted(edges, x), torch.searchsorted(edges, x, side="right"),
            torch.isin(x, x[0, 0]), torch.isin(x, x[0, 0], invert=True), torch.rad2deg(x), torch.absolute(x), torch.arctan2(x, y), torch.greater(x, y), torch.less_equal(x, 0.3),
            torch.subtract(x, y, alpha=2), torch.divide(x, u), torch.divide(x, u, rounding_mode="floor"), torch.argwhere(torch.ones(2, 3)), torch.fix(x * 3)]


def columns(image):
    return [F.unfold(image, 3), F.unfold(image, (2, 3), dilation=2, padding=1, stride=2), F.unfold(image[0], 2, stride=2), F.fold(F.unfold(image, 3), (10, 12), 3),
            F.fold(F.unfold(image, (2, 3), dilation=2, padding=1, stride=2), (10, 12), (2, 3), dilation=2, padding=1, stride=2)]


class OneStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.rnn, self.bare = nn.LSTMCell(8, 5), nn.GRUCell(8, 5), nn.RNNCell(8, 5, nonlinearity="relu"), nn.LSTMCell(8, 5, bias=False)

    def forward(self, x):
        h, c = self.lstm(x[0])
        return [h, c, *self.lstm(x[1], (h, c)), self.gru(x[0], h), self.rnn(x[0], h), *self.bare(x[0])]


def bits(i, j, m):
    k = j.to(torch.int32)
    changed = i.clone()
    changed <<= 2
    changed >>= 1
    changed &= 31
    changed |= 8
    changed ^= 5
    return [i << 2, i >> 1, i << (j % 5), i >> (j % 5), k << 3, k >> 1, 3 & j, 3 | j, 3 ^ j, i ^ 7, m ^ True, m & ~m, torch.bitwise_left_shift(2, j % 5), torch.bitwise_right_shift(64, j % 5),
            changed, *torch.unique(i, return_inverse=True, return_counts=True), torch.gcd(i, j), torch.lcm(i, j), torch.gcd(k, i.to(torch.int32))]


def special(x, y, p, nan):
    return [torch.sign(nan), torch.sgn(nan), torch.copysign(x, y), torch.copysign(x, -1.0), torch.signbit(nan), torch.nextafter(x, y), torch.nextafter(x, x),
            torch.nextafter(torch.zeros_like(x), y) * 2e38, torch.lgamma(p * 9), torch.lgamma(x * 3), torch.digamma(p * 9), torch.digamma(x), torch.erfinv(p * 0.9 - 0.5), torch.sinc(x),
            torch.round(x, decimals=2), torch.round(x * 100, decimals=-1), torch.logaddexp2(x, y), torch.heaviside(x, y), torch.ldexp(x, y), torch.float_power(p, y), torch.angle(nan),
            torch.isposinf(nan), torch.isneginf(nan), torch.isclose(x, x + 1e-6), torch.isclose(nan, nan, equal_nan=True), torch.special.entr(p), torch.special.ndtr(x),
            torch.special.xlog1py(x, p), torch.special.expit(x), torch.special.psi(p), torch.special.log_softmax(x, 1), torch.hypot(x, y), x.view(torch.int32), torch.positive(x)]


def extremes(x, y):
    """Of NaN, infinities, zeros of both signs and what is all but zero."""
    edges = torch.tensor([-0.5, 0.1, 0.7])
    return [F.hardshrink(x), F.softshrink(x), torch.heaviside(x, y), torch.hypot(x, y), torch.floor_divide(x, y), 1 / torch.floor_divide(x, y),
            torch.lerp(x, y, 0.5), torch.lerp(x, y, 0.25), torch.lerp(x, y, torch.tensor([0.2, 0.5, 1.0, 0.7])), torch.lgamma(x), torch.digamma(x), torch.bucketize(x, edges),
            torch.bucketize(x, edges, right=True), torch.searchsorted(edges, x), torch.searchsorted(edges, x, side="right"), torch.searchsorted(edges.expand(4, 3).contiguous(), x)]


def ranking(x, i, nan):
    return [x.median(), *x.median(1), *x.median(2, keepdim=True), nan.median(), nan.nanmedian(), nan.nanmedian(2)[0], nan.median(2)[0], i.median(), *x.kthvalue(2, 1),
            *x.kthvalue(3, 2, keepdim=True), *x.cummax(1), *x.cummin(2), i.cummax(2)[0], x.logcumsumexp(2), torch.histc(x, 5, -1, 1), torch.histc(x, 7), torch.bincount(i.flatten().abs(), minlength=3),
            torch.bincount(i.flatten().abs(), x.flatten()), x.quantile(0.3), x.quantile(0.3, dim=1), x.quantile(torch.tensor([0.1, 0.5]), dim=2, keepdim=True), x.quantile(0.4, dim=1, interpolation="nearest"),
            x.quantile(0.4, dim=2, interpolation="midpoint"), torch.msort(x), *torch.unique_consecutive(i // 6, return_inverse=True, return_counts=True), x.repeat_interleave(i[0, 0].abs(), 2), i[0, 0].repeat_interleave(i[0, 1].abs()),
            torch.repeat_interleave(i[0, 0].abs()), torch.searchsorted(x.sort(-1)[0], x), torch.searchsorted(x[0, 0].sort()[0], 0.3), torch.bucketize(0.3, x[0, 0].sort()[0]),
            *torch.mode(i, 2), *torch.mode(i // 4, 1, keepdim=True), *torch.mode(x, 0)]


def linalg(a, x):
    lower = torch.linalg.cholesky(a)
    return [torch.cholesky_solve(x.mT, lower), torch.cholesky_solve(x.mT, lower.mT, upper=True), torch.det(a), torch.linalg.det(a), torch.inverse(a), torch.linalg.inv(a[0]), lower, torch.linalg.cholesky(a, upper=True), torch.linalg.solve(a, x.mT), torch.linalg.solve(a, x[:, 0]),
            torch.linalg.solve(a, x, left=False), torch.linalg.solve_triangular(lower, x.mT, upper=False), torch.linalg.solve_triangular(lower.mT, x.mT, upper=True),
            torch.linalg.solve_triangular(lower, x, upper=False, left=False), torch.linalg.solve_triangular(lower, x.mT, upper=False, unitriangular=True), *torch.linalg.slogdet(a), torch.logdet(a),
            torch.linalg.matrix_power(a, 3), torch.linalg.matrix_power(a, -2), torch.linalg.matrix_power(a, 0), torch.linalg.multi_dot([x[0], a[0], x[1].mT]), torch.linalg.norm(x), torch.linalg.norm(x, dim=1),
            torch.linalg.matrix_norm(x), torch.linalg.matrix_norm(x, ord=1), torch.linalg.norm(x, ord=float("inf"), dim=(1, 2)), torch.addr(a[0], x[0, 0], x[1, 1], beta=0.5, alpha=2), torch.renorm(x, 2, 0, 1.0),
            torch.dist(x, 2 * x), torch.vdot(x[0, 0], x[1, 1]), torch.cross(a[:, :3], a[:, 1:]), F.bilinear(x, x, a[None, 0].expand(3, 4, 4), torch.ones(3))]


def scatterings(x, y, j, m):
    places, row = j % 3, torch.tensor([2, 0])
    return [*[torch.scatter_reduce(x, 1, places, y, kind, include_self=own) for kind in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)],
            *[torch.index_reduce(x, 1, row, y[:, :2], kind, include_self=own) for kind in ("prod", "mean", "amax", "amin") for own in (True, False)],
            torch.scatter(x, 1, places, y, reduce="add"), torch.scatter(x, 1, places, 2.0, reduce="multiply"), torch.index_fill(x, 1, row, torch.tensor(2.0)), torch.masked_scatter(x, m, y),
            x.masked_scatter(m[0], y), x.put(torch.tensor([1, -5]), torch.tensor([9.0, 8.0])), torch.take(x, j), torch.nansum(torch.where(m, x, torch.nan), 1), torch.nanmean(torch.where(m, x, torch.nan), 2),
            *torch.tensor_split(x, [1, 5], 2), *torch.tensor_split(x, [-2], 2), torch.narrow_copy(x, 2, 1, 3), x.ravel(), torch.hann_window(8) * x, torch.hamming_window(8, periodic=False) * x,
            torch.bartlett_window(8) * x, torch.blackman_window(8, periodic=False) * x, torch.kaiser_window(8) * x, torch.kaiser_window(8, False, beta=5.0) * x,
            torch.logspace(0, 1, 8) * x, F.rrelu(x), torch.kron(x[0], y[:, 0]), torch.diagflat(x[0, :, :2], 1), torch.block_diag(x[0], y[0, 0], x[1, 0, 0]), torch.trapezoid(x), torch.trapezoid(x, dx=0.5, dim=1),
            torch.trapezoid(x, y.abs().cumsum(2)), torch.cumulative_trapezoid(x, dim=1), x.sum_to_size(3, 1)]


def losses(x, y, p, classes, masked):
    t, one, names = (p > 0.5).float(), torch.sign(y[:, 0, 0]), ("none", "mean", "sum")
    weight, rows = torch.linspace(0.5, 2, 8), x[:, 0]
    made = [f(x, y, reduction=name) for f in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss) for name in names]
    made += [f(p.clamp(0.01, 0.99), t, reduction=name) for f in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits) for name in names]
    made += [F.nll_loss(rows.log_softmax(1), classes, weight, reduction=name, ignore_index=3) for name in names] + [F.cross_entropy(rows, classes, weight, reduction=name, label_smoothing=0.1) for name in names]
    made += [F.cross_entropy(rows, p[:, 0], weight, label_smoothing=0.2), F.cross_entropy(rows[0], classes[0]), F.cross_entropy(x.mT, masked, ignore_index=-100), F.kl_div(x, p), F.kl_div(x, y, log_target=True, reduction="sum")]
    made += [F.smooth_l1_loss(x, y, beta=0.5), F.huber_loss(x, y, delta=0.3), F.poisson_nll_loss(x, p * 4, full=True), F.poisson_nll_loss(p, p * 3, log_input=False), F.soft_margin_loss(x, y.sign())]
    made += [F.hinge_embedding_loss(x, y.sign()), F.margin_ranking_loss(x, y, torch.sign(p - 0.5), 0.2), F.cosine_embedding_loss(rows, y[:, 0], one, 0.1), F.triplet_margin_loss(x, y, p, swap=True)]
    made += [F.triplet_margin_loss(x, y, p, p=3), F.multi_margin_loss(rows, classes, p=2, weight=weight), F.multilabel_margin_loss(rows, torch.tensor([[1, 3, -1, 0, 2, 2, 2, 2]] * 2))]
    return made + [F.binary_cross_entropy_with_logits(x, t, weight, pos_weight=weight), F.multilabel_soft_margin_loss(rows, t[:, 0])]


def antialias(image, theta):
    sizes = [F.interpolate(image, size=size, mode=mode, antialias=True) for mode in ("bilinear", "bicubic") for size in ((5, 4), (15, 7))]
    grid = F.affine_grid(theta, (2, 4, 5, 6), align_corners=False)
    solid = F.affine_grid(torch.eye(3, 4)[None].expand(2, 3, 4), (2, 1, 3, 5, 6), align_corners=True)
    return sizes + [F.interpolate(image, scale_factor=0.7, mode="bilinear", antialias=True), grid, F.grid_sample(image, grid, align_corners=False), solid,
                    F.grid_sample(image[:, None], solid, align_corners=True), F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False),
                    F.grid_sample(image, grid * 1.3, mode="bicubic", padding_mode="border", align_corners=False),
                    F.grid_sample(image, grid * 1.3, mode="bicubic", padding_mode="border", align_corners=True),
                    F.max_unpool2d(*F.max_pool2d(image, 2, return_indices=True), 2)]


class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.most, self.sum = nn.EmbeddingBag(20, 5), nn.EmbeddingBag(20, 5, mode="max", padding_idx=3), nn.EmbeddingBag(20, 4, mode="sum", include_last_offset=True)
        self.lstm = nn.LSTM(8, 6, 2, bidirectional=True, proj_size=3)

    def forward(self, words, offsets, weights, x):
        y, (h, c) = self.lstm(x)
        return [self.mean(words), self.mean(words.flatten(), offsets), self.most(words), self.most(words.flatten(), offsets), self.sum(words.flatten(), offsets),
                self.sum(words.flatten(), offsets, weights.flatten()), y, h, c]


class Rows(nn.Module):
    """Bags of which the last ends before the rows do, rows with NaN, and rows that a product and a sum with its result both read."""

    def __init__(self):
        super().__init__()
        self.bags = nn.ModuleList(nn.EmbeddingBag(20, 4, mode=mode, include_last_offset=True) for mode in ("sum", "mean", "max"))
        self.table, self.linear = nn.Embedding(20, 16), nn.Linear(16, 16)

    def forward(self, words, offsets, x):
        rows, positive = self.table(words), x.relu()
        return [*(bag(words.flatten(), offsets) for bag in self.bags), *x.median(1), *x.mode(1), self.linear(rows) + rows, F.linear(positive, x[:4, :4]) * positive]


def angles(y, x, signal):
    """Of zeros with a sign and infinities, and of the first and the last number of a spectrum, whose imaginary parts are +0."""
    y, x = y.reshape(-1, 1), x.reshape(1, -1)
    return torch.atan2(y, x), torch.complex(x.expand(6, 6), y.expand(6, 6)).angle(), torch.fft.rfft(signal)[..., ::4].angle()


class Spectra(nn.Module):
    """Transforms into frequencies and back, of all norms and lengths; 17 has no factors, 2100 is one that Smelt takes apart, and 2060 is 2 · 2 · 5 · 103."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(16))
        self.register_buffer("short", torch.hamming_window(12))

    def forward(self, x, y, long, sound):
        def real(z): return torch.view_as_real(z.resolve_conj())
        z = torch.complex(x, y)
        found = [real(torch.fft.fft(x)), real(torch.fft.fft(z, dim=1)), real(torch.fft.ifft(z, n=5)), real(torch.fft.fft(z, n=17, norm="ortho")),
                 real(torch.fft.rfft(x)), real(torch.fft.rfft(x, n=11, dim=0, norm="forward")), torch.fft.irfft(z), torch.fft.irfft(z, n=9, norm="ortho"),
                 torch.fft.irfft(z, n=1), torch.fft.irfft(z, n=2, norm="forward"), real(torch.fft.fft2(x)), real(torch.fft.ifft2(z, s=(4, 6))),
                 real(torch.fft.rfft2(x)), torch.fft.irfft2(z, s=(3, 9)), real(torch.fft.fftn(z)), real(torch.fft.rfftn(x, dim=(0, 2))),
                 torch.fft.irfftn(z, dim=(1, 2)), real(torch.fft.ifftn(x, norm="ortho")), torch.fft.fftshift(x), torch.fft.ifftshift(x, dim=(1, 2)),
                 torch.fft.fftfreq(7, 0.5) + 0, torch.fft.rfftfreq(8) + 0, real(torch.fft.rfft(long)), real(torch.fft.fft(long[:, :2060])),
                 torch.fft.irfft(torch.fft.rfft(long) * 2), real(torch.fft.ifft(torch.complex(long, -long))),
                 torch.fft.hfft(z), torch.fft.hfft(z, n=9, dim=0, norm="forward"), real(torch.fft.ihfft(x)), real(torch.fft.ihfft(x, n=11, norm="ortho")),
                 torch.fft.hfft2(z), torch.fft.hfft2(z, s=(4, 6), norm="ortho"), real(torch.fft.ihfft2(x)), torch.fft.hfftn(z), torch.fft.hfftn(z, dim=(0, 2), s=(3, 5)),
                 real(torch.fft.ihfftn(x)), real(torch.fft.ihfftn(x, dim=(2, 0), norm="forward")), torch.fft.hfft(x)]
        def stft(*given, **how): return real(torch.stft(*given, return_complex=True, **how))
        return found + [stft(sound, 16, 4, window=self.window), stft(sound, 16, 5, 12, self.short, center=False), stft(sound[0], 15, onesided=False),
                        stft(sound, 16, normalized=True, pad_mode="constant"), stft(torch.complex(sound, sound.flip(1)), 16, 8, center=False),
                        torch.istft(torch.stft(sound, 16, 4, window=self.window, return_complex=True), 16, 4, window=self.window),
                        torch.istft(torch.stft(sound, 16, 5, 12, self.short, normalized=True, return_complex=True), 16, 5, 12, self.short, normalized=True, length=64),
                        torch.istft(torch.stft(sound, 16, 4, return_complex=True), 16, 4, length=90),
                        torch.istft(torch.stft(sound[0], 16, 6, center=False, return_complex=True), 16, 6, center=False)]


class Complexes(nn.Module):
    """Complex numbers by what is done with them; weights of such as well."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(8, 4, dtype=torch.cfloat))
        self.register_buffer("turned", torch.randn(4, 3, dtype=torch.cfloat).T)

    def forward(self, x, y, i, m):
        real = torch.view_as_real
        a, b = torch.complex(x, y), torch.view_as_complex(torch.stack([y, x + 1], -1))
        pieces = [a + b, a - 2 * b, a * b, a / b, a / 2, 3 - a, a + 1, a * x, x * a + i, a / x, -a, a.conj(), a.exp(), torch.log(a), a ** 2, a ** 3, a ** -1, a ** 0.5,
                  a.sqrt(), a.square(), a.reciprocal(), a.sgn(), a * 1j, (1 + 2j) * a, torch.polar(x.abs(), y), a.sum(), a.sum(1), a.mean((0, 2)), a.cumsum(1),
                  a.mT, a.transpose(0, 2), a.permute(2, 0, 1), a[:, 1], a[..., ::2], a.reshape(6, 8), a.flatten(1), a.unsqueeze(0), torch.cat([a, b], 1),
                  torch.stack([a, b]), torch.cat([a, x.to(torch.cfloat)]), a.roll(2, 2), a.flip(1), F.pad(a, (1, 2)), torch.where(m, a, b), a.masked_fill(m, 3.0),
                  a[:, torch.tensor([2, 0])], a.gather(2, i.abs() % 8), *a.split(4, 2), *a.chunk(2, 2), a.expand(2, 2, 3, 8), a.repeat(1, 2, 1), a @ self.weights,
                  torch.einsum("bij,jk->bki", a, self.weights), torch.einsum("bij,jk->bik", x, self.weights.real) + 0j, torch.bmm(a, b.mT), torch.mv(a[0], b[0, 0]),
                  torch.outer(a[0, 0], b[0, 0]), self.turned + 1, a.tril(), torch.zeros(2, 3, dtype=torch.cfloat) + a[..., 0], torch.zeros_like(a) + b, x.to(torch.cfloat) * 2,
                  a.clone(), torch.ones(3, 1) * a, torch.einsum("bij,jk,bil->bkl", a, self.weights, b)]
        changed = torch.zeros(2, 3, 8, dtype=torch.cfloat)
        changed[:, 1:, :4] = (a * b)[:, 1:, 2:6]
        changed[:, 0] += x[:, 0]
        pieces += [changed, (a + 1).mul_(b), (b * 1).add_(x)]
        return [real(torch.resolve_conj(piece)) for piece in pieces] + [a.abs(), a.angle(), x.angle(), a.real, b.imag, a == b, a != a, (a * a.conj()).real, a, a[0]]


def places(x, i, j):
    """Operators that take places: what they do with such as are none is not PyTorch's to say."""
    ones = torch.ones(4, 8)
    return [F.embedding(i, x), x[i], x[i, i], x[:, i], x.gather(0, j), x.index_select(0, i), x.index_select(1, i), torch.take_along_dim(x, j, 0), x.take(j),
            x.scatter(0, j, 9.0), x.scatter_add(0, j, ones), x.scatter_reduce(0, j, ones, "amax"), x.index_put((i,), ones[0]), x.index_add(0, i, ones),
            x.index_put((i, i), ones[:, 0], accumulate=True), x.index_copy(0, i, ones), x.index_fill(0, i, 2.0), x.put(i, ones[:, 0]), F.embedding_bag(j, x),
            F.max_unpool1d(x[None, :4, :4], j[None, :4, :4], 2), F.nll_loss(x[:4], i)]


def item(x, i):
    """A size, and a place, that the run finds."""
    k = i[0].item()
    torch._check(k >= 0)
    torch._check(k < 6)
    return [x[k], x.narrow(0, k, 1) + 1, x.split([k, 6 - k])[1].sum(), x[i[1].item()]]


def asserts(x, i):
    """What a program takes for granted of numbers that the run finds, and pieces of which it alone says that they lie within."""
    k, n = i[0].item(), i[1].item()
    torch._check(n != 7)
    torch._check(x.mean().item() < 50)
    torch._assert_async(x.sum() > 0, "the sum {is} positive")
    return [x.narrow(0, k, 3) * 2, x[:n].sum(0), x[n:].sum(0) + 1, F.one_hot(i.abs(), 12)]


def offsets(x, i):
    """Where views begin in their storage, as numbers that the run finds."""
    k, rows = i[0].item(), x[2:]
    y = x.narrow(0, k, 2).t()
    return [rows * rows.storage_offset(), y * y.storage_offset(), x[0] + x[i[1].item()].storage_offset()]


class Autocast(nn.Module):
    """Regions whose casts TRAINING graphs do not write down, one that is off within another, and norms of another type than their weights; of numbers
    that are rounded once, so that there is one right result."""

    def __init__(self):
        super().__init__()
        self.norm, self.group = nn.LayerNorm(6), nn.GroupNorm(1, 3)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = nn.functional.linear(x, torch.eye(6, 8))
            turns = y * 0 + torch.tensor([1, -1, 1, -1, 1, -1], dtype=torch.bfloat16)
            normal, grouped = self.norm(turns), self.group(turns)
            whole = torch.cat([y, x[..., :2]], -1)
            product = y.prod(-1)
            with torch.autocast("cpu", enabled=False):
                off = y.float() @ torch.ones(6, 4)
        return [y.float(), normal.float(), grouped.float(), whole, product, off]


def series(x, p, nan):
    """Functions that are sums of series, whose parts meet where numbers are large."""
    far, tiny = x * 40, torch.tensor([0.0, -0.0, 1e-40, -3e-45, 1.5, -8.0, 3e38, 1.0])
    mantissa, exponent = torch.frexp(torch.cat([x[0], tiny[None]]))
    return [*[f(y) for f in (torch.special.i0e, torch.special.i1e, torch.i0, torch.special.i0, torch.special.i1) for y in (x, x * 9 - 2)], torch.special.i0e(far), torch.special.i1e(far), torch.special.i1e(nan),
            torch.special.ndtri(p * 0.9), torch.special.ndtri(torch.tensor([0.0, 1.0, 0.5, 1e-30, 1e-12, 0.99999, -0.1, 0.075])), mantissa, exponent, torch.frexp(nan)[0], *torch.frexp(x.double() * 1e200),
            torch.polygamma(0, p), torch.polygamma(1, p * 5), torch.polygamma(1, x), torch.polygamma(2, p), torch.special.polygamma(4, p * 3), torch.special.zeta(p * 3 + 1, p * 4), torch.special.zeta(2.0, p), torch.special.zeta(p * 9, torch.ones(8))]


def diagonals(x, square, src):
    """Elements by where they lie, taken and replaced, and views of a diagonal that change."""
    filled, tall, view, solid = square[0] + 0, torch.zeros(9, 3), square * 1, torch.zeros(3, 3, 3)
    filled.fill_diagonal_(2.5)
    tall.fill_diagonal_(1.0, wrap=True)
    solid.fill_diagonal_(-1.0)
    view.diagonal(dim1=1, dim2=2).mul_(3.0)
    return [filled, tall, torch.zeros(9, 3).fill_diagonal_(4.0), torch.zeros(3, 5).fill_diagonal_(2), view, solid, torch.diagonal_scatter(x[0], src), torch.diagonal_scatter(x, torch.ones(2, 3), 1, 1, 2), torch.diagonal_scatter(x, src[:2].expand(8, 2), -1, 1, 0)[0],
            torch.as_strided(x, (4, 5), (2, 3)), torch.as_strided(x, (3, 3), (8, 1), 2), torch.as_strided(x, (44, 5), (1, 1)) * 2, torch.as_strided_scatter(x, torch.ones(3, 2), (3, 2), (9, 2), 1)]


def choices(x, i, lengths):
    """Places that are known while the model is compiled, and segments and distinct rows that the run finds."""
    v, w = x[0, 0], i[0, 0].abs() % 2
    return [torch.combinations(v), torch.combinations(v[:5], 3), torch.combinations(i[0, 1], 2, with_replacement=True), torch.combinations(v, 1), torch.vander(v), torch.vander(i[0, 0], 3, increasing=True), torch.linalg.vander(x, N=4),
            *torch.unique(i[0] % 2, dim=1, return_inverse=True, return_counts=True), torch.unique(torch.stack([w, w]).mT, dim=0), torch.unique(i % 2, dim=2), torch.nonzero_static(i[0] % 2, size=5), torch.nonzero_static(w, size=12, fill_value=-7),
            *[torch.segment_reduce(x.flatten(0, 1), kind, lengths=lengths, axis=0, unsafe=True) for kind in ("sum", "mean", "max", "min", "prod")], torch.segment_reduce(v, "mean", offsets=torch.tensor([0, 3, 3, 8]), axis=0, unsafe=True),
            torch.segment_reduce(x.flatten(0, 1), "max", lengths=lengths, axis=0, initial=0.25, unsafe=True)]


def factors(a, x):
    skew = (x[0, :3, :3] - x[0, :3, :3].mT) * 30
    return [*torch.linalg.qr(a), *torch.linalg.qr(x), *torch.linalg.qr(x.mT), *torch.linalg.qr(x.mT, mode="complete"), torch.linalg.qr(x.mT, mode="r")[1], *torch.linalg.qr(torch.eye(3) * x[0, 0, 0].abs().neg()),
            torch.linalg.matrix_exp(a), torch.matrix_exp(-a), torch.linalg.matrix_exp(skew), torch.linalg.matrix_exp(x[0, :3, :3].double() * 0.01)]


def transcendentals(x, y):
    """Functions of complex numbers, their norms, and matrices of them turned."""
    z, real = torch.complex(x, y), lambda w: torch.view_as_real(w.resolve_conj())
    far = torch.complex(x * 50, y * 50)
    return [*[real(f(z)) for f in (torch.sin, torch.cos, torch.tan, torch.sinh, torch.cosh, torch.tanh, torch.log2, torch.log10, torch.sigmoid, torch.rsqrt)], real(torch.tanh(far)), real(torch.tan(far)),
            *[torch.linalg.vector_norm(z, order) for order in (2, 1, 3, math.inf, 0)], torch.linalg.vector_norm(z, dim=(0, 2), keepdim=True), z.norm(), z.norm(dim=1), torch.linalg.norm(z[0]), torch.linalg.norm(z[0], 1),
            torch.linalg.matrix_norm(z), torch.linalg.matrix_norm(z, math.inf, dim=(0, 2)), real(z[0].T), real(z[0].H), real(z.mT), real(z.mH), real(z.adjoint()), real(z.mH @ z), x[0].T, x[0].H, x.mH, x.adjoint()]


def regions(x, image):
    """Regions of both lower types in one another, and operators of each of torch's lists of casts; of whole numbers, so that there is one right result."""
    a, b = x.round(), x.flip(2).round()
    made = []

    def cast_lower(p, q):
        weight, taps = torch.eye(8) + 1, torch.ones(2, 3, 3)
        return [p @ q.mT, torch.mm(p[0], q[1].mT), torch.bmm(p, q.mT), torch.addmm(torch.ones(3), p[0], q[0].mT), torch.baddbmm(torch.ones(2, 3, 3), p, q.mT), torch.addbmm(torch.ones(3, 3), p, q.mT), F.linear(p, weight, torch.ones(8)),
                F.conv1d(p, taps), F.conv2d(image.round(), torch.ones(2, 4, 3, 3)), F.conv3d(p[:, None, None], torch.ones(1, 1, 1, 2, 2)), F.conv_transpose1d(p, torch.ones(3, 2, 3)), F.conv_transpose2d(p[:, None], torch.ones(1, 2, 2, 2)),
                F.prelu(p, torch.tensor([0.5])), F.scaled_dot_product_attention(p[:, None], q[:, None, :1], q[:, None, :1])]

    def cast_full(p, q):
        line = p[:, :, None, None]
        return [F.mse_loss(p, q), F.l1_loss(p, q, reduction="sum"), F.smooth_l1_loss(p, q), F.huber_loss(p, q), F.kl_div(p, q.abs() + 1), F.soft_margin_loss(p, q.sign()), F.binary_cross_entropy_with_logits(p, q.relu()), F.poisson_nll_loss(p, q.abs()),
                torch.cdist(p, q), torch.trace(p[0]), p.prod(-1), p.quantile(0.5), F.avg_pool3d(line, (1, 1, 2)), F.max_pool3d(line, (1, 1, 2)), F.adaptive_avg_pool3d(line, (1, 1, 4)),
                torch.view_as_real(torch.fft.rfft(p)), torch.linalg.inv(p[0, :, :3] * 0 + torch.eye(3) * 2), torch.linalg.cholesky(p[0, :, :3] * 0 + torch.eye(3) * 4)]

    def cast_widest(p, q):
        low = p @ torch.eye(8)
        return [torch.cat([low, q], 1), torch.cat([low, low], 1), torch.stack([low, q]), torch.stack([low, low * 2]), torch.index_copy(q, 1, torch.tensor([2, 0]), low[:, :2])]

    def each(p, q):
        low = F.linear(p, torch.eye(8))
        for values in (cast_lower(p, low), cast_full(low, q), cast_full(p, low), cast_widest(p, q), [low + q, low * low, low.relu(), low.amax(-1), torch.add(low, 1)]):
            made.extend(value.float() for value in values)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        each(a, b)
        with torch.autocast("cpu", dtype=torch.float16):
            each(b, a)
            with torch.autocast("cpu", enabled=False):
                made.extend(value.float() for value in (a @ b.mT, (a.half() + b.half()).sum(-1), torch.cat([a, b])))
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    made.extend(value.float() for value in cast_lower(a * 2, b) + cast_widest(b, a))
            made.append(F.linear(a, torch.eye(8) * 3).float())
        made.append((a @ b.mT).float())
    return [*made, a @ b.mT]


class ComplexStates(nn.Module):
    """Complex numbers in buffers that change, in branches and in loops."""

    def __init__(self):
        super().__init__()
        self.register_buffer("sum", torch.zeros(3, dtype=torch.complex64))
        self.register_buffer("product", torch.tensor([1 + 2j, 2 - 1j, 0.5j]))

    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda a: a * (1 + 2j), lambda a: a.conj() - 1, (torch.complex(x, x.flip(0)),))
        self.sum.copy_(self.sum * 0.5 + y)
        self.product.mul_(y)
        rounds, z = torch._higher_order_ops.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * (0.5 + 0.5j)), (torch.tensor(0), y))
        return y, self.sum.clone(), self.product.abs(), z, rounds


CASES = {
    "unary": (of(unary), (X, P, I, M)),
    "binary": (of(binary), (X, Y, I, M)),
    "bounds": (of(bounds), (torch.tensor([0, 3, 100, 200, 255], dtype=torch.uint8), torch.tensor([-128, -3, 0, 5, 127], dtype=torch.int8))),
    "narrow_floats": (of(narrow_floats), (torch.linspace(-3, 3, 25), torch.linspace(0.1, 9, 25))),
    "ends": (of(ends), (torch.tensor([-2**63, 1 - 2**63, -8, -7, -1, 0, 1, 7, 8, 2**63 - 2, 2**63 - 1]), torch.tensor([7, -7, 3, 2**63 - 1, -2**63, -2, 5, 2**63 - 1, -3, -2**63, -1]),
                        torch.tensor([0.0, math.inf, 1.0, 3e38, 1.0, -math.inf, math.nan, 2.5]), torch.tensor([140, -200, 127, -128, -130, -3, 3, 3]), torch.tensor([12.0, -9.0, 3.0, -3.0, 3.0, 2.0]),
                        torch.tensor([0, 1, 0, 255], dtype=torch.uint8), torch.tensor([100, -100, 99, -128, 7, 0], dtype=torch.int8), torch.tensor([99, 99, -7, 3, -3, 5], dtype=torch.int8),
                        torch.tensor([3e38, -3e38, 1.0, -4.0, 30.0, 1e10, 6.6, 70000.0, 60000.0, 61440.0, 500.0, -500.0, 250.0, math.inf, -math.inf, math.nan]))),
    "quotients": (of(quotients), (M[0, 0, :6],)),
    "activations": (of(activations), (X,)),
    "views": (of(views), (X,)),
    "reductions": (of(reductions), (X, I, M)),
    "products": (Products(), (X, Y)),
    "convolutions": (Convolutions(), (IMAGE,)),
    "normalizations": (Normalizations(), (IMAGE,)),
    "pools": (of(pools), (IMAGE,)),
    "pools_of_nan": (of(pools_of_nan), (torch.where(IMAGE > 1.3, torch.nan, IMAGE),)),
    "resizes": (of(resizes), (IMAGE,)),
    "creations": (of(creations), (X,)),
    "indexing": (of(indexing), (X, I)),
    "attention": (of(attention), tuple(torch.randn(2, 4, 6, 8) for _ in range(3))),
    "cells": (Cells(), (torch.randn(6, 3, 8),)),
    "inplace": (of(inplace), (X,)),
    "scalars": (of(scalars), (X,)),
    "overloads": (of(overloads), (X * 9, I)),
    "caller_sees": (of(caller_sees), (X.clone(), X[0, :, :4].clone())),
    "quantised": (of(quantised), (X,)),
    "branches": (of(branches), (X,)),
    "stacking": (of(stacking), (X, Y)),
    "composites": (of(composites), (X, Y)),
    "columns": (of(columns), (IMAGE,)),
    "steps": (OneStep(), (torch.randn(2, 4, 8),)),
    "bits": (of(bits), (I, torch.randint(1, 60, (2, 3, 8)), M)),
    "special": (of(special), (X, Y, P, NAN)),
    "extremes": (of(extremes), (EXTREMES, OTHERS)),
    "ranking": (of(ranking), (X, I, NAN)),
    "linalg": (of(linalg), (SQUARE, X[:, :, :4])),
    "scatterings": (of(scatterings), (X, Y, I.abs(), M)),
    "losses": (of(losses), (X, Y, P.clamp(0.05, 0.95), torch.tensor([5, 3]), torch.tensor([[0, 2, -100], [1, 1, 0]]))),
    "antialias": (of(antialias), (IMAGE, torch.tensor([[0.9, 0.2, 0.1], [-0.3, 1.1, 0.0]]).expand(2, 2, 3).clone())),
    "places": (of(places), (X[:, :, :4].reshape(3, 8).repeat(2, 1), torch.tensor([2, 0, 5, 1]), I.abs()[0].repeat(2, 1)[:4] % 6)),
    "item": (of(item), (Y[:, :, :4].reshape(3, 8).repeat(2, 1), torch.tensor([2, -3]))),
    "asserts": (of(asserts), (Y[:, :, :4].reshape(3, 8).repeat(2, 1).abs(), torch.tensor([2, -3]))),
    "offsets": (of(offsets), (Y[:, :, :4].reshape(3, 8).repeat(2, 1), torch.tensor([-3, 5]))),
    "autocast": (Autocast(), (X,)),
    "regions": (of(regions), (X, IMAGE)),
    "states": (ComplexStates(), (torch.tensor([0.5, -0.25, 1.0]),)),
    "spectra": (Spectra(), (X, Y, torch.randn(2, 2100), torch.randn(2, 60))),
    "angles": (of(angles), (torch.tensor([0., -0., 1.5, -1.5, math.inf, -math.inf]), torch.tensor([0., -0., 2.5, -2.5, math.inf, -math.inf]), X)),
    "complexes": (Complexes(), (X, Y, I, M)),
    "series": (of(series), (X, P.clamp(max=1.0), NAN)),
    "diagonals": (of(diagonals), (X, SQUARE, X[0, 0, :3].clone())),
    "choices": (of(choices), (X, I, torch.tensor([2, 0, 3, 1]))),
    "factors": (of(factors), (SQUARE, X[:, :, :5])),
    "transcendentals": (of(transcendentals), (X, Y)),
    "rows": (Rows(), (torch.randint(0, 20, (2, 6)), torch.tensor([0, 3, 3, 9]), torch.tensor([[1, math.nan, 3, 2], [2, 2, 1, 3], [math.nan] * 4, [4, 3, 2, 1]]))),
    "bags": (Bags(), (torch.randint(0, 20, (3, 7)), torch.tensor([0, 3, 3, 9, 21]), torch.rand(3, 7), torch.randn(6, 3, 8))),
}
