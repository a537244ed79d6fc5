# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions whose dims stay open, for check_dims.py: where parts of a dim begin and end, how much is padded, and what else is computed of sizes.

    make(name) -> a module, the dims of its inputs by size, the sizes that it is exported with, and others
"""

import torch
import torch.nn.functional as F

T, S = "TS"  # stands for an open dim of the inputs
ONE, BOTH = [(2, T, 6)], [(2, T, 6), (2, S, 6)]


class Function(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, y=None):
        return self.function(x) if y is None else self.function(x, y)


def shifted(x):
    z = torch.zeros_like(x)
    z[:, 1:] = x[:, :-1]
    return z


def spread(x):
    x = x.clone()
    x[:, 1::2] = x[:, ::2][:, :x.shape[1] // 2]
    return x


def appended(x, y):
    z = torch.zeros(2, x.shape[1] + y.shape[1], 6)
    z[:, -1] = 1
    z[:, :y.shape[1]] = y
    return z


# function, dims of the inputs
FUNCTIONS = {
    # Ends of slices that are below 0.
    "last_of_both": (lambda x, y: torch.cat([x, y], 1)[:, -x.shape[1]:], BOTH),
    "without_last": (lambda x, y: torch.cat([x, y], 1)[:, :-y.shape[1]], BOTH),
    "without_half": (lambda x: x[:, :-(x.shape[1] // 2)], ONE),
    "last_half": (lambda x: x[:, -(x.shape[1] // 2):], ONE),
    "last_larger_half": (lambda x: x[:, x.shape[1] // 2 - x.shape[1]:], ONE),
    "without_first": (lambda x: x[:, 1 - x.shape[1]:], ONE),
    "half_below": (lambda x: x[:, -x.shape[1] // 2:], ONE),
    "either_end": (lambda x, y: x[:, x.shape[1] - y.shape[1]:], BOTH),
    "either_end_to": (lambda x, y: x[:, :x.shape[1] - y.shape[1]], BOTH),
    "far_below": (lambda x, y: x[:, -2 * y.shape[1]:-1], BOTH),
    # One of as many as there are, of which there is one at least.
    "rows_by_first": (lambda x: x[:, :, 0] @ x[:1, :, 0].mT, [(T, 4, 6)]),
    "own_filter": (lambda x: F.conv1d(x.mT, x[:1, :1].mT), ONE),
    "index_add_first": (lambda x: x[0].index_add(0, torch.tensor([0]), x[0, :1]), ONE),
    "index_copy_first": (lambda x: x.index_copy(1, torch.tensor([1]), x[:, :1]), ONE),
    "slice_scatter_last": (lambda x: x.slice_scatter(x[:, :1] * 0, 1, -1), ONE),
    # Padding by amounts below 0.
    "padded_to_8": (lambda x: F.pad(x, (0, 0, 8 - x.shape[1], 0)), ONE),
    "cropped_half": (lambda x: F.pad(x, (0, 0, 0, -(x.shape[1] // 2))), ONE),
    "cropped_low": (lambda x: F.pad(x, (0, 0, 1 - x.shape[1], 2), value=3.0), ONE),
    "as_long_as": (lambda x, y: F.pad(x, (0, 0, 0, y.shape[1] - x.shape[1])) + y, BOTH),
    # Elements that move along a dim, and parts of it.
    "rolled": (lambda x: (x.roll(1, 1), x.roll(-2, 1), x.roll((9, 1), (1, 0)), x.roll(-13, 1)), ONE),
    "halves": (lambda x: x.chunk(2, 1), ONE),
    "shifted": (shifted, ONE),
    "spread": (spread, ONE),
    "appended": (appended, BOTH),
    # Images of other sizes.
    "half_size": (lambda x: F.interpolate(x.mT, scale_factor=0.5), ONE),
    "half_size_linear": (lambda x: F.interpolate(x[None].mT, scale_factor=(1, 0.5), mode="bilinear"), ONE),
    "odd_size": (lambda x: (F.interpolate(x.mT, scale_factor=2.5), F.interpolate(x.mT, scale_factor=1.7, mode="linear")), ONE),
}


def make(name: str) -> tuple:
    """The module, the dims of its inputs (numbers, and T and S for open ones), and values of T and S: what is exported with, and others."""
    function, dims = FUNCTIONS[name]
    return Function(function), dims, ({T: 8, S: 3}, {T: 2, S: 2}, {T: 5, S: 7}, {T: 9, S: 4}, {T: 3, S: 11})


ALL = FUNCTIONS
