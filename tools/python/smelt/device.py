"""Devices that steps of a compiled model run on: the structures of runtime/include/smelt/vulkan.h, seen through ctypes."""
import ctypes

WHY_BYTES = 256  # SMELT_VULKAN_WHY_BYTES
SYMBOL = "smelt_device"


class DeviceError(Exception):
    """Why a model's device cannot be opened, in words."""


def _functions(host):
    pointer = ctypes.c_void_p
    try:
        host.smelt_vulkan_open.argtypes = [ctypes.POINTER(pointer), pointer, pointer, ctypes.c_char_p, ctypes.c_size_t]
    except AttributeError as error:
        raise DeviceError("this libsmelt_host.so was built without Vulkan's headers") from error
    host.smelt_vulkan_arena.argtypes, host.smelt_vulkan_arena.restype = [pointer], pointer
    host.smelt_vulkan_bind.argtypes, host.smelt_vulkan_bind.restype = [pointer, pointer], None
    host.smelt_vulkan_run.argtypes = [pointer, pointer, pointer]
    host.smelt_vulkan_device_name.argtypes, host.smelt_vulkan_device_name.restype = [pointer], ctypes.c_char_p
    host.smelt_vulkan_why.argtypes, host.smelt_vulkan_why.restype = [pointer], ctypes.c_char_p
    host.smelt_vulkan_close.argtypes, host.smelt_vulkan_close.restype = [pointer], None
    return host


class Device:
    """A Vulkan device with the memory, the weights and the kernels of one model. `host` is libsmelt_host.so, `artefact` what keeps model and program in
    memory."""

    def __init__(self, host, artefact, model, program):
        self._keep = artefact
        self._host, self.handle = _functions(host), ctypes.c_void_p()
        why = ctypes.create_string_buffer(WHY_BYTES)
        if self._host.smelt_vulkan_open(ctypes.byref(self.handle), ctypes.addressof(model), program, why, WHY_BYTES):
            raise DeviceError(why.value.decode(errors="replace"))
        self.name = self._host.smelt_vulkan_device_name(self.handle).decode(errors="replace")
        self.arena, self.run = self._host.smelt_vulkan_arena(self.handle), self._host.smelt_vulkan_run

    def bind(self, instance):
        self._host.smelt_vulkan_bind(self.handle, instance)

    def why(self):
        """What was missing where the last run failed; "" where it did not."""
        return self._host.smelt_vulkan_why(self.handle).decode(errors="replace")

    def __del__(self):  # reads the program: the artefact is still there
        if getattr(self, "handle", None):
            self._host.smelt_vulkan_close(self.handle)
            self.handle = None


def program_of(library):
    """The address of the program that an artefact, a ctypes.CDLL, has for its device; None where all is the processor's."""
    try:
        return ctypes.addressof(ctypes.c_uint32.in_dll(library, SYMBOL))
    except ValueError:
        return None
