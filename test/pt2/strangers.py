# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small modules of architectures that other suites have nothing like: name → (module, inputs of a batch). Runs in the environment that has torch."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def mel_filters(bins: int, mels: int, rate: int) -> torch.Tensor:
    """Triangles that are even on the mel scale, [bins, mels], as torchaudio.functional.melscale_fbanks makes them."""
    hertz = torch.linspace(0, rate / 2, bins)
    def mel(f): return 2595 * math.log10(1 + f / 700)
    points = 700 * (10 ** (torch.linspace(mel(0.0), mel(rate / 2), mels + 2) / 2595) - 1)
    slopes = points[None] - hertz[:, None]
    return torch.clamp(torch.minimum(-slopes[:, :-2] / points.diff()[:-1], slopes[:, 2:] / points.diff()[1:]), min=0)


class MelSpectrogram(nn.Module):
    """What torchaudio's transform of this name computes, step by step, and AmplitudeToDB after it."""

    def __init__(self, fft=400, hop=160, mels=40, rate=16000, power=2.0):
        super().__init__()
        self.fft, self.hop, self.power = fft, hop, power
        self.register_buffer("window", torch.hann_window(fft))
        self.register_buffer("filters", mel_filters(fft // 2 + 1, mels, rate))

    def forward(self, sound):
        shape = sound.size()
        spectrum = torch.stft(sound.reshape(-1, shape[-1]), self.fft, self.hop, self.fft, self.window, center=True, pad_mode="reflect", normalized=False,
                              onesided=True, return_complex=True)
        spectrum = spectrum.reshape(shape[:-1] + spectrum.shape[-2:])
        mel = torch.matmul(spectrum.abs().pow(self.power).transpose(-1, -2), self.filters).transpose(-1, -2)
        decibels = 10 * torch.log10(torch.clamp(mel, min=1e-10))
        return torch.maximum(decibels, decibels.amax((-2, -1), keepdim=True) - 80)


class Whisper(nn.Module):
    """Log mel spectra, two convolutions along time, sines for places, and an encoder before which norms stand."""

    def __init__(self, size=48, heads=4, mels=40, length=64):
        super().__init__()
        self.register_buffer("window", torch.hann_window(400))
        self.register_buffer("filters", mel_filters(201, mels, 16000).T.contiguous())
        self.first, self.second = nn.Conv1d(mels, size, 3, padding=1), nn.Conv1d(size, size, 3, stride=2, padding=1)
        times = torch.exp(-math.log(10000) / (size // 2 - 1) * torch.arange(size // 2))
        angles = torch.arange(length)[:, None] * times[None]
        self.register_buffer("places", torch.cat([angles.sin(), angles.cos()], 1))
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(size, heads, 4 * size, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(2)])
        self.norm = nn.LayerNorm(size)

    def forward(self, sound):
        spectrum = torch.stft(sound, 400, 160, window=self.window, return_complex=True)
        magnitudes = spectrum[..., :-1].abs() ** 2
        mel = torch.clamp(self.filters @ magnitudes, min=1e-10).log10()
        mel = torch.maximum(mel, mel.amax() - 8.0)
        x = F.gelu(self.second(F.gelu(self.first((mel + 4.0) / 4.0)))).permute(0, 2, 1)
        x = x + self.places[:x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Denoiser(nn.Module):
    """A mask of a sound's spectrum, by magnitude, phase kept, and back to sound."""

    def __init__(self, fft=128, hop=32):
        super().__init__()
        self.fft, self.hop = fft, hop
        self.register_buffer("window", torch.hann_window(fft))
        self.cells, self.mask = nn.GRU(fft // 2 + 1, 24, batch_first=True), nn.Linear(24, fft // 2 + 1)

    def forward(self, sound):
        spectrum = torch.stft(sound, self.fft, self.hop, window=self.window, return_complex=True)
        magnitude, phase = spectrum.abs(), spectrum.angle()
        y, _ = self.cells(torch.log1p(magnitude).transpose(1, 2))
        masked = torch.polar(magnitude * torch.sigmoid(self.mask(y)).transpose(1, 2), phase)
        return torch.istft(masked, self.fft, self.hop, window=self.window, length=sound.shape[-1]), torch.view_as_real(masked)


class Fourier(nn.Module):
    """FNet's mixing, a spectral convolution of a neural operator, and a rotary embedding by complex numbers."""

    def __init__(self, size=16, modes=5):
        super().__init__()
        self.modes = modes
        self.weights = nn.Parameter(torch.randn(size, size, modes, dtype=torch.cfloat) / size)
        angles = torch.outer(torch.arange(24), 1 / 10000 ** (torch.arange(0, size, 2) / size))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))
        self.norm = nn.LayerNorm(size)

    def forward(self, x):                                                       # [batch, 24, size]
        mixed = self.norm(x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real)
        spectrum = torch.fft.rfft(x.transpose(1, 2))
        low = torch.einsum("bik,iok->bok", spectrum[..., :self.modes], self.weights)
        operator = torch.fft.irfft(F.pad(low, (0, spectrum.shape[-1] - self.modes)), n=x.shape[1]).transpose(1, 2)
        turned = torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * self.turns).flatten(2)
        plane = torch.fft.ifft2(torch.fft.fft2(x) * 2).real
        return mixed, operator, turned, plane


class Conformer(nn.Module):
    """One block: half steps of feed-forward layers around attention and a gated convolution."""

    def __init__(self, size=32, heads=4, kernel=7):
        super().__init__()
        def forward(): return nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.SiLU(), nn.Linear(4 * size, size))
        self.before, self.after, self.norm, self.last = forward(), forward(), nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = nn.MultiheadAttention(size, heads, batch_first=True)
        self.convolution = nn.Sequential(nn.Conv1d(size, 2 * size, 1), nn.GLU(1), nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size),
                                         nn.BatchNorm1d(size), nn.SiLU(), nn.Conv1d(size, size, 1))

    def forward(self, x, lengths):
        hidden = torch.arange(x.shape[1])[None] >= lengths[:, None]
        x = x + 0.5 * self.before(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, key_padding_mask=hidden, need_weights=False)[0]
        x = x + self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return self.last(x + 0.5 * self.after(x)).masked_fill(hidden[..., None], 0.0)


