"""Runs compiled models: the structures of runtime/include/smelt/smelt.h, seen through ctypes."""
import _ctypes
import collections.abc
import ctypes
import dataclasses
import functools
import itertools
import os
import pathlib
import platform
import threading

from . import device
from .errors import SmeltError, np
from .forms import FormError, Forms

ALIGNMENT = 64  # SMELT_ALIGNMENT
ABI_VERSION = 8  # SMELT_ABI_VERSION
# smelt_dtype → numpy.
_DTYPES = {1: "float32", 2: "float16", 4: "float64", 5: "int8", 6: "int16", 7: "int32", 8: "int64",
           9: "uint8", 10: "uint16", 11: "uint32", 12: "uint64", 13: "bool"}
# smelt_dtype → ml_dtypes, and what stands for it where ml_dtypes is missing: integers of the same bits.
_ML_DTYPES = {3: ("bfloat16", "uint16"), 14: ("float8_e4m3fn", "uint8"), 15: ("float8_e4m3fnuz", "uint8"), 16: ("float8_e5m2", "uint8"),
              17: ("float8_e5m2fnuz", "uint8"), 18: ("float8_e8m0fnu", "uint8"), 19: ("float4_e2m1fn", "uint8"), 20: ("int4", "int8"),
              21: ("uint4", "uint8"), 22: ("int2", "int8"), 23: ("uint2", "uint8"), 24: ("float6_e2m3fn", "uint8"), 25: ("float6_e3m2fn", "uint8")}
_PACKED_BITS = {19: 4, 20: 4, 21: 4, 22: 2, 23: 2}  # of elements that lie packed in bytes, where numpy has one a byte
_SIGNED = {20, 22}


class _TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("shape", ctypes.POINTER(ctypes.c_int64)), ("bytes", ctypes.c_uint64), ("rank", ctypes.c_uint32),
                ("dtype", ctypes.c_uint32), ("extent_sizes", ctypes.POINTER(ctypes.c_uint32)), ("dims", ctypes.c_char_p), ("held", ctypes.c_void_p)]


class _State(ctypes.Structure):
    _fields_ = [("input", _TensorInfo), ("output", _TensorInfo), ("strides", ctypes.POINTER(ctypes.c_int64)), ("blocks", ctypes.c_uint32 * 2),
                ("places", ctypes.c_int64 * 2), ("bytes", ctypes.c_uint64)]


