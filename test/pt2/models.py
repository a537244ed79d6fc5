# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models with seeded weights: name → (module, inputs). Runs in the environment that has torch."""

import math

import torch
import torch.nn.functional as F
from torch import nn

VISION = ("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5",
          "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1",
          "swin_t", "swin_v2_t", "vgg11", "vit_b_16", "wide_resnet50_2")


SEGMENTATION, VIDEO = ("fcn_resnet50", "lraspp_mobilenet_v3_large"), ("r3d_18",)


class Encoder(nn.Module):
    """A transformer of `layers` layers over words."""

    def __init__(self, layers=6, size=384, heads=12, words=1000):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.position = nn.Embedding(512, size)
        layer = nn.TransformerEncoderLayer(size, heads, 4 * size, activation="gelu", batch_first=True, dropout=0.0)
        self.layers = nn.ModuleList([layer] + [nn.TransformerEncoderLayer(size, heads, 4 * size, activation="gelu", batch_first=True, dropout=0.0)
                                               for _ in range(layers - 1)])

    def forward(self, words):
        x = self.embedding(words) + self.position(torch.arange(words.shape[1], device=words.device))
        for layer in self.layers:
            x = layer(x)
        return x.mean(1), x


class DecoderLayer(nn.Module):
    """Attention over what a cache holds, and what is new."""

    def __init__(self, size, heads, length):
        super().__init__()
        self.heads, self.norm, self.norm2 = heads, nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)
        self.register_buffer("keys", torch.zeros(1, heads, length, size // heads))
        self.register_buffer("values", torch.zeros(1, heads, length, size // heads))

    def forward(self, x, position, mask):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in self.qkv(self.norm(x)).split(c, dim=2))
        self.keys[:, :, position] = k
        self.values[:, :, position] = v
        y = F.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Decoder(nn.Module):
    """One word at a time; keys and values stay in buffers."""

    def __init__(self, layers=4, size=256, heads=8, words=1000, length=64):
        super().__init__()
        self.embedding, self.position = nn.Embedding(words, size), nn.Embedding(length, size)
        self.layers = nn.ModuleList([DecoderLayer(size, heads, length) for _ in range(layers)])
        self.norm, self.head, self.length = nn.LayerNorm(size), nn.Linear(size, words, bias=False), length
        self.head.weight = self.embedding.weight

    def forward(self, word, position):
        x = self.embedding(word) + self.position(position)
        mask = torch.arange(self.length, device=word.device) <= position[:, None]
        for layer in self.layers:
            x = layer(x, position, mask)
        return self.head(self.norm(x))


class Recurrent(nn.Module):
    """A classifier of sequences."""

    def __init__(self, kind, layers=2, bidirectional=True):
        super().__init__()
        self.cells = kind(40, 64, layers, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(64 * (2 if bidirectional else 1), 10)

    def forward(self, x):
        y, _ = self.cells(x)
        return self.head(y[:, -1]), y


class Detector(nn.Module):
    """Heads on two scales of features, boxes that are decoded, and the best that no better one overlaps."""

    def __init__(self):
        super().__init__()
        def block(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6(inplace=True))
        self.stem = nn.Sequential(block(3, 16), block(16, 32), block(32, 64))
        self.deep = block(64, 96)
        self.scores = nn.ModuleList([nn.Conv2d(64, 2 * 3, 3, padding=1), nn.Conv2d(96, 2 * 3, 3, padding=1)])
        self.boxes = nn.ModuleList([nn.Conv2d(64, 2 * 4, 3, padding=1), nn.Conv2d(96, 2 * 4, 3, padding=1)])
        anchors = [(x, y, s, s) for n in (8, 4) for y in range(n) for x in range(n) for s in (1.0, 2.0)]
        self.register_buffer("anchors", torch.tensor(anchors))

    def forward(self, image):
        first = self.stem(image)
        scores, boxes = [], []
        for features, score, box in zip((first, self.deep(first)), self.scores, self.boxes):
            n = features.shape[0]
            scores.append(score(features).permute(0, 2, 3, 1).reshape(n, -1, 3))
            boxes.append(box(features).permute(0, 2, 3, 1).reshape(n, -1, 4))
        scores, boxes = torch.cat(scores, 1).softmax(-1), torch.cat(boxes, 1)
        center = self.anchors[:, :2] + boxes[..., :2] * self.anchors[:, 2:] * 0.1
        size = self.anchors[:, 2:] * torch.exp(boxes[..., 2:] * 0.2)
        corners = torch.cat([center - size / 2, center + size / 2], -1)
        best, kept = scores[0, :, 1:].max(-1).values.topk(20)
        import torchvision
        chosen = torchvision.ops.nms(corners[0][kept], best, 0.5)
        return corners, scores, corners[0][kept][chosen]


class Heads(nn.Module):
    """What a detector of torchvision makes of an image before it chooses boxes, which torch.export does not take."""

    def __init__(self, detector):
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, image):
        return self.head(list(self.backbone(image).values()))


def torchvision_models():
    import torchvision
    return torchvision.models


def vision(name):
    import torchvision
    if name in ("googlenet", "inception_v3"):
        return torchvision.models.get_model(name, init_weights=False, aux_logits=True)
    return torchvision.models.get_model(name, weights=None)


def make(name):
    """A module and its inputs; the same whenever it is called."""
    torch.manual_seed(1)
    size = {"inception_v3": 299, "maxvit_t": 224, "vit_b_16": 224, "swin_t": 224, "swin_v2_t": 256}.get(name, 128)
    if name in VISION:
        return vision(name), (torch.rand(1, 3, size, size),)
    if name == "deeplabv3":
        import torchvision
        return torchvision.models.segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None), (torch.rand(1, 3, 128, 128),)
    if name == "ssdlite":
        import torchvision
        model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        return Heads(model), (torch.rand(1, 3, 320, 320),)
    if name in SEGMENTATION:
        return getattr(torchvision_models().segmentation, name)(weights=None, weights_backbone=None), (torch.rand(1, 3, 128, 128),)
    if name in VIDEO:
        return getattr(torchvision_models().video, name)(weights=None), (torch.rand(1, 3, 8, 56, 56),)
    if name == "detector":
        return Detector(), (torch.rand(1, 3, 64, 64),)
    if name == "encoder":
        return Encoder(), (torch.randint(0, 1000, (1, 128)),)
    if name == "decoder":
        return Decoder(), (torch.tensor([[7]]), torch.tensor([3]))
    if name == "lstm":
        return Recurrent(nn.LSTM), (torch.randn(2, 20, 40),)
    if name == "gru":
        return Recurrent(nn.GRU), (torch.randn(2, 20, 40),)
    raise KeyError(name)


ALL = VISION + SEGMENTATION + VIDEO + ("deeplabv3", "detector", "ssdlite", "encoder", "decoder", "lstm", "gru")
