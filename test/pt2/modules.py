# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small instance of each module of torch.nn, in evaluation mode: name of the class, and what is special of it → (maker, inputs)."""

import torch
from torch import nn

torch.manual_seed(3)

LINE, IMAGE, SOLID = torch.randn(2, 4, 15), torch.randn(2, 4, 9, 11), torch.randn(2, 4, 6, 7, 8)
ROWS, OTHERS, THIRD = torch.randn(5, 8), torch.randn(5, 8), torch.randn(5, 8)
CHANCES, HALVES = torch.rand(5, 8), torch.rand(5, 8).clamp(0.05, 0.95)
SIGNS, CLASSES, BITS = torch.randint(0, 2, (5,)) * 2.0 - 1, torch.randint(0, 8, (5,)), torch.randint(0, 2, (5, 8)) * 1.0
WORDS = torch.randint(0, 20, (3, 7))
STEPS, MEMORY = torch.randn(6, 3, 8), torch.randn(5, 3, 8)

# Modules of the same form of arguments: one input, by its number of dims.
OF_ROWS = {name: () for name in ("CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink "
                                 "Softsign Tanh Tanhshrink Identity Dropout AlphaDropout Flatten GLU").split()}
OF_ROWS |= {"Threshold": (0.1, 3.0), "Softmax": (1,), "LogSoftmax": (1,), "Softmin": (1,), "Linear": (8, 3), "LazyLinear": (3,), "LayerNorm": (8,), "RMSNorm": (8,), "BatchNorm1d": (8,),
            "Unflatten": (1, (2, 4))}
OF_LINES = {"AdaptiveAvgPool1d": (4,), "AdaptiveMaxPool1d": (4,), "AvgPool1d": (3, 2), "MaxPool1d": (3, 2), "LPPool1d": (2, 3), "CircularPad1d": (2,), "ConstantPad1d": (2, 1.5),
            "ReflectionPad1d": (2,), "ReplicationPad1d": (2,), "ZeroPad1d": (2,), "Conv1d": (4, 6, 3), "ConvTranspose1d": (4, 6, 3, 2), "LazyConv1d": (6, 3), "LazyConvTranspose1d": (6, 3),
            "InstanceNorm1d": (4,), "LazyInstanceNorm1d": (), "LazyBatchNorm1d": (), "Dropout1d": ()}
OF_IMAGES = {"AdaptiveAvgPool2d": ((3, 5),), "AdaptiveMaxPool2d": ((3, 5),), "AvgPool2d": (3, 2, 1), "MaxPool2d": (3, 2, 1), "LPPool2d": (2, 3), "CircularPad2d": (2,),
             "ConstantPad2d": (2, 1.5), "ReflectionPad2d": (2,), "ReplicationPad2d": (2,), "ZeroPad2d": (2,), "Conv2d": (4, 6, 3), "ConvTranspose2d": (4, 6, 3, 2), "LazyConv2d": (6, 3),
             "LazyConvTranspose2d": (6, 3), "InstanceNorm2d": (4,), "LazyInstanceNorm2d": (), "LazyBatchNorm2d": (), "Dropout2d": (), "BatchNorm2d": (4,), "SyncBatchNorm": (4,),
             "GroupNorm": (2, 4), "LocalResponseNorm": (3,), "CrossMapLRN2d": (3,), "ChannelShuffle": (2,), "PixelShuffle": (2,), "Softmax2d": (), "Unfold": (3,),
             "Upsample": (None, 2), "UpsamplingBilinear2d": (None, 2), "UpsamplingNearest2d": (None, 2), "FeatureAlphaDropout": ()}
OF_SOLIDS = {"AdaptiveAvgPool3d": ((3, 5, 4),), "AdaptiveMaxPool3d": ((3, 5, 4),), "AvgPool3d": (3, 2, 1), "MaxPool3d": (3, 2, 1), "LPPool3d": (2, 3), "CircularPad3d": (2,),
             "ConstantPad3d": (2, 1.5), "ReflectionPad3d": (2,), "ReplicationPad3d": (2,), "ZeroPad3d": (2,), "Conv3d": (4, 6, 3), "ConvTranspose3d": (4, 6, 3, 2), "LazyConv3d": (6, 3),
             "LazyConvTranspose3d": (6, 3), "InstanceNorm3d": (4,), "LazyInstanceNorm3d": (), "LazyBatchNorm3d": (), "Dropout3d": (), "BatchNorm3d": (4,)}
