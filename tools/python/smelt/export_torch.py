"""Exports a live PyTorch module, saves it as .pt2 and compiles that, in one call. Needs PyTorch 2.6 or later; what it writes does not.

    from smelt import export_torch

    model = smelt.load(export_torch.compile(net, (torch.rand(1, 3, 224, 224),), "model.so"))

or, from a shell:

    python -m smelt.export_torch net.py:Net --input 1x3x224x224 -o model.so
"""
import argparse
import contextlib
import copy
import importlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import re
import sys
import tempfile

from . import compile as compile_file
from .errors import SmeltError, np
from .runtime import load

__all__ = ["check", "compile", "export"]

MOST_ERROR = 1e-3  # of the largest value of an output
_DTYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16", "i64": "int64", "i32": "int32", "i16": "int16", "i8": "int8", "u8": "uint8", "bool": "bool"}


def _torch():
    try:
        import torch
    except ImportError as error:
        raise SmeltError(f"PyTorch is not installed for {sys.executable}; install torch there, or export with torch.export.save elsewhere: its .pt2 files need no PyTorch", 5) from error
    if not hasattr(torch.export, "save"):
        raise SmeltError(f"torch {torch.__version__} has no torch.export.save; install torch 2.6 or later", 5)
    return torch


def _first_line(error):
    """What an error of PyTorch says, which often takes pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"


def _on_host(torch, values):
    return torch.utils._pytree.tree_map(lambda value: value.detach().cpu() if isinstance(value, torch.Tensor) else value, values)


def export(module, inputs, path, *, kwargs=None, dynamic_shapes=None, strict=False):
    """Writes a module as .pt2 in evaluation mode, functional (`run_decompositions({})`), and returns the program. The module stays as it is, on its device.

    `inputs` is a tuple of what forward takes, `kwargs` a dict of it by name; `dynamic_shapes` is that of torch.export.export. Raises SmeltError with exit
    code 4 where PyTorch cannot export it; nothing is written then.
    """
    torch, path = _torch(), pathlib.Path(path)
    if not isinstance(module, torch.nn.Module):
        raise SmeltError(f"a {type(module).__name__} is no torch.nn.Module", 2)
    if not isinstance(inputs, (tuple, list)):
        raise SmeltError(f"the inputs are a {type(inputs).__name__}, and should be a tuple: (x,)", 2)
    held = copy.deepcopy(module).cpu().eval()
    try:
        with torch.no_grad():
            program = torch.export.export(held, tuple(_on_host(torch, inputs)), _on_host(torch, kwargs or {}), dynamic_shapes=dynamic_shapes, strict=strict)
            program = program.run_decompositions({})
    except Exception as error:  # torch.export has dozens of kinds
        raise SmeltError(f"torch.export cannot export {type(module).__name__}: {_first_line(error)}; see PyTorch's guide to torch.export, or try strict", 4) from error
    try:
        with tempfile.TemporaryDirectory(prefix=".smelt-", dir=path.parent) as folder:
            torch.export.save(program, pathlib.Path(folder) / path.name)  # the archive's folder has the file's name
            os.replace(pathlib.Path(folder) / path.name, path)
    except OSError as error:
        raise SmeltError(f"{path}: {error.strerror}", 5) from error
    return program


def compile(module, inputs, output=None, *, kwargs=None, dynamic_shapes=None, strict=False, **options):
    """Exports a live module, saves it and compiles it. Returns the artefact's path; the .pt2 file lies beside it.

    `inputs`, `kwargs`, `dynamic_shapes` and `strict` are those of `export`; `output` is the artefact, by default the class's name with .so in this folder; all
    `options` are those of `smelt.compile`. Raises SmeltError.
    """
    output = pathlib.Path(output or f"{type(module).__name__}.so")
    path = _program_beside(output)
    export(module, inputs, path, kwargs=kwargs, dynamic_shapes=dynamic_shapes, strict=strict)
    return compile_file(path, output, **options)


def _program_beside(output):
    return output.with_name((output.stem if output.suffix in (".so", ".a", ".o", ".mlir", ".ll", ".s") else output.name) + ".pt2")


def _array(torch, value):
    """A tensor as an array; bfloat16 as the bits that models take, as NumPy has no such type."""
    value = torch.as_tensor(value).detach().contiguous()
    return value.view(torch.int16).numpy().view(np.uint16) if value.dtype == torch.bfloat16 else value.numpy()


def _numbers(array, is_bfloat16):
    bits = np.asarray(array).view(np.uint16).astype(np.uint32) << 16 if is_bfloat16 else None
    return np.asarray(array).astype(float) if bits is None else bits.view(np.float32).astype(float)


def check(artefact, module, inputs, *, kwargs=None):
    """The largest error of an artefact's outputs beside those of the module itself, as a part of each output's largest value; NaN where one has another shape."""
    torch, model = _torch(), load(artefact)
    held = copy.deepcopy(module).cpu().eval()
    inputs, kwargs = _on_host(torch, tuple(inputs)), _on_host(torch, kwargs or {})

    def leaves(values):
        return [value for value in torch.utils._pytree.tree_leaves(values) if value is not None]

    given = {tensor.name: _array(torch, value) for tensor, value in zip(model.inputs, leaves((inputs, kwargs)))}
    made, worst = list(model.run(given).values()), 0.0
    with torch.no_grad():
        wanted = leaves(held(*inputs, **kwargs))
    for ours, theirs in zip(made, wanted):
        theirs = torch.as_tensor(theirs)
        if ours.shape != tuple(theirs.shape):
            return float("nan")
        if ours.size:
            right = theirs.to(torch.float64).numpy()
            worst = max(worst, float(np.abs(_numbers(ours, theirs.dtype == torch.bfloat16) - right).max() / max(np.abs(right).max(), 1e-30)))
    return worst


# The command.

def _module(text, arguments, weights):
    """The module that FILE.py:NAME or PACKAGE.MODULE:NAME is, or that calling it makes."""
    torch = _torch()
    place, _, name = text.rpartition(":")
    if not place or not name.isidentifier():
        raise SmeltError(f"'{text}' names no module; give FILE.py:NAME or PACKAGE.MODULE:NAME, NAME being an nn.Module or what makes one", 2)
    if place.endswith(".py") and not pathlib.Path(place).is_file():
        raise SmeltError(f"{text}: there is no file {place}", 2)
    try:
        if place.endswith(".py"):
            specification = importlib.util.spec_from_file_location(pathlib.Path(place).stem, place)
            source = importlib.util.module_from_spec(specification)
            sys.path.insert(0, str(pathlib.Path(place).resolve().parent))
            sys.modules.setdefault(specification.name, source)
            specification.loader.exec_module(source)
        else:
            sys.path.insert(0, os.getcwd())
            source = importlib.import_module(place)
    except ModuleNotFoundError as error:
        whose = f"there is no module {place} here, nor is one installed for {sys.executable}" if place == error.name or place.startswith(f"{error.name}.") else _first_line(error)
        raise SmeltError(f"{text}: {whose}", 2) from error
    except Exception as error:  # the file is the user's
        raise SmeltError(f"{text}: {_first_line(error)}", 2) from error
    if not hasattr(source, name):
        kinds = [key for key, value in vars(source).items() if isinstance(value, torch.nn.Module) or (isinstance(value, type) and issubclass(value, torch.nn.Module))]
        raise SmeltError(f"{text}: {place} has no {name}" + (f"; its modules are {', '.join(kinds[:10])}" if kinds else ""), 2)
    try:
        found = getattr(source, name)
        module = found if isinstance(found, torch.nn.Module) else found(**arguments)
    except Exception as error:  # the file is the user's
        raise SmeltError(f"{text}: {_first_line(error)}", 2) from error
    if not isinstance(module, torch.nn.Module):
        raise SmeltError(f"{text} is a {type(module).__name__} and no torch.nn.Module", 2)
    if weights:
        try:
            module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except Exception as error:
            raise SmeltError(f"{weights}: {_first_line(error)}", 2) from error
    return module


def _extents(text):
    """"1x3x224x224:f32" → (the extents of an example, the open ones as {axis: (least, most)}, dtype). Open is "?", with an example of 2, "?64", with 64,
    and "1..8"."""
    body, _, dtype = text.partition(":")
    dtype = dtype or "f32"
    sizes, opened = [], {}
    for axis, word in enumerate(filter(None, re.split("[x,]", body))):
        if match := re.fullmatch(r"\?(\d*)", word):
            opened[axis] = (None, None)
            sizes.append(int(match[1] or 2))
        elif match := re.fullmatch(r"(\d+)\.\.(\d+)", word):
            least, most = int(match[1]), int(match[2])
            if least > most:
                raise SmeltError(f"--input {text}: '{word}' leaves no number", 2)
            if least < most:
                opened[axis] = (least, most)
            sizes.append(max(min(2, most), least))
        elif word.isdigit():
            sizes.append(int(word))
        else:
            raise SmeltError(f"--input {text}: '{word}' is no extent; give numbers, ?, ?64 or 1..8 with x between them, and a type after a colon", 2)
    if dtype not in _DTYPES:
        raise SmeltError(f"--input {text}: no type '{dtype}'; there are {', '.join(_DTYPES)}", 2)
    return sizes, opened, dtype


def _example(torch, sizes, dtype):
    kind = getattr(torch, _DTYPES[dtype])
    return torch.rand(sizes).to(kind) if kind.is_floating_point else torch.randint(0, 2, sizes).to(kind)


def _inputs(args):
    """(inputs, kwargs, open dims of each input or None) as the command states them."""
    torch = _torch()
    if args.inputs:
        try:
            with np.load(args.inputs) as arrays:
                return (), {name: torch.from_numpy(arrays[name]) for name in arrays.files}, None
        except (OSError, ValueError) as error:
            raise SmeltError(f"{args.inputs}: {_first_line(error)}", 2) from error
    torch.manual_seed(0)
    parsed = [_extents(text) for text in args.input]
    if not any(opened for _, opened, _ in parsed):
        return tuple(_example(torch, sizes, dtype) for sizes, _, dtype in parsed), {}, None
    return tuple(_example(torch, sizes, dtype) for sizes, _, dtype in parsed), {}, [opened for _, opened, _ in parsed]


def _dynamic_shapes(torch, opened, is_named):
    """Dims of their own, whose range torch.export keeps or says why it cannot, or those that it bounds by what it finds in the module."""
    def dim(number, axis, bounds):
        if is_named and bounds[0] is not None:
            return torch.export.Dim(f"input{number}_{axis}", min=bounds[0], max=bounds[1])
        return torch.export.Dim.AUTO(min=bounds[0], max=bounds[1]) if bounds[0] is not None else torch.export.Dim.AUTO
    return tuple({axis: dim(number, axis, bounds) for axis, bounds in axes.items()} for number, axes in enumerate(opened))


def _found_range(torch, program, number, axis):
    """(least, most) of a dim of an input as the program has it, most None where there is no limit; a number where it is fixed."""
    names = [name for name in program.graph_signature.user_inputs if isinstance(name, str)]
    extent = next(node.meta["val"] for node in program.graph.nodes if node.name == names[number]).shape[axis]
    if not isinstance(extent, torch.SymInt):
        return int(extent)
    found = program.range_constraints.get(extent.node.expr)
    if found is None:
        return None
    return int(found.lower), (None if not found.upper.is_finite or found.upper > 1 << 40 else int(found.upper))


def _export_open(module, inputs, path, opened, strict):
    """Exports a module whose inputs have open dims, and says where their ranges are not those that were asked for."""
    torch = _torch()
    try:
        program = _quietly(export, module, inputs, path, dynamic_shapes=_dynamic_shapes(torch, opened, True), strict=strict)
    except SmeltError as error:
        program = _quietly(export, module, inputs, path, dynamic_shapes=_dynamic_shapes(torch, opened, False), strict=strict)
        print(f"smelt: note: torch.export finds the ranges of dims itself, as it refuses those that were asked for: {_reason(error)}", file=sys.stderr)
    for number, axes in enumerate(opened):
        for axis, (least, most) in axes.items():
            found = _found_range(torch, program, number, axis)
            if isinstance(found, int):
                print(f"smelt: warning: dim {axis} of input {number} is always {found}: the module, or torch.export, fixes it", file=sys.stderr)
            elif least is not None and found and found != (least, most):
                print(f"smelt: warning: dim {axis} of input {number} is {found[0]} {'or more' if found[1] is None else f'to {found[1]}'}, not {least} to {most} as asked", file=sys.stderr)


def _reason(error):
    """What an error of torch.export comes down to."""
    lines = [line.strip(" -") for line in str(error.__cause__ or error).splitlines() if line.strip(" -")]
    return next((line for line in lines if line.startswith("Not all values")), lines[0] if lines else "no message")[:300]


def _quietly(function, *arguments, **options):
    with contextlib.redirect_stderr(io.StringIO()):  # what an error of torch.export says comes with the whole graph
        return function(*arguments, **options)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise SmeltError(f"{message}; see python -m smelt.export_torch --help", 2)


def _parser():
    options = _Parser(prog="python -m smelt.export_torch", description="Exports a PyTorch module, saves it as .pt2 and compiles that, and compares what comes out with "
                      "PyTorch on the inputs.", epilog="""examples:
  python -m smelt.export_torch net.py:Net --input 1x3x224x224 -o model.so
  python -m smelt.export_torch torchvision.models:resnet18 --arguments '{"weights": null}' --input 1..8x3x224x224
  python -m smelt.export_torch net.py:make --weights net.pth --inputs example.npz --precision bf16""",
                      formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    options.add_argument("module", metavar="MODULE", help="FILE.py:NAME or PACKAGE.MODULE:NAME: an nn.Module, or a class or function that makes one")
    options.add_argument("--arguments", type=json.loads, default={}, metavar="JSON", help="what to call NAME with, by name")
    options.add_argument("--weights", metavar="FILE", help="a state_dict that torch.save wrote; nothing in it is executed")
    given = options.add_mutually_exclusive_group(required=True)
    given.add_argument("--input", action="append", metavar="1x3x224x224[:f32]", help="an input of forward, filled with seeded numbers; in order, one each. ? leaves an "
                       "extent open, ?64 as well, with 64 in the example, 1..8 within bounds")
    given.add_argument("--inputs", metavar="FILE.npz", help="the inputs of forward by the names of its parameters")
    options.add_argument("-o", "--output", metavar="PATH", help="the artefact; the .pt2 file lies beside it (default: NAME.so here)")
    options.add_argument("--strict", action="store_true", help="trace the module's Python as torch.export does with strict=True")
    options.add_argument("--no-check", action="store_true", help="do not run what was compiled, nor compare it with PyTorch")
    for flag, kind in (("--emit", str), ("--target", str), ("--precision", str), ("--calibration", str), ("--cache", str), ("--threads", int)):
        options.add_argument(flag, type=kind, metavar=flag.strip("-").upper(), help="as of smelt compile")
    return options


def _run(words):
    logging.disable(logging.WARNING)  # of PyTorch, about what else could be installed
    args = _parser().parse_args(words)
    if not isinstance(args.arguments, dict):
        raise SmeltError("--arguments takes a JSON object, {\"name\": value}", 2)
    module = _module(args.module, args.arguments, args.weights)
    inputs, kwargs, opened = _inputs(args)
    output = pathlib.Path(args.output or f"{args.module.rpartition(':')[2]}.so")
    options = {name: value for name in ("emit", "target", "precision", "calibration", "cache", "threads") if (value := getattr(args, name)) is not None}
    path = _program_beside(output)
    if opened:
        _export_open(module, inputs, path, opened, args.strict)
    else:
        _quietly(export, module, inputs, path, kwargs=kwargs, strict=args.strict)
    artefact = compile_file(path, output, **options)
    print(f"{artefact}")
    if output.with_suffix(".py").exists():
        print(f"smelt: warning: {artefact}: Python takes it for the module {output.stem}, before {output.with_suffix('.py')}: import {output.stem} fails in that folder; "
              f"name another with -o", file=sys.stderr)
    if args.no_check or args.emit not in (None, "shared") or args.target not in (None, "native"):
        return 0
    error = check(artefact, module, inputs, kwargs=kwargs)
    exact = args.precision in (None, "f32")
    print(f"largest difference from PyTorch on {'the inputs' if args.inputs else 'seeded inputs'}: {error:.1e} of the largest value")
    if exact and not error <= MOST_ERROR:
        print(f"smelt: error: {artefact}: differs from PyTorch by more than {MOST_ERROR:g}", file=sys.stderr)
        return 1
    return 0


def main(words=None):
    try:
        return _run(sys.argv[1:] if words is None else words)
    except SmeltError as error:
        text = " ".join(str(error).split()) if "\n" not in str(error) else str(error)
        print(text if text.startswith("smelt: ") else f"smelt: error: {text}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