class Mamba(nn.Module):
    """A selective state space: the scan step by step, and once more in closed form by sums of logarithms."""

    def __init__(self, size=12, inner=16, states=4):
        super().__init__()
        self.inner, self.states = inner, states
        self.enter, self.leave = nn.Linear(size, 2 * inner, bias=False), nn.Linear(inner, size, bias=False)
        self.convolution = nn.Conv1d(inner, inner, 4, groups=inner, padding=3)
        self.parts, self.step = nn.Linear(inner, 2 + 2 * states, bias=False), nn.Linear(2, inner)
        self.logs = nn.Parameter(torch.log(torch.arange(1, states + 1).float()).repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))

    def forward(self, x):
        length = x.shape[1]
        x, gate = self.enter(x).chunk(2, -1)
        x = F.silu(self.convolution(x.mT)[..., :length].mT)
        step, b, c = self.parts(x).split([2, self.states, self.states], -1)
        step = F.softplus(self.step(step))
        decay = step[..., None] * -torch.exp(self.logs)                          # [batch, time, inner, states]
        taken = (step * x)[..., None] * b[:, :, None]
        state, seen = torch.zeros_like(taken[:, 0]), []
        for t in range(length):
            state = torch.exp(decay[:, t]) * state + taken[:, t]
            seen.append(torch.einsum("bds,bs->bd", state, c[:, t]))
        sums = decay.cumsum(1).clamp(min=-20)
        closed = torch.einsum("btds,bts->btd", (taken * torch.exp(-sums)).cumsum(1) * torch.exp(sums), c)
        return self.leave((torch.stack(seen, 1) + x * self.skip) * F.silu(gate)), self.leave(closed * torch.sigmoid(gate))