LOSSES = {"BCELoss": (HALVES, BITS), "BCEWithLogitsLoss": (ROWS, BITS), "CosineEmbeddingLoss": (ROWS, OTHERS, SIGNS), "CrossEntropyLoss": (ROWS, CLASSES),
          "GaussianNLLLoss": (ROWS, OTHERS, CHANCES), "HingeEmbeddingLoss": (ROWS[:, 0], SIGNS), "HuberLoss": (ROWS, OTHERS), "KLDivLoss": (ROWS, CHANCES), "L1Loss": (ROWS, OTHERS),
          "MSELoss": (ROWS, OTHERS), "MarginRankingLoss": (ROWS[:, 0], OTHERS[:, 0], SIGNS), "MultiLabelMarginLoss": (ROWS, torch.tensor([[1, 3, -1, 0, 2, 2, 2, 2]] * 5)),
          "MultiLabelSoftMarginLoss": (ROWS, BITS), "MultiMarginLoss": (ROWS, CLASSES), "NLLLoss": (ROWS, CLASSES), "NLLLoss2d": (IMAGE, torch.randint(0, 4, (2, 9, 11))),
          "PoissonNLLLoss": (ROWS, CHANCES), "SmoothL1Loss": (ROWS, OTHERS), "SoftMarginLoss": (ROWS[:, 0], SIGNS), "TripletMarginLoss": (ROWS, OTHERS, THIRD),
          "TripletMarginWithDistanceLoss": (ROWS, OTHERS, THIRD)}


def of(kind, *arguments, **options):
    return lambda: kind(*arguments, **options)


class Pooled(nn.Module):
    """What a pool took, put where it was."""

    def __init__(self, dims):
        super().__init__()
        self.pool = getattr(nn, f"MaxPool{dims}d")(2, return_indices=True)
        self.unpool = getattr(nn, f"MaxUnpool{dims}d")(2)

    def forward(self, x):
        y, places = self.pool(x)
        return self.unpool(y, places)


class Held(nn.Module):
    """Containers."""

    def __init__(self):
        super().__init__()
        self.list, self.dict = nn.ModuleList([nn.Linear(8, 8)]), nn.ModuleDict({"one": nn.Linear(8, 8)})
        self.weights, self.named = nn.ParameterList([torch.ones(8)]), nn.ParameterDict({"two": torch.ones(8) * 2})

    def forward(self, x):
        return self.dict["one"](self.list[0](x)) * self.weights[0] + self.named["two"]


CASES = {name: (of(getattr(nn, name), *arguments), (example,))
         for group, example in ((OF_ROWS, ROWS), (OF_LINES, LINE), (OF_IMAGES, IMAGE), (OF_SOLIDS, SOLID)) for name, arguments in group.items()}
CASES |= {name: (of(getattr(nn, name)), inputs) for name, inputs in LOSSES.items()}
CASES |= {f"{name}, {reduction}": (of(getattr(nn, name), reduction=reduction), LOSSES[name])
          for name, reduction in (("CrossEntropyLoss", "none"), ("CrossEntropyLoss", "sum"), ("NLLLoss", "none"), ("NLLLoss2d", "sum"), ("KLDivLoss", "batchmean"), ("MSELoss", "none"),
                                  ("SmoothL1Loss", "sum"), ("HuberLoss", "none"), ("BCELoss", "sum"), ("BCEWithLogitsLoss", "none"), ("SoftMarginLoss", "none"), ("MultiMarginLoss", "none"))}
