"""Devices that steps of a compiled model run on: what runtime/include/smelt/vulkan.h and cuda.h declare, seen through ctypes."""
import ctypes
import weakref

WHY_BYTES = 256  # SMELT_VULKAN_WHY_BYTES, SMELT_CUDA_WHY_BYTES
# The symbol of an artefact's program → what its device is called, and what the runtime's functions begin with.
PROGRAMS = {"smelt_device": ("Vulkan", "smelt_vulkan_"), "smelt_cuda_device": ("CUDA", "smelt_cuda_")}


class DeviceError(Exception):
    """Why a model's device cannot be opened, in words."""


class Functions:
    """The runtime's functions for one kind of device."""

    def __init__(self, host, kind, prefix):
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (("open", ctypes.c_int, [ctypes.POINTER(pointer), pointer, pointer, text, ctypes.c_size_t]), ("arena", pointer, [pointer]),
                                        ("arena_bytes", ctypes.c_uint64, [pointer]), ("set_shapes", ctypes.c_int, [pointer, pointer]), ("bind", None, [pointer, pointer]), ("run", ctypes.c_int, [pointer, pointer, pointer]),
                                        ("device_name", text, [pointer]), ("why", text, [pointer]), ("close", None, [pointer])):
            try:
                function = getattr(host, prefix + name)
            except AttributeError as error:
                raise DeviceError(f"this libsmelt_host.so was built without {kind}") from error
            function.argtypes, function.restype = arguments, result
            setattr(self, name, function)


class Device:
    """A device with the memory, the weights and the kernels of one model. `host` is libsmelt_host.so, `artefact` what keeps model and program in
    memory, `program` what program_of found."""

    def __init__(self, host, artefact, model, program):
        symbol, address = program
        self.kind = PROGRAMS[symbol][0]
        self._keep = artefact
        self._functions, handle = Functions(host, *PROGRAMS[symbol]), ctypes.c_void_p()
        why = ctypes.create_string_buffer(WHY_BYTES)
        if self._functions.open(ctypes.byref(handle), ctypes.addressof(model), address, why, WHY_BYTES):
            raise DeviceError(why.value.decode(errors="replace"))
        self.handle = handle
        # Closing reads the program. In a cycle of garbage, a finaliser comes before the methods of all objects, the artefact's among them.
        weakref.finalize(self, self._functions.close, handle)
        self.name = self._functions.device_name(self.handle).decode(errors="replace")
        self.run = self._functions.run

    def arena(self):
        """Address and bytes of what it has for an instance; setting shapes may take that elsewhere."""
        return self._functions.arena(self.handle), self._functions.arena_bytes(self.handle)

    def set_shapes(self, table):
        """As smelt_set_shapes, in an arena as large as that takes."""
        return self._functions.set_shapes(self.handle, table)

    def bind(self, instance):
        self._functions.bind(self.handle, instance)

    def why(self):
        """What was missing where the last run failed; "" where it did not."""
        return self._functions.why(self.handle).decode(errors="replace")


def program_of(library):
    """Symbol and address of the program that an artefact, a ctypes.CDLL, has for its device; None where all is the processor's."""
    for symbol in PROGRAMS:
        try:
            return symbol, ctypes.addressof(ctypes.c_uint32.in_dll(library, symbol))
        except ValueError:
            continue
    return None