class Swin(nn.Module):
    """Attention in windows that are shifted, with biases by place and masks between what the shift brought together."""

    def __init__(self, size=24, heads=3, window=4, side=8):
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv, self.out, self.norm = nn.Linear(size, 3 * size), nn.Linear(size, size), nn.LayerNorm(size)
        self.bias = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads) * 0.1)
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = (at[:, :, None] - at[:, None]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", apart[..., 0] * (2 * window - 1) + apart[..., 1])
        marks = torch.zeros(1, side, side, 1)
        for number, (h, w) in enumerate((h, w) for h in (slice(0, -4), slice(-4, -2), slice(-2, None)) for w in (slice(0, -4), slice(-4, -2), slice(-2, None))):
            marks[:, h, w] = number
        marks = self.cut(marks).squeeze(-1)
        self.register_buffer("mask", (marks[:, None] - marks[:, :, None]).ne(0) * -100.0)

    def cut(self, x):
        b, h, w, c = x.shape
        return x.view(b, h // self.window, self.window, w // self.window, self.window, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, self.window ** 2, c)

    def forward(self, x):
        b, h, w, c = x.shape
        y = self.cut(torch.roll(self.norm(x), (-2, -2), (1, 2)))
        n, t, _ = y.shape
        q, k, v = self.qkv(y).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1) + self.bias[self.index.view(-1)].view(t, t, -1).permute(2, 0, 1)
        scores = scores.view(-1, self.mask.shape[0], self.heads, t, t) + self.mask[None, :, None]
        y = self.out((scores.view(-1, self.heads, t, t).softmax(-1) @ v).transpose(1, 2).reshape(n, t, c))
        y = y.view(b, h // self.window, w // self.window, self.window, self.window, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return x + torch.roll(y, (2, 2), (1, 2))


class Nerf(nn.Module):
    """Places and directions as sines, and light summed along rays."""

    def __init__(self, size=32, bands=4):
        super().__init__()
        self.register_buffer("bands", 2.0 ** torch.arange(bands) * math.pi)
        width = 3 + 6 * bands
        self.layers = nn.ModuleList([nn.Linear(width, size), nn.Linear(size, size), nn.Linear(size + width, size)])
        self.density, self.color = nn.Linear(size, 1), nn.Sequential(nn.Linear(size + width, size), nn.ReLU(), nn.Linear(size, 3), nn.Sigmoid())

    def encode(self, x):
        angles = x[..., None] * self.bands
        return torch.cat([x, angles.sin().flatten(-2), angles.cos().flatten(-2)], -1)

    def forward(self, origins, directions):
        depths = torch.linspace(0.5, 2.5, 9)
        points = self.encode(origins[:, None] + directions[:, None] * depths[None, :, None])
        x = points
        for number, layer in enumerate(self.layers):
            x = F.relu(layer(torch.cat([x, points], -1) if number == 2 else x))
        seen = self.encode(F.normalize(directions, dim=-1))[:, None].expand(-1, depths.shape[0], -1)
        color, density = self.color(torch.cat([x, seen], -1)), F.softplus(self.density(x)[..., 0])
        apart = torch.cat([depths[1:] - depths[:-1], torch.tensor([1e10])])
        alpha = 1 - torch.exp(-density * apart)
        left = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], -1), -1)[:, :-1]
        weights = alpha * left
        return (weights[..., None] * color).sum(-2), (weights * depths).sum(-1), weights


class UNet(nn.Module):
    """Down, up and across, told the time of a diffusion."""

    def __init__(self, size=16):
        super().__init__()
        def block(i, o): return nn.ModuleList([nn.GroupNorm(4, i), nn.Conv2d(i, o, 3, padding=1), nn.Linear(32, o), nn.GroupNorm(4, o), nn.Conv2d(o, o, 3, padding=1),
                                               nn.Conv2d(i, o, 1) if i != o else nn.Identity()])
        self.enter, self.one, self.two, self.middle = nn.Conv2d(3, size, 3, padding=1), block(size, size), block(size, 2 * size), block(2 * size, 2 * size)
        self.down, self.up = nn.Conv2d(size, size, 3, 2, 1), nn.ConvTranspose2d(2 * size, size, 4, 2, 1)
        self.last, self.out = block(2 * size, size), nn.Conv2d(size, 3, 3, padding=1)
        self.time = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 32))

    def through(self, block, x, time):
        y = block[1](F.silu(block[0](x))) + block[2](F.silu(time))[:, :, None, None]
        return block[5](x) + block[4](F.dropout(F.silu(block[3](y)), 0.1, self.training))

    def forward(self, x, t):
        angles = t[:, None].float() * torch.exp(-math.log(10000.0) * torch.arange(8) / 8)
        time = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        one = self.through(self.one, self.enter(x), time)
        y = self.through(self.two, self.down(one), time)
        y = self.through(self.middle, y, time)
        y = self.up(y)
        if y.shape[-2:] != one.shape[-2:]:
            y = F.interpolate(y, size=one.shape[-2:])
        return self.out(F.silu(self.through(self.last, torch.cat([y, one], 1), time)))