CASES |= {
    "AdaptiveLogSoftmaxWithLoss": (of(nn.AdaptiveLogSoftmaxWithLoss, 8, 12, [4, 8]), (ROWS, CLASSES)),
    "BCEWithLogitsLoss, weighed": (of(nn.BCEWithLogitsLoss, weight=torch.rand(8), pos_weight=torch.rand(8) + 0.5), (ROWS, BITS)),
    "BCELoss, weighed": (of(nn.BCELoss, weight=torch.rand(8)), (HALVES, BITS)),
    "Bilinear": (of(nn.Bilinear, 8, 8, 3), (ROWS, OTHERS)),
    "CTCLoss": (of(nn.CTCLoss), (torch.randn(7, 2, 5).log_softmax(2), torch.tensor([[1, 2, 2], [3, 1, 0]]), torch.tensor([7, 6]), torch.tensor([3, 2]))),
    "Conv1d, circular": (of(nn.Conv1d, 4, 6, 3, padding=1, padding_mode="circular"), (LINE,)),
    "Conv2d, reflected": (of(nn.Conv2d, 4, 6, 3, padding=1, padding_mode="reflect"), (IMAGE,)),
    "ConvTranspose2d, of groups": (of(nn.ConvTranspose2d, 4, 6, 3, 2, 1, 1, groups=2, dilation=2), (IMAGE,)),
    "CosineSimilarity": (of(nn.CosineSimilarity), (ROWS, OTHERS)),
    "CrossEntropyLoss, of chances": (of(nn.CrossEntropyLoss), (ROWS, CHANCES.softmax(1))),
    "CrossEntropyLoss, smooth": (of(nn.CrossEntropyLoss, label_smoothing=0.1, weight=torch.rand(8), ignore_index=2), (ROWS, CLASSES)),
    "CrossEntropyLoss, of images": (of(nn.CrossEntropyLoss), (IMAGE, torch.randint(0, 4, (2, 9, 11)))),
    "Embedding": (of(nn.Embedding, 20, 5, padding_idx=0), (WORDS,)),
    "Embedding, of bounded norm": (of(nn.Embedding, 20, 5, max_norm=1.0), (WORDS,)),
    "EmbeddingBag": (of(nn.EmbeddingBag, 20, 5), (WORDS,)),
    "EmbeddingBag, sum of bags": (of(nn.EmbeddingBag, 20, 5, mode="sum"), (WORDS.flatten(), torch.tensor([0, 3, 3, 9]))),
    "EmbeddingBag, mean of bags": (of(nn.EmbeddingBag, 20, 5, include_last_offset=True), (WORDS.flatten(), torch.tensor([0, 3, 3, 9, 21]))),
    "EmbeddingBag, max": (of(nn.EmbeddingBag, 20, 5, mode="max"), (WORDS,)),
    "EmbeddingBag, weighed": (of(nn.EmbeddingBag, 20, 5, mode="sum", padding_idx=3), (WORDS, None, torch.rand(3, 7))),
    "Fold": (of(nn.Fold, (9, 11), 3), (torch.randn(2, 36, 63),)),
    "FractionalMaxPool2d": (of(nn.FractionalMaxPool2d, 2, output_size=4, _random_samples=torch.rand(2, 4, 2)), (IMAGE,)),
    "FractionalMaxPool3d": (of(nn.FractionalMaxPool3d, 2, output_size=3, _random_samples=torch.rand(2, 4, 3)), (SOLID,)),
    "GELU, tanh": (of(nn.GELU, "tanh"), (ROWS,)),
    "GRU": (of(nn.GRU, 8, 5, 2, bidirectional=True), (STEPS,)),
    "GRUCell": (of(nn.GRUCell, 8, 5), (ROWS,)),
    "Held": (Held, (ROWS,)),
    "KLDivLoss, of logarithms": (of(nn.KLDivLoss, log_target=True, reduction="sum"), (ROWS, OTHERS)),
    "LSTM": (of(nn.LSTM, 8, 5, 2, bidirectional=True), (STEPS,)),
    "LSTM, projected": (of(nn.LSTM, 8, 6, 2, proj_size=3, bidirectional=True, batch_first=True), (STEPS,)),
    "LSTM, unbatched": (of(nn.LSTM, 8, 5), (ROWS,)),
    "LSTMCell": (of(nn.LSTMCell, 8, 5), (ROWS,)),
    "LinearCrossEntropyLoss": (of(nn.LinearCrossEntropyLoss, 8, 6), (ROWS, CLASSES % 6)),
    "MultiheadAttention": (of(nn.MultiheadAttention, 8, 2), (STEPS, MEMORY, MEMORY)),
    "MultiheadAttention, of other widths": (of(nn.MultiheadAttention, 8, 2, kdim=4, vdim=6, add_bias_kv=True, add_zero_attn=True), (STEPS, torch.randn(5, 3, 4), torch.randn(5, 3, 6))),
    "PairwiseDistance": (of(nn.PairwiseDistance), (ROWS, OTHERS)),
    "PixelUnshuffle": (of(nn.PixelUnshuffle, 2), (torch.randn(2, 3, 8, 6),)),
    "PReLU, of channels": (of(nn.PReLU, 4), (IMAGE,)),
    "RNN": (of(nn.RNN, 8, 5, 2), (STEPS,)),
    "RNN, relu": (of(nn.RNN, 8, 5, nonlinearity="relu", bidirectional=True), (STEPS,)),
    "RNNCell": (of(nn.RNNCell, 8, 5), (ROWS,)),
    "Sequential": (of(nn.Sequential, nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), (ROWS,)),
    "Transformer": (of(nn.Transformer, 8, 2, 1, 1, 16), (STEPS, MEMORY)),
    "TransformerDecoder": (of(nn.TransformerDecoder, nn.TransformerDecoderLayer(8, 2, 16), 2), (STEPS, MEMORY)),
    "TransformerDecoderLayer": (of(nn.TransformerDecoderLayer, 8, 2, 16, norm_first=True), (STEPS, MEMORY)),
    "TransformerEncoder": (of(nn.TransformerEncoder, nn.TransformerEncoderLayer(8, 2, 16), 2), (STEPS,)),
    "TransformerEncoderLayer": (of(nn.TransformerEncoderLayer, 8, 2, 16, activation="gelu", batch_first=True), (STEPS,)),
    "Upsample, bilinear": (of(nn.Upsample, size=(7, 15), mode="bilinear", align_corners=True), (IMAGE,)),
    "Upsample, bicubic": (of(nn.Upsample, scale_factor=1.5, mode="bicubic"), (IMAGE,)),
    "Upsample, linear": (of(nn.Upsample, scale_factor=1.7, mode="linear"), (LINE,)),
    "Upsample, trilinear": (of(nn.Upsample, scale_factor=2, mode="trilinear"), (SOLID,)),
}
CASES |= {f"MaxUnpool{dims}d": (of(Pooled, dims), (example,)) for dims, example in ((1, LINE[..., 1:]), (2, IMAGE[..., 1:, 1:]), (3, SOLID[..., 1:, :]))}
# What holds others, or is a base of them; Held has some.
CONTAINERS = {"Container", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase", "RNNCellBase", "DataParallel"}
# What torch.export cannot take, or Smelt refuses, with parts of what is said.
REFUSED = {
    "AdaptiveLogSoftmaxWithLoss": "GuardOnDataDependentSymNode",
    "CTCLoss": "DynamicOutputShapeException",
    "CrossMapLRN2d": ("Attempted to set the storage", "aten.resize_as_.default"),  # a function of Python that writes to buffers
    "Embedding, of bounded norm": ("changes its parameter 'weight' as it runs, which Smelt keeps", "aten.embedding_renorm_.default"),  # forward changes its weights
    "FractionalMaxPool2d": "aten.fractional_max_pool2d.default): unsupported operator",  # it draws random numbers
    "FractionalMaxPool3d": "aten.fractional_max_pool3d.default): unsupported operator",
    "GaussianNLLLoss": "GuardOnDataDependentSymNode",
}


def make(name):
    """The module, all of its weights made, and its inputs."""
    maker, inputs = CASES[name]
    torch.manual_seed(4)
    module = maker().eval()
    with torch.no_grad():
        module(*inputs)  # lazy ones get their weights
    return module, inputs


def missing():
    """The classes of torch.nn that no case instantiates."""
    kinds = {name for name, kind in vars(nn).items() if isinstance(kind, type) and issubclass(kind, nn.Module)}
    return sorted(kinds - CONTAINERS - {name.partition(",")[0] for name in CASES})
