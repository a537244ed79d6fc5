"""The program for CUDA of an artefact, read as runtime/include/smelt/cuda.h lays it out, and what ptxas makes of it."""
import ctypes
import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Kernel(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("operand_bytes", ctypes.POINTER(ctypes.c_uint64))]
    _fields_ += [(name, ctypes.c_uint32) for name in ("operand_count", "groups", "group_size", "reserved")]


class Program(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("version", "kernel_count", "architecture", "reserved")]
    _fields_ += [("code", ctypes.c_char_p), ("code_bytes", ctypes.c_uint64), ("kernels", ctypes.POINTER(Kernel))]


def ptx(artefact):
    """PTX of all kernels, and how many there are."""
    program = Program.in_dll(ctypes.CDLL(str(artefact)), "smelt_cuda_device")
    return program.code.decode(), program.kernel_count


def ptxas():
    """Where NVIDIA's assembler is."""
    return subprocess.run([sys.executable, REPOSITORY / "tools" / "setup" / "ptxas.py"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def assemble(assembler, path, architecture):
    """What ptxas says of each kernel of a file: {name: (registers, bytes of spills)}. Raises ValueError with its message where it refuses one."""
    done = subprocess.run([assembler, f"-arch=sm_{architecture}", "-v", path, "-o", path.with_suffix(".cubin")], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(next(line for line in done.stderr.splitlines() if "error" in line or "fatal" in line))
    kernels = {}
    for part in done.stderr.split("Compiling entry function '")[1:]:
        spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        kernels[part.split("'")[0]] = int(re.search(r"Used (\d+) registers", part)[1]), int(spills[1]) + int(spills[2])
    return kernels