class _Model(ctypes.Structure):
    _fields_ = [("abi_version", ctypes.c_uint32), ("input_count", ctypes.c_uint32), ("output_count", ctypes.c_uint32),
                ("step_count", ctypes.c_uint32), ("cpu_features", ctypes.c_uint64), ("arena_bytes", ctypes.c_uint64),
                ("weights_bytes", ctypes.c_uint64), ("name", ctypes.c_char_p), ("target", ctypes.c_char_p),
                ("inputs", ctypes.POINTER(_TensorInfo)), ("outputs", ctypes.POINTER(_TensorInfo)), ("steps", ctypes.c_void_p),
                ("weights", ctypes.c_void_p), ("sizes", ctypes.c_void_p), ("size_count", ctypes.c_uint32), ("arena_size", ctypes.c_uint32),
                ("symbols", ctypes.c_char_p), ("shape_sizes", ctypes.c_uint32), ("block_count", ctypes.c_uint32),
                ("states", ctypes.POINTER(_State)), ("state_bytes", ctypes.c_uint64), ("state_count", ctypes.c_uint32),
                ("size_use_count", ctypes.c_uint32), ("forms", ctypes.c_char_p), ("size_uses", ctypes.c_void_p)]


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One input or output."""

    name: str
    shape: tuple  # None for a symbolic extent
    dtype: "np.dtype"
    bytes: int  # 0 where an extent is symbolic
    packed_bits: int = 0  # of an element, where a byte of the model holds several
    signed: bool = False  # such an element
    dims: str = ""  # where an extent is symbolic: "batch, 3, 2*length + 1"
    held: bool = False  # an output whose symbolic extents only the run tells

    @staticmethod
    def of(info):
        packed = _PACKED_BITS.get(info.dtype, 0)
        shape = tuple(None if extent < 0 else extent for extent in info.shape[: info.rank])
        return Tensor(info.name.decode(), shape, _numpy_dtype(info.dtype), info.bytes, packed, info.dtype in _SIGNED,
                      (info.dims or b"").decode(), bool(info.held))

    def in_words(self):
        return f"({self.dims})" if self.dims else str(self.shape)

    def takes(self, shape):
        """Whether an array of this shape fits, as far as the tensor alone tells."""
        return len(shape) == len(self.shape) and all(want in (None, extent) for want, extent in zip(self.shape, shape))

    def pack(self, array, packed):
        """Writes an array's elements to the bytes of the model: the first in the low bits."""
        per_byte = 8 // self.packed_bits
        codes = np.zeros(packed.size * per_byte, np.uint8)
        codes[: array.size] = array.reshape(-1).view(np.uint8) & (1 << self.packed_bits) - 1
        shifted = codes.reshape(-1, per_byte) << np.arange(per_byte, dtype=np.uint8) * self.packed_bits
        packed[...] = np.bitwise_or.reduce(shifted, axis=1) if packed.size else 0

    def unpack(self, packed, array):
        above = 8 - self.packed_bits
        places = np.arange(8 // self.packed_bits, dtype=np.uint8) * self.packed_bits
        top = (packed[:, None] >> places << above).astype(np.uint8).reshape(-1)[: array.size]
        codes = top.view(np.int8) >> above if self.signed else top >> above
        array.reshape(-1).view(np.uint8)[...] = codes.view(np.uint8)


def _numpy_dtype(code):
    if code in _DTYPES:
        return np.dtype(_DTYPES[code])
    if code not in _ML_DTYPES:
        raise SmeltError(f"the artefact has a tensor of unknown type {code}", 5)
    name, bits = _ML_DTYPES[code]
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(bits)
    return np.dtype(getattr(ml_dtypes, name, bits))  # an old one lacks some


@functools.cache
def _host():
    """libsmelt_host.so: SMELT_HOST_LIBRARY, else what was installed with this module, else this repository's build."""
    here = pathlib.Path(__file__).resolve()
    installed, built = here.with_name("libsmelt_host.so"), here.parents[3] / "build" / "lib" / "libsmelt_host.so"
    path = os.environ.get("SMELT_HOST_LIBRARY") or (installed if installed.exists() else built)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise SmeltError(f"no runtime: {error}; run ./dev build, or set SMELT_HOST_LIBRARY", 5) from error
    pointer = ctypes.c_void_p
    library.smelt_init.argtypes = [pointer, ctypes.POINTER(_Model), pointer, ctypes.c_size_t]
    library.smelt_run.argtypes = [pointer, pointer, pointer]
    library.smelt_arena_bytes.argtypes = [ctypes.POINTER(_Model), pointer, ctypes.POINTER(ctypes.c_uint64)]
    library.smelt_needed_bytes.argtypes = [pointer, pointer, ctypes.POINTER(ctypes.c_uint64)]
    library.smelt_move.argtypes = [pointer, pointer, ctypes.c_size_t]
    library.smelt_set_shapes.argtypes = [pointer, pointer]
    library.smelt_reset.argtypes, library.smelt_reset.restype = [pointer], None
    library.smelt_state_data.argtypes, library.smelt_state_data.restype = [pointer, ctypes.c_uint32], pointer
    library.smelt_state_extent.argtypes, library.smelt_state_extent.restype = [pointer, ctypes.c_uint32, ctypes.c_uint32], ctypes.c_int64
    library.smelt_tensor_extent.argtypes = [pointer, ctypes.POINTER(_TensorInfo), ctypes.c_uint32]
    library.smelt_tensor_extent.restype = ctypes.c_int64
    library.smelt_tensor_bytes.argtypes, library.smelt_tensor_bytes.restype = [pointer, ctypes.POINTER(_TensorInfo)], ctypes.c_uint64
    library.smelt_output.argtypes, library.smelt_output.restype = [pointer, ctypes.c_uint32], pointer
    library.smelt_release.argtypes, library.smelt_release.restype = [pointer], None
    library.smelt_host_take_memory.argtypes, library.smelt_host_take_memory.restype = [pointer], None
    library.smelt_set_parallel_for.argtypes, library.smelt_set_parallel_for.restype = [pointer, pointer, pointer], None
    library.smelt_pool_start.argtypes = [pointer, ctypes.c_uint32]
    library.smelt_pool_stop.argtypes, library.smelt_pool_stop.restype = [pointer], None
    library.smelt_failed_size.argtypes, library.smelt_failed_size.restype = [pointer], ctypes.c_uint64
    library.smelt_head_bytes.argtypes, library.smelt_head_bytes.restype = [ctypes.POINTER(_Model)], ctypes.c_uint64
    library.smelt_failure.argtypes, library.smelt_failure.restype = [pointer, ctypes.c_char_p, ctypes.c_uint64], ctypes.c_uint64
    library.smelt_size_name.argtypes, library.smelt_size_name.restype = [ctypes.POINTER(_Model), ctypes.c_uint64], ctypes.c_char_p
    library.smelt_status_string.argtypes, library.smelt_status_string.restype = [ctypes.c_int], ctypes.c_char_p
    for function in (library.smelt_host_instance_bytes, library.smelt_host_pool_bytes):
        function.argtypes, function.restype = [], ctypes.c_size_t
    return library


def _check(status, what):
    if status:
        raise SmeltError(f"{what}: {_host().smelt_status_string(status).decode()}", 5)


def _check_shapes(status, model, shapes, failed):
    """SMELT_ERROR_SHAPE is the caller's mistake; `failed` tells the number of the size that there is none of."""
    if status == 7:
        given = ", ".join(f"'{tensor.name}' {shape} for {tensor.in_words()}" for tensor, shape in zip(model.inputs, shapes))
        if why := model.failure():
            raise SmeltError(f"{model.name}: {why}; the inputs are {given}", 2)
        if node := _host().smelt_size_name(model._model, failed()):
            raise SmeltError(f"{model.name}: node '{node.decode()}': the shapes or sizes that it gets do not fit one another, or are too large; "
                             f"the inputs are {given}", 2)
        raise SmeltError(f"{model.name}: the shapes {given} contradict one another or the bounds of {model.symbols}", 2)
    if status and (why := model.device_why()):
        raise SmeltError(f"{model.name}: {why}", 5)
    _check(status, model.name)


def aligned_empty(shape, dtype):
    """An array whose first byte lies at a multiple of ALIGNMENT, never null."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    # Not a slice: an empty one points anywhere.
    return np.ndarray(shape, dtype, buffer=raw, offset=-raw.ctypes.data % ALIGNMENT)


class _Shapes:
    """Shapes of all inputs, as smelt_set_shapes takes them."""

    def __init__(self, shapes):
        self._rows = [(ctypes.c_int64 * max(len(shape), 1))(*shape) for shape in shapes]
        self._table = (ctypes.c_void_p * max(len(shapes), 1))(*map(ctypes.addressof, self._rows))
        self.address = ctypes.addressof(self._table)


def _address(array):
    return array.__array_interface__["data"][0]


_FOR_HERE = "compile the model with target='native'"
_MACHINES = {62: "x86_64", 183: "aarch64"}  # e_machine of an ELF file → platform.machine()
_loads = itertools.count()


def _fresh_name(descriptor):
    """A path of an open file that nothing was loaded by before: the dynamic loader would give back what it once found there, also after the file was
    replaced. Descriptors are used again, so a number is spelt into the path: "/" and "/." are the same folder."""
    number = "".join("/." if bit == "1" else "/" for bit in f"{next(_loads):b}")
    return f"/proc/self/fd{number}/{descriptor}"


def _check_machine(path, descriptor):
    header, this = os.pread(descriptor, 20, 0), platform.machine()
    machine = _MACHINES.get(int.from_bytes(header[18:20], "little"), this)
    if header.startswith(b"\x7fELF") and machine != this:
        raise SmeltError(f"{path}: compiled for {machine}, this machine is {this}", 5, _FOR_HERE)


class _Library:
    """An artefact in memory, until close()."""

    def __init__(self, path):
        self._library, name = None, ""
        try:
            with open(path, "rb") as file:
                _check_machine(path, file.fileno())
                name = _fresh_name(file.fileno())
                self._library = ctypes.CDLL(name)
            self.model = _Model.in_dll(self._library, "smelt_model")
            self.program = device.program_of(self._library)  # of a device, or None
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:  # the file cannot be read at all
                raise SmeltError(f"{path}: {error.strerror}", 5) from error
            why = getattr(error, "strerror", None) or str(error).replace(name + ": ", "")
            if isinstance(error, OSError) and "undefined symbol" in why:
                raise SmeltError(f"{path}: needs what no library here has: {why}; compile the model with link= and the file that has it", 5) from error
            raise SmeltError(f"{path}: not a shared artefact of Smelt: {why}", 3) from error

    def close(self):
        if self._library is not None:
            _ctypes.dlclose(self._library._handle)
            self._library = None

    def __del__(self):
        self.close()


class _Results:
    """Arrays for the outputs of runs, as large as the shapes of the inputs and the states want them."""

    def __init__(self, model):
        self._model, self._sizes = model, None
        self.outputs, self._packed, self.table = {}, {}, None

    def fit(self):
        sizes = [self._model._sized(index) for index in range(len(self._model.outputs))]
        if sizes == self._sizes:
            return
        self._sizes, tensors = sizes, self._model.outputs
        self.outputs.update({tensor.name: aligned_empty(shape, tensor.dtype) for tensor, (shape, _) in zip(tensors, sizes)})
        self._packed = {tensor.name: aligned_empty((bytes_,), np.uint8) for tensor, (_, bytes_) in zip(tensors, sizes) if tensor.packed_bits}
        places = [self._packed.get(name, array) for name, array in self.outputs.items()]
        self.table = (ctypes.c_void_p * max(len(places), 1))(*map(_address, places))

    def unpack(self):
        for tensor in self._model.outputs:
            if tensor.packed_bits:
                tensor.unpack(self._packed[tensor.name], self.outputs[tensor.name])


class Model:
    """A loaded artefact with an arena of its own. One run at a time: `run` waits for its turn; load again for runs side by side.

    Where extents are symbolic, `arena_bytes` is what the largest run so far took. `states` has the tensors that stay in it from run to run, as
    {name of the input in the source model: name of the output}. `device_name` is the device that steps run on, "" where there is none.
    """

    def __init__(self, path, threads=1):
        self._pool, self._shapes = None, None
        self.path = pathlib.Path(path).resolve()
        self._library = _Library(path)
        self._model = self._library.model
        if self._model.abi_version != ABI_VERSION:
            raise SmeltError(f"{path}: made for version {self._model.abi_version} of the runtime's interface, this is {ABI_VERSION}", 5)
        self.name, self.target = self._model.name.decode(), self._model.target.decode()
        self.weights_bytes = self._model.weights_bytes
        self.symbols = (self._model.symbols or b"").decode()  # of the inputs' dims, with their bounds: "batch:1..8, length"
        self.inputs = [Tensor.of(self._model.inputs[i]) for i in range(self._model.input_count)]
        self.outputs = [Tensor.of(self._model.outputs[i]) for i in range(self._model.output_count)]
        self.forms = Forms((self._model.forms or b"").decode())  # of inputs and outputs that are no tensors
        states = [self._model.states[i] for i in range(self._model.state_count)]
        self._states = [Tensor.of(state.input) for state in states]
        self.states = {state.input.name.decode(): state.output.name.decode() for state in states}
        self._grows = any(None in state.shape for state in self._states)
        self.is_symbolic = self._grows or any(None in tensor.shape for tensor in self.inputs)
        self._lock = threading.Lock()
        self._instance = ctypes.create_string_buffer(_host().smelt_host_instance_bytes())
        self.arena_bytes = 0
        self._device = self._open_device()
        self.device_name = self._device.name if self._device else ""
        if not self.is_symbolic:
            self._take_arena(self._model.arena_bytes)
        self.set_threads(threads)

    def _open_device(self):
        if self._library.program is None:
            return None
        try:
            return device.Device(_host(), self._library, self._model, self._library.program)
        except device.DeviceError as error:
            raise SmeltError(f"{self.path}: compiled for a {device.PROGRAMS[self._library.program[0]][0]} device, and {error}", 5, f"or {_FOR_HERE}") from error

    def device_why(self):
        """What the device lacked where the last run failed; "" where it did not."""
        return self._device.why() if self._device else ""

    def _take_device_arena(self):
        arena, self.arena_bytes = self._device.arena()
        _check(_host().smelt_init(self._instance, self._model, arena, self.arena_bytes), str(self.path))
        self._device.bind(self._instance)
        self._bind_pool()

    def _take_arena(self, bytes_):
        """Takes the instance to a new arena, where it has no shapes, but the states of the old one."""
        if self._device:
            return self._take_device_arena()
        arena = aligned_empty((bytes_,), np.uint8)
        if self.arena_bytes:
            _check(_host().smelt_move(self._instance, _address(arena), bytes_), str(self.path))
        else:
            _check(_host().smelt_init(self._instance, self._model, _address(arena), bytes_), str(self.path))
            _host().smelt_host_take_memory(self._instance)
            self._bind_pool()
        self._arena, self.arena_bytes, self._shapes = arena, bytes_, None

    def _release(self):
        """Gives back what the instance took besides its arena."""
        if getattr(self, "_arena", None) is not None:
            _host().smelt_release(self._instance)

    def _fit(self, shapes):
        """Fits the instance to shapes of all inputs, in their order, in a larger arena where it takes one. The lock is held."""
        if not self.is_symbolic or (shapes == self._shapes and not self._grows):
            return
        table, bytes_ = _Shapes(shapes), ctypes.c_uint64()
        needed, of = (_host().smelt_needed_bytes, self._instance) if self.arena_bytes else (_host().smelt_arena_bytes, self._model)
        status = needed(of, table.address, ctypes.byref(bytes_))
        if status == 7:  # the sizes, as far as there are any, say why
            if not self.arena_bytes:
                self._take_arena(_host().smelt_head_bytes(self._model))
            self._shapes = None
            _host().smelt_set_shapes(self._instance, table.address)
        _check_shapes(status, self, shapes, lambda: bytes_.value)
        if self._device:
            return self._fit_device(shapes, table)
        if bytes_.value > self.arena_bytes:
            self._take_arena(bytes_.value * 3 // 2 if self._grows else bytes_.value)
        self._shapes = None
        _check_shapes(_host().smelt_set_shapes(self._instance, table.address), self, shapes, self._failed_size)
        self._shapes = shapes

    def _fit_device(self, shapes, table):
        if not self.arena_bytes:
            self._take_device_arena()
        self._shapes = None
        _check_shapes(self._device.set_shapes(table.address), self, shapes, self._failed_size)
        self._shapes, self.arena_bytes = shapes, self._device.arena()[1]

    def _failed_size(self):
        return _host().smelt_failed_size(self._instance)

    def failure(self):
        """What was wrong with the sizes of the last run, where the model says it; else ""."""
        text = ctypes.create_string_buffer(4096)
        _host().smelt_failure(self._instance, text, len(text))
        return text.value.decode(errors="replace")

    def _sized(self, index):
        """Shape and bytes of an output, now that shapes are set."""
        info, tensor = self._model.outputs[index], self.outputs[index]
        if tensor.held:
            return (0,) * info.rank, 0
        if None not in tensor.shape:
            return tensor.shape, tensor.bytes
        extents = tuple(_host().smelt_tensor_extent(self._instance, info, dim) for dim in range(info.rank))
        return extents, _host().smelt_tensor_bytes(self._instance, info)

    def _held(self, index):
        """What the last run left of an output whose shape it found."""
        info, tensor = self._model.outputs[index], self.outputs[index]
        array = aligned_empty(tuple(_host().smelt_tensor_extent(self._instance, info, dim) for dim in range(info.rank)), tensor.dtype)
        ctypes.memmove(_address(array), _host().smelt_output(self._instance, index), array.nbytes)
        return array

    def set_threads(self, count):
        """Runs on `count` threads from now on; none but the caller's for 1. The results do not depend on it."""
        with self._lock:
            self._stop()
            if count == 1:
                return
            pool = ctypes.create_string_buffer(_host().smelt_host_pool_bytes())
            _check(_host().smelt_pool_start(pool, count), f"{count} threads")
            self._pool = pool
            self._bind_pool()

    def _bind_pool(self):
        if self._pool is not None:
            _host().smelt_set_parallel_for(self._instance, _host().smelt_pool_parallel_for, self._pool)

    def _stop(self):
        if self._pool is not None:
            _host().smelt_set_parallel_for(self._instance, None, None)
            _host().smelt_pool_stop(self._pool)
            self._pool = None

    def __del__(self):
        if getattr(self, "_pool", None) is not None:
            self._stop()
        self._release()

    def _checked(self, tensor, feeds):
        """The input as an aligned array of the right type and shape: the caller's own where it already is one."""
        if tensor.name not in feeds:
            raise SmeltError(f"no value for input '{tensor.name}'", 2)
        value = np.asarray(feeds[tensor.name])
        if value.dtype != tensor.dtype or not tensor.takes(value.shape):
            raise SmeltError(f"input '{tensor.name}' is {value.dtype} {value.shape}, the model wants {tensor.dtype} {tensor.in_words()}", 2)
        if tensor.packed_bits:
            packed = aligned_empty(((value.size * tensor.packed_bits + 7) // 8,), np.uint8)
            tensor.pack(np.ascontiguousarray(value), packed)
            return packed
        if value.flags.c_contiguous and _address(value) % ALIGNMENT == 0:
            return value
        copy = aligned_empty(value.shape, tensor.dtype)
        copy[...] = value
        return copy

    def bind(self, feeds):
        """(call, outputs): each call() runs the model on the same buffers, with nothing else around it. Outputs whose shapes the model finds are new
        arrays in `outputs` after each call, and sequences are the tensors that they consist of: forms.gather(outputs) makes lists of them."""
        if not isinstance(feeds, collections.abc.Mapping):
            names = ", ".join(f"'{tensor.name}': …" for tensor in self.inputs)
            raise SmeltError(f"the inputs are a {type(feeds).__name__}, the model wants a dict of them: {{{names}}}", 2)
        try:
            feeds = self.forms.spread(feeds)
        except FormError as error:
            raise SmeltError(str(error), 2) from error
        unknown = set(feeds) - {tensor.name for tensor in self.inputs}
        if unknown:
            raise SmeltError(f"no input '{sorted(unknown)[0]}'; there are {', '.join(tensor.name for tensor in self.inputs)}", 2)
        given = [self._checked(tensor, feeds) for tensor in self.inputs]
        shapes = tuple(np.shape(feeds[tensor.name]) for tensor in self.inputs)
        results = _Results(self)
        with self._lock:
            self._fit(shapes)
            results.fit()
        inputs_table = (ctypes.c_void_p * max(len(given), 1))(*map(_address, given))
        fit, lock, keep = self._fit, self._lock, (self, given)
        run, on = (self._device.run, self._device.handle) if self._device else (_host().smelt_run, ctypes.addressof(self._instance))
        held = [index for index, tensor in enumerate(self.outputs) if tensor.held]

        def call(_keep=keep):
            with lock:
                fit(shapes)  # others may have run with other shapes meanwhile
                if self._grows:
                    results.fit()
                status = run(on, inputs_table, results.table)
                results.unpack()
                _check_shapes(status, self, shapes, self._failed_size)
                for index in held:
                    results.outputs[self.outputs[index].name] = self._held(index)

        def call_fixed(_keep=(keep, inputs_table, results)):  # a microsecond is much beside what a small model takes
            with lock:
                status = run(*places)
            if status:
                _check_shapes(status, self, shapes, self._failed_size)

        is_fixed = not (self.is_symbolic or held or any(tensor.packed_bits for tensor in self.outputs))
        places = (on, ctypes.addressof(inputs_table), ctypes.addressof(results.table))
        return call_fixed if is_fixed else call, results.outputs

    def run(self, feeds):
        """One inference: {input: array} → {output: array}. Sequences are lists of arrays, and what is absent is None."""
        call, outputs = self.bind(feeds)
        call()
        return self.forms.gather(outputs)

    def reset(self):
        """Sets all states back to what they are before the first run."""
        with self._lock:
            if self.arena_bytes:
                _host().smelt_reset(self._instance)

    def state(self, name):
        """What a state holds after a run, as a new array; `name` is that of the input or of the output in the source model."""
        names = [{input, output} for input, output in self.states.items()]
        index = next((index for index, both in enumerate(names) if name in both), None)
        if index is None:
            raise SmeltError(f"no state '{name}'; there are {', '.join(self.states) or 'none'}", 2)
        with self._lock:
            return self._state(index)

    def _state(self, index):
        tensor, strides = self._states[index], self._model.states[index].strides
        shape = tuple(_host().smelt_state_extent(self._instance, index, dim) for dim in range(len(tensor.shape)))
        array = aligned_empty(shape, tensor.dtype)
        if not array.size:
            return array
        source = _host().smelt_state_data(self._instance, index)
        if tensor.packed_bits:
            packed = np.ctypeslib.as_array(ctypes.cast(source, ctypes.POINTER(ctypes.c_uint8)), ((array.size * tensor.packed_bits + 7) // 8,))
            tensor.unpack(packed, array)
            return array
        steps = [strides[dim] * tensor.dtype.itemsize for dim in range(len(shape))] if strides else array.strides
        span = sum((extent - 1) * step for extent, step in zip(shape, steps)) + tensor.dtype.itemsize
        bytes_ = np.ctypeslib.as_array(ctypes.cast(source, ctypes.POINTER(ctypes.c_uint8)), (span,))
        array[...] = np.ndarray(shape, tensor.dtype, buffer=bytes_, strides=steps)
        return array


def load(path, threads=1):
    """Loads a shared artefact. Raises SmeltError if it is none, or if this processor cannot run it."""
    return Model(path, threads)