class Former(nn.Module):
    """EfficientFormer's: pooling for a mixer, then attention over places, with scales of layers."""

    def __init__(self, size=24):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, size // 2, 3, 2, 1), nn.BatchNorm2d(size // 2), nn.ReLU(), nn.Conv2d(size // 2, size, 3, 2, 1), nn.BatchNorm2d(size), nn.ReLU())
        self.pool, self.scale = nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.Parameter(torch.full((size, 1, 1), 0.3))
        self.mlp = nn.Sequential(nn.Conv2d(size, 2 * size, 1), nn.BatchNorm2d(2 * size), nn.GELU(), nn.Conv2d(2 * size, size, 1), nn.BatchNorm2d(size))
        self.norm, self.qkv, self.out = nn.LayerNorm(size), nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.bias, self.gamma = nn.Parameter(torch.randn(4, 64)), nn.Parameter(torch.full((size,), 0.2))
        at = torch.stack(torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")).flatten(1)
        apart = (at[:, :, None] - at[:, None]).abs()
        self.register_buffer("apart", apart[0] * 8 + apart[1])
        self.head = nn.Linear(size, 7)

    def forward(self, image):
        x = self.stem(image)
        x = x + self.scale * (self.pool(x) - x)
        x = (x + self.scale * self.mlp(x)).flatten(2).transpose(1, 2)
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, t, 4, 3 * c // 4).permute(0, 2, 1, 3).split(c // 4, 3)
        y = ((q @ k.mT) * (c // 4) ** -0.5 + self.bias[:, self.apart]).softmax(-1) @ v
        return self.head((x + self.gamma * self.out(y.transpose(1, 2).reshape(b, t, c))).mean(1))


class Experts(nn.Module):
    """Two of six experts for each word, by topk and scatter; and their weights gathered instead."""

    def __init__(self, size=16, experts=6, chosen=2):
        super().__init__()
        self.chosen, self.gate = chosen, nn.Linear(size, experts, bias=False)
        self.up, self.down = nn.Parameter(torch.randn(experts, size, 2 * size) * 0.2), nn.Parameter(torch.randn(experts, 2 * size, size) * 0.2)

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        weights, which = torch.topk(self.gate(flat).softmax(-1), self.chosen, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        spread = torch.zeros(flat.shape[0], self.up.shape[0]).scatter(1, which, weights)
        out = torch.zeros_like(flat)
        for expert in range(self.up.shape[0]):
            out = out + spread[:, expert, None] * (F.silu(flat @ self.up[expert]) @ self.down[expert])
        gathered = torch.einsum("tkh,tkhd->tkd", F.silu(torch.einsum("td,tkdh->tkh", flat, self.up[which])), self.down[which])
        load = F.one_hot(which, self.up.shape[0]).sum((0, 1))
        return out.view_as(x), (gathered * weights[..., None]).sum(1).view_as(x), load


class Rms(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size) + 0.5)

    def forward(self, x):
        return (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x) * self.weight


class Llama(nn.Module):
    """Rotary embeddings, keys and values shared by groups of heads, gated layers, tied weights, the past as inputs."""

    def __init__(self, size=32, heads=4, shared=2, words=50, layers=2):
        super().__init__()
        self.heads, self.shared, self.width = heads, shared, size // heads
        self.embedding = nn.Embedding(words, size)
        self.layers = nn.ModuleList([nn.ModuleDict({"n1": Rms(size), "n2": Rms(size), "q": nn.Linear(size, size, False), "k": nn.Linear(size, size // 2, False),
                                                    "v": nn.Linear(size, size // 2, False), "o": nn.Linear(size, size, False), "gate": nn.Linear(size, 3 * size, False),
                                                    "up": nn.Linear(size, 3 * size, False), "down": nn.Linear(3 * size, size, False)}) for _ in range(layers)])
        self.norm, self.head = Rms(size), nn.Linear(size, words, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("frequencies", 1.0 / 10000 ** (torch.arange(0, self.width, 2).float() / self.width), persistent=False)

    def turn(self, x, cos, sin):
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat((-second, first), -1) * sin

    def forward(self, ids, past):                                               # past: [batch, layers, 2, shared, seen, width]
        b, t = ids.shape
        seen = past.shape[4]
        x = self.embedding(ids)
        places = torch.arange(seen, seen + t)
        angles = torch.cat([places[:, None] * self.frequencies] * 2, -1)
        cos, sin = angles.cos()[None, None], angles.sin()[None, None]
        mask = torch.full((t, seen + t), float("-inf")).triu(seen + 1)
        present = []
        for number, layer in enumerate(self.layers):
            y = layer["n1"](x)
            q = self.turn(layer["q"](y).view(b, t, self.heads, self.width).transpose(1, 2), cos, sin)
            k = self.turn(layer["k"](y).view(b, t, self.shared, self.width).transpose(1, 2), cos, sin)
            k = torch.cat([past[:, number, 0], k], 2)
            v = torch.cat([past[:, number, 1], layer["v"](y).view(b, t, self.shared, self.width).transpose(1, 2)], 2)
            present.append(torch.stack([k, v], 1))
            k, v = (p[:, :, None].expand(b, self.shared, self.heads // self.shared, seen + t, self.width).reshape(b, self.heads, seen + t, self.width) for p in (k, v))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = x + layer["o"](y.transpose(1, 2).reshape(b, t, -1))
            y = layer["n2"](x)
            x = x + layer["down"](F.silu(layer["gate"](y)) * layer["up"](y))
        return self.head(self.norm(x[:, -1:])), torch.stack(present, 1)


class Quantiser(nn.Module):
    """VQ-VAE: what lies nearest in a book of codes, and an image of it."""

    def __init__(self, size=8, codes=20):
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(3, size, 4, 2, 1), nn.ReLU(), nn.Conv2d(size, size, 4, 2, 1))
        self.book = nn.Embedding(codes, size)
        self.decode = nn.Sequential(nn.ConvTranspose2d(size, size, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(size, 3, 4, 2, 1), nn.Tanh())

    def forward(self, image):
        z = self.encode(image)
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
        far = (flat ** 2).sum(1, keepdim=True) + (self.book.weight ** 2).sum(1) - 2 * flat @ self.book.weight.t()
        which = far.argmin(1)
        chosen = self.book(which).view(z.shape[0], z.shape[2], z.shape[3], -1).permute(0, 3, 1, 2)
        chosen = z + (chosen - z).detach()
        marks = F.one_hot(which, self.book.num_embeddings).float().mean(0)
        nearest = torch.cdist(flat, self.book.weight).min(1)
        return self.decode(chosen), which.view(z.shape[0], -1), torch.exp(-(marks * torch.log(marks + 1e-10)).sum()), nearest.values


class PointNet(nn.Module):
    """A transform learnt from the points, a maximum over them, and the nearest of them by distance."""

    def __init__(self, size=24):
        super().__init__()
        def layers(*sizes): return nn.Sequential(*[part for i, o in zip(sizes, sizes[1:]) for part in (nn.Conv1d(i, o, 1), nn.BatchNorm1d(o), nn.ReLU())])
        self.turns, self.turn = layers(3, size, 2 * size), nn.Linear(2 * size, 9)
        self.points, self.deep, self.head = layers(3, size), layers(size + 3, 2 * size), nn.Linear(2 * size, 5)

    def forward(self, points):                                                  # [batch, points, 3]
        turn = self.turn(self.turns(points.transpose(1, 2)).max(2)[0]).view(-1, 3, 3) + torch.eye(3)
        x = self.points(torch.bmm(points, turn).transpose(2, 1))
        near = torch.cdist(points, points).topk(4, largest=False).indices       # [batch, points, 4]
        around = torch.gather(points[:, None].expand(-1, points.shape[1], -1, -1), 2, near[..., None].expand(-1, -1, -1, 3)).mean(2)
        x = self.deep(torch.cat([x, around.transpose(1, 2)], 1))
        return self.head(torch.max(x, 2, keepdim=True)[0].view(-1, x.shape[1])).log_softmax(-1), near


class Graph(nn.Module):
    """Convolutions on a graph by degrees, and attention along its edges."""

    def __init__(self, size=8, hidden=12):
        super().__init__()
        self.one, self.two = nn.Linear(size, hidden), nn.Linear(hidden, 5)
        self.near, self.far = nn.Parameter(torch.randn(hidden)), nn.Parameter(torch.randn(hidden))

    def forward(self, x, edges):                                                # [nodes, size], [edges, 2]
        nodes = x.shape[0]
        loops = torch.arange(nodes)
        from_, to = torch.cat([edges[:, 0], loops]), torch.cat([edges[:, 1], loops])
        degree = torch.zeros(nodes).index_add(0, to, torch.ones(to.shape[0]))
        norm = degree.rsqrt()[from_] * degree.rsqrt()[to]
        h = self.one(x)
        h = F.relu(torch.zeros_like(h).index_add(0, to, h[from_] * norm[:, None]))
        scores = F.leaky_relu((h * self.near).sum(-1)[from_] + (h * self.far).sum(-1)[to], 0.2)
        most = torch.full((nodes,), -1e9).scatter_reduce(0, to, scores, "amax")
        weights = torch.exp(scores - most[to])
        weights = weights / torch.zeros(nodes).scatter_add(0, to, weights)[to]
        h = torch.zeros_like(h).index_add(0, to, h[from_] * weights[:, None])
        mean = torch.zeros(nodes, h.shape[1]).scatter_reduce(0, to[:, None].expand(-1, h.shape[1]), h[from_], "mean", include_self=False)
        return self.two(h), mean, degree


class WaveNet(nn.Module):
    """Causal convolutions, each twice as far apart, with gates and skips."""

    def __init__(self, size=12):
        super().__init__()
        self.enter = nn.Conv1d(1, size, 1)
        self.filters = nn.ModuleList([nn.Conv1d(size, size, 2, dilation=2 ** n) for n in range(5)])
        self.gates = nn.ModuleList([nn.Conv1d(size, size, 2, dilation=2 ** n) for n in range(5)])
        self.rest, self.skips = nn.ModuleList([nn.Conv1d(size, size, 1) for _ in range(5)]), nn.ModuleList([nn.Conv1d(size, size, 1) for _ in range(5)])
        self.out = nn.Sequential(nn.ReLU(), nn.Conv1d(size, size, 1), nn.ReLU(), nn.Conv1d(size, 16, 1))

    def forward(self, x):
        x, total = self.enter(x), 0
        for number, (f, g, r, s) in enumerate(zip(self.filters, self.gates, self.rest, self.skips)):
            padded = F.pad(x, (2 ** number, 0))
            y = torch.tanh(f(padded)) * torch.sigmoid(g(padded))
            total = total + s(y)
            x = x + r(y)
        return self.out(total).softmax(1)


class Fusion(nn.Module):
    """A temporal fusion transformer: variables chosen by gates, an LSTM that begins as what is known, attention that explains itself."""

    def __init__(self, variables=4, size=16):
        super().__init__()
        self.embed = nn.ModuleList([nn.Linear(1, size) for _ in range(variables)])
        self.choose, self.static = nn.Sequential(nn.Linear(variables * size, size), nn.ELU(), nn.Linear(size, variables)), nn.Linear(3, size)
        self.cells, self.gate, self.norm = nn.LSTM(size, size, batch_first=True), nn.Linear(size, 2 * size), nn.LayerNorm(size)
        self.attention, self.quantiles = nn.MultiheadAttention(size, 4, batch_first=True), nn.Linear(size, 3)

    def forward(self, x, static):
        embedded = torch.stack([layer(x[..., number:number + 1]) for number, layer in enumerate(self.embed)], -2)
        weights = self.choose(embedded.flatten(2)).softmax(-1)
        y, begin = (embedded * weights[..., None]).sum(-2), self.static(static).tanh()
        z, (h, c) = self.cells(y, (begin[None], torch.zeros_like(begin)[None]))
        y = self.norm(y + F.glu(self.gate(z), -1))
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        z, attention = self.attention(y, y, y, attn_mask=mask)
        return self.quantiles(self.norm(y + z)), weights, attention, h, c


class Perceiver(nn.Module):
    """A few learnt vectors that ask a long input, and outputs that ask them."""

    def __init__(self, size=24, latents=6):
        super().__init__()
        self.latents, self.asks = nn.Parameter(torch.randn(latents, size)), nn.Parameter(torch.randn(9, size))
        self.enter = nn.Linear(5, size)
        self.read, self.think, self.answer = (nn.MultiheadAttention(size, 2, batch_first=True, kdim=size, vdim=size) for _ in range(3))
        self.norms = nn.ModuleList([nn.LayerNorm(size) for _ in range(3)])

    def forward(self, x):
        x = self.enter(x)
        z = self.latents[None].repeat(x.shape[0], 1, 1)
        z = z + self.read(self.norms[0](z), x, x, need_weights=False)[0]
        for _ in range(2):
            y = self.norms[1](z)
            z = z + self.think(y, y, y, need_weights=False)[0]
        return self.answer(self.asks.expand(x.shape[0], -1, -1), self.norms[2](z), z)[0]


class Siren(nn.Module):
    """A network made by another one: weights are outputs, applied row by row."""

    def __init__(self, size=10):
        super().__init__()
        self.size, self.hyper = size, nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 2 * size + size * size + size + size + 1))

    def forward(self, code, points):                                            # [batch, 4], [batch, points, 2]
        n = self.size
        w1, b1, w2, b2, b3 = self.hyper(code).split([2 * n, n, n * n, n, 1], -1)
        x = torch.sin(30 * (points @ w1.view(-1, 2, n) * 0.05 + b1[:, None]))
        x = torch.sin(torch.baddbmm(b2[:, None], x, w2.view(-1, n, n)))
        return x.mean(-1) + b3


class Ctc(nn.Module):
    """Speech by letters: a packed-free bidirectional LSTM and what greedy decoding keeps."""

    def __init__(self, letters=12):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(1, 4, (3, 5), (2, 2), (1, 2)), nn.Hardtanh(0, 20), nn.Conv2d(4, 4, 3, 1, 1), nn.InstanceNorm2d(4), nn.Hardtanh(0, 20))
        self.cells, self.head = nn.LSTM(4 * 10, 16, 2, bidirectional=True, batch_first=True, proj_size=6), nn.Linear(12, letters)

    def forward(self, spectrum):                                                # [batch, 1, 20, time]
        x = self.front(spectrum)
        b, c, f, t = x.shape
        x, (h, _) = self.cells(x.reshape(b, c * f, t).transpose(1, 2))
        best = self.head(x).log_softmax(-1)
        letters = best.argmax(-1)
        before = F.pad(letters, (1, 0), value=-1)[:, :-1]
        return best, torch.where((letters != before) & (letters != 0), letters, -1), h


class Tracker(nn.Module):
    """Boxes of two frames matched by overlap, features sampled where they lie, and a filter of Kalman's."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 6, 3, padding=1)
        self.register_buffer("motion", torch.eye(4) + torch.eye(4).roll(2, 1).triu() * 0.5)
        self.register_buffer("seen", torch.eye(4)[:2])

    def overlap(self, a, b):
        low, high = torch.max(a[..., :, None, :2], b[..., None, :, :2]), torch.min(a[..., :, None, 2:], b[..., None, :, 2:])
        both = (high - low).clamp(min=0).prod(-1)
        def area(x): return (x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1])
        return both / (area(a)[..., :, None] + area(b)[..., None, :] - both)

    def forward(self, image, before, now):                                      # [batch, 3, 16, 16], [batch, boxes, 4] in 0..1, twice
        overlap = self.overlap(before, now)
        best, which = overlap.max(-1)
        centers = (before[..., :2] + before[..., 2:]) - 1
        sampled = F.grid_sample(self.features(image), centers[:, None], mode="bilinear", align_corners=False)[:, :, 0].transpose(1, 2)
        state = torch.cat([centers, torch.zeros_like(centers)], -1)[..., None]
        spread = self.motion @ self.motion.T + 0.1 * torch.eye(4)
        gain = spread @ self.seen.T @ torch.linalg.inv(self.seen @ spread @ self.seen.T + 0.2 * torch.eye(2))
        state = self.motion @ state
        measured = torch.gather((now[..., :2] + now[..., 2:]) - 1, 1, which[..., None].expand(-1, -1, 2))
        state = state + gain @ (measured[..., None] - self.seen @ state)
        return torch.where(best > 0.3, which, -1), sampled, state.squeeze(-1), torch.logsumexp(overlap, -1)


class Bayes(nn.Module):
    """A hidden Markov model forward and backwards in logarithms, and the best path's scores."""

    def __init__(self, states=5, symbols=7):
        super().__init__()
        self.begin, self.moves, self.shows = nn.Parameter(torch.randn(states)), nn.Parameter(torch.randn(states, states)), nn.Parameter(torch.randn(states, symbols))

    def forward(self, seen):                                                    # [batch, time]
        begin, moves, shows = self.begin.log_softmax(0), self.moves.log_softmax(1), self.shows.log_softmax(1)
        shown = shows.t()[seen]
        alpha = best = begin + shown[:, 0]
        back = []
        for t in range(1, seen.shape[1]):
            alpha = torch.logsumexp(alpha[..., None] + moves, 1) + shown[:, t]
            best, which = (best[..., None] + moves).max(1)
            best = best + shown[:, t]
            back.append(which)
        path = [best.argmax(-1)]
        for which in reversed(back):
            path.append(which.gather(1, path[-1][:, None])[:, 0])
        return alpha.logsumexp(-1), torch.stack(path[::-1], 1), best.amax(-1)


def make(name):
    """A module, its inputs, and which of their first dims may stay open: those of these inputs, by number; the same whenever it is called."""
    torch.manual_seed(3)
    corners = torch.rand(3, 6, 2) * 0.5
    boxes = torch.cat([corners, corners + 0.1 + torch.rand(3, 6, 2) * 0.3], -1)
    made = {
        "bayes": lambda: (Bayes(), (torch.randint(0, 7, (3, 6)),), (0,)),
        "conformer": lambda: (Conformer(), (torch.randn(3, 20, 32), torch.tensor([20, 13, 7])), (0, 1)),
        "ctc": lambda: (Ctc(), (torch.randn(3, 1, 20, 24),), (0,)),
        "denoiser": lambda: (Denoiser(), (torch.randn(3, 640),), (0,)),
        "experts": lambda: (Experts(), (torch.randn(3, 5, 16),), (0,)),
        "former": lambda: (Former(), (torch.randn(3, 3, 32, 32),), (0,)),
        "fourier": lambda: (Fourier(), (torch.randn(3, 24, 16),), (0,)),
        "fusion": lambda: (Fusion(), (torch.randn(3, 10, 4), torch.randn(3, 3)), (0, 1)),
        "graph": lambda: (Graph(), (torch.randn(7, 8), torch.randint(0, 7, (15, 2))), (1,)),
        "llama": lambda: (Llama(), (torch.randint(0, 50, (3, 4)), torch.randn(3, 2, 2, 2, 5, 8)), (0, 1)),
        "mamba": lambda: (Mamba(), (torch.randn(3, 9, 12),), (0,)),
        "mel": lambda: (MelSpectrogram(), (torch.randn(3, 4000),), (0,)),
        "nerf": lambda: (Nerf(), (torch.randn(3, 3), torch.randn(3, 3)), (0, 1)),
        "perceiver": lambda: (Perceiver(), (torch.randn(3, 40, 5),), (0,)),
        "pointnet": lambda: (PointNet(), (torch.randn(3, 30, 3),), (0,)),
        "quantiser": lambda: (Quantiser(), (torch.randn(3, 3, 16, 16),), (0,)),
        "siren": lambda: (Siren(), (torch.randn(3, 4), torch.randn(3, 11, 2)), (0, 1)),
        "swin": lambda: (Swin(), (torch.randn(3, 8, 8, 24),), (0,)),
        "tracker": lambda: (Tracker(), (torch.randn(3, 3, 16, 16), boxes, boxes.roll(1, 1) + 0.02), (0, 1, 2)),
        "unet": lambda: (UNet(), (torch.randn(3, 3, 16, 16), torch.tensor([3, 500, 999])), (0, 1)),
        "wavenet": lambda: (WaveNet(), (torch.randn(3, 1, 50),), (0,)),
        "whisper": lambda: (Whisper(), (torch.randn(3, 8000),), (0,)),
    }
    return made[name]() if name in made else sorted(made)


ALL = make("")
