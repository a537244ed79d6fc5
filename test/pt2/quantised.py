# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that PT2E quantised to 8 bits, as XNNPACK wants them. Runs in the environment that has torch."""

import copy

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed

CALIBRATION = 8


def pictures(count: int, size: int = 224, seed: int = 7) -> list:
    """Seeded images (1, 3, size, size) that are smooth with some noise, about as bright as ones that were normalised."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda side: torch.randn(1, 3, side, side, generator=generator)
    smooth = lambda: torch.nn.functional.interpolate(draw(size // 8), size=(size, size), mode="bilinear")
    return [smooth() + 0.3 * draw(size) for _ in range(count)]


def quantizer(per_channel: bool = True):
    """ExecuTorch's, where it is installed; else the copy of it that torchao has for its tests: both quantise alike."""
    try:
        from executorch.backends.xnnpack.quantizer import xnnpack_quantizer as found
    except ImportError:
        from torchao.testing.pt2e import _xnnpack_quantizer as found
    return found.XNNPACKQuantizer().set_global(found.get_symmetric_quantization_config(is_per_channel=per_channel))


def quantise(module: torch.nn.Module, samples: list) -> torch.export.ExportedProgram:
    """Exports a module, finds ranges on samples, (1, …) each, and exports it again, quantised."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    with torch.no_grad():
        prepared = prepare_pt2e(torch.export.export(copy.deepcopy(module), (samples[0],)).module(), quantizer())
        for sample in samples:
            prepared(sample)
        return torch.export.export(convert_pt2e(prepared), (samples[0],))


def output_step(program: torch.export.ExportedProgram) -> float:
    """The step of the only output, which is dequantised last."""
    last = next(node for node in reversed(program.graph.nodes) if node.op == "output").args[0][0]
    return float(last.args[1])


class Exact(torch.fx.Interpreter):
    """Computes a quantised program in f64: what its integers and steps stand for, with no error of sums in f32."""

    def run_node(self, node):
        if node.op == "call_function" and "quantized_decomposed" in str(node.target):
            return self.quantised(str(node.target), *self.fetch_args_kwargs_from_env(node)[0])
        made = super().run_node(node)
        return made.double() if isinstance(made, torch.Tensor) and made.dtype == torch.float32 else made

    @staticmethod
    def quantised(target, x, steps, zero_points, *rest):
        if "dequantize_per_channel" in target:
            shape = [-1 if axis == rest[0] else 1 for axis in range(x.dim())]
            return (x.double() - zero_points.double().view(shape)) * steps.double().view(shape)
        steps = float(torch.tensor(steps, dtype=torch.float32))
        if "dequantize" in target:
            return (x.double() - zero_points) * steps
        low, high, dtype = rest[:3]
        return torch.clamp(torch.round(x.double() / steps) + zero_points, low, high).to(dtype)
