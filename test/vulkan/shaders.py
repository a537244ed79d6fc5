"""The shaders of an artefact, read as runtime/include/smelt/vulkan.h lays them out, and whether a device can run them.

usage: shaders.py        exit code 1 and a sentence where there is no Vulkan device
"""
import ctypes
import pathlib
import subprocess
import sys


class Kernel(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("code", ctypes.POINTER(ctypes.c_uint32)), ("bindings", ctypes.c_void_p), ("code_bytes", ctypes.c_uint64),
                ("invocations", ctypes.c_uint64), ("binding_count", ctypes.c_uint32), ("size_count", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("version", "kernel_count", "group_size", "groups_x", "features", "subgroup_size", "shared_bytes", "most_steps")]
    _fields_ += [("kernels", ctypes.POINTER(Kernel))]


def shaders(artefact):
    """SPIR-V of each kernel of a device, in the program's order."""
    program = Program.in_dll(ctypes.CDLL(str(artefact)), "smelt_device")
    return [ctypes.string_at(kernel.code, kernel.code_bytes) for kernel in program.kernels[:program.kernel_count]]


def validate(artefact):
    """What spirv-val says against each shader: [(number, message)]."""
    complaints = []
    for number, code in enumerate(shaders(artefact)):
        path = pathlib.Path(artefact).with_suffix(f".{number}.spv")
        path.write_bytes(code)
        done = subprocess.run(["spirv-val", "--target-env", "vulkan1.1", path], capture_output=True, text=True)
        if done.returncode:
            complaints.append((number, (done.stdout + done.stderr).strip()))
    return complaints


def missing_device():
    """What this machine lacks to run Vulkan; "" where there is a device."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return "no Vulkan loader, libvulkan.so.1"
    create_info, instance, count = (ctypes.c_uint64 * 8)(1), ctypes.c_void_p(), ctypes.c_uint32()  # VkInstanceCreateInfo, of its type alone
    if vulkan.vkCreateInstance(create_info, None, ctypes.byref(instance)):
        return "no Vulkan driver"
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    vulkan.vkDestroyInstance(instance, None)
    return "" if count.value else "no Vulkan device"


if __name__ == "__main__":
    what = missing_device()
    print(what)
    sys.exit(1 if what else 0)
