"""One contestant in a process of its own, started by contestants.py: contestant.py JOB

JOB is JSON: {"peer", "model", "integers", "artefact", "feeds", "outputs", "folder", "threads", "target", "precision", "input_shapes"}; with the
precision int8, "integers" has the files that tools made of the model, and "not_made" why others made none. It prints a line {"ready": true, "note": what to know of it} or
{"error": why}, then answers each line N of its input with {"cpu": s, "wall": s}, the seconds that N inferences took. Runs in .venv, or in .venv-peers
for the peers that peers.lock names, and so imports nothing else of the project but for Smelt itself.
"""
import collections
import hashlib
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
INTEGERS = ("int8", "qdq")  # precisions for which all run files that tools made; with qdq one and the same


class Refused(Exception):
    """This peer cannot run the model; the text says why."""


def run(command, seconds=1500):
    """Runs a tool of a peer; Refused with its last words where that fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=seconds)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")
        raise Refused(f"{pathlib.Path(str(command[0])).name}: exit code {done.returncode}: {said.strip()[:200]}")


def converted(job, package, key, name, make):
    """A file that a peer's converter makes of the model, made once for each version of the peer."""
    content = hashlib.sha256(pathlib.Path(job["model"]).read_bytes())
    content.update(json.dumps([importlib.metadata.version(package), key, job["input_shapes"]]).encode())
    folder = pathlib.Path(job["folder"]) / f"{job['peer'].removesuffix('_vulkan')}-{content.hexdigest()[:16]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
        (folder / "done").touch()
    if not (folder / name).exists():
        raise Refused(f"its converter made no {name}")
    return folder / name


def smelt(job, feeds):
    sys.path.insert(0, str(REPOSITORY / "tools" / "python"))
    from smelt import runtime

    call, results = runtime.load(job["artefact"], threads=job["threads"]).bind(feeds)

    def outputs():
        call()
        return results

    return call, outputs


def onnxruntime(job, feeds):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = job["threads"], 1
    options.log_severity_level = 3
    session = ort.InferenceSession(files_of(job, "onnxruntime")[0], options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def call():
        return session.run(None, feeds)

    return call, lambda: dict(zip(names, call()))


def files_of(job, *tools):
    """What to run: the model, or, in integers, what these tools made of it."""
    files = [job["model"]] if job["precision"] not in INTEGERS else [job["integers"][tool] for tool in tools if tool in job["integers"]]
    missing = [job["not_made"][tool] for tool in tools if tool in job["not_made"]]
    if not files:
        raise Refused("; ".join(missing))
    job["note"] = "; ".join(missing)
    return files


def refuse_integers(job):
    if job["precision"] in INTEGERS:
        raise Refused("nothing here quantises for it")


def openvino(job, feeds):
    import openvino as ov

    core = ov.Core()

    def compiled_of(path, hint):
        model = core.read_model(path)
        model.reshape({key: list(value.shape) for key, value in feeds.items()})
        config = {"INFERENCE_NUM_THREADS": job["threads"], "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        return core.compile_model(model, "CPU", config | ({"INFERENCE_PRECISION_HINT": hint} if hint else {}))

    # By default it takes bf16 where the processor has it: in integers as well, for what is not in integers.
    hints = ("f32",) if job["precision"] == "f32" else ("", "f32") if job["precision"] in INTEGERS else ("",)
    choices = [(path, hint) for path in files_of(job, "nncf", "onnxruntime") for hint in hints]
    if len(choices) > 1:
        path, hint = min(choices, key=lambda choice: least_seconds(compiled_of(*choice).create_infer_request(), feeds))
        job["note"] += f"fastest with {pathlib.Path(path).name}" + (f", the rest in {hint}" if hint else "")
        choices = [(path, hint)]
    compiled = compiled_of(*choices[0])
    if job["target"] == "x86-64-v3" and (free := unheld(compiled)):
        job["note"] = ", ".join(filter(None, (job["note"], f"not held to AVX2: {free}")))
    request = compiled.create_infer_request()

    def outputs():
        return {next(iter(port.get_names()), str(number)): np.array(value) for number, (port, value) in enumerate(request.infer(feeds).items())}

    return lambda: request.infer(feeds), outputs


def least_seconds(request, feeds, seconds=0.5):
    """CPU time of the fastest of the inferences that take about so long, at least three."""
    request.infer(feeds)
    took, start = [], time.process_time()
    while len(took) < 3 or time.process_time() - start < seconds:
        before = time.process_time()
        request.infer(feeds)
        took.append(time.process_time() - before)
    return min(took)


def unheld(compiled):
    """ONEDNN_MAX_CPU_ISA holds oneDNN's kernels to AVX2. OpenVINO's own, and MLAS, which it takes for some products, go by what CPUID says: which those are."""
    free = ("avx512",) if "SMELT_AVX2_ONLY" in os.environ else ("avx512", "mlas")
    counts = collections.Counter()
    for node in compiled.get_runtime_model().get_ops():
        about = node.get_rt_info()
        kind = about["primitiveType"].astype(str) if "primitiveType" in about else ""
        if any(word in kind for word in free):
            counts[about["layerType"].astype(str)] += 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def mnn(job, feeds):
    refuse_integers(job)
    import _tools  # MNN's own script for it installs a logger with pip, and reports to its maker
    import MNN
    import onnx

    graph = onnx.load(job["model"], load_external_data=False).graph
    outputs = [output.name for output in graph.output]

    def convert(folder):
        _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", job["model"], "--MNNModel", str(folder / "model.mnn"), "--bizCode", "bench"])

    path = converted(job, "MNN", "", "model.mnn", convert)
    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": job["threads"]},))
    module = MNN.nn.load_module_from_file(str(path), list(feeds), outputs, runtime_manager=manager)
    kinds = {"float32": MNN.expr.float, "int32": MNN.expr.int, "int64": MNN.expr.int, "bool": MNN.expr.int}

    def variable(value):
        narrow = value if value.dtype == np.float32 else value.astype(np.int32)
        return MNN.expr.const(np.ascontiguousarray(narrow), list(value.shape), MNN.expr.NCHW, kinds[value.dtype.name])

    variables = [variable(value) for value in feeds.values()]

    def call():
        return [value.read() for value in module.onForward(variables)]

    return call, lambda: dict(zip(outputs, (np.array(value) for value in call())))


def ncnn(job, feeds, on_device=False):
    refuse_integers(job)
    import ncnn as library

    shapes = ",".join(f"[{','.join(map(str, value.shape))}]{ {'float32': 'f32', 'int64': 'i64', 'int32': 'i32'}[value.dtype.name]}"
                      for value in feeds.values())

    def convert(folder):
        import shutil

        program = next(path for path in importlib.metadata.files("pnnx") if path.name == "pnnx" and path.parent.name == "pnnx").locate()
        shutil.copy(job["model"], folder / "model.onnx")  # it writes beside its input
        run([program, folder / "model.onnx", f"inputshape={shapes}", "fp16=0"])
        (folder / "model.onnx").unlink()

    param = converted(job, "ncnn", shapes, "model.ncnn.param", convert)
    net = library.Net()
    net.opt.num_threads = job["threads"]
    if on_device and not library.get_gpu_count():
        raise Refused("it finds no Vulkan device")
    net.opt.use_vulkan_compute = on_device
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise Refused("its loader refuses what its converter made")
    if any(value.ndim == 0 or value.shape[0] != 1 for value in feeds.values()):
        raise Refused("it has no batch, and no scalars")

    def matrix(value):
        return library.Mat(np.ascontiguousarray(value[0].astype(np.int32) if value.dtype == np.int64 else value[0]))

    def in_order(names):
        return sorted(names, key=lambda name: int("".join(filter(str.isdigit, name)) or 0))  # in0, in1, …, as the model has them

    mats = list(zip(in_order(net.input_names()), map(matrix, feeds.values())))
    output_names = in_order(net.output_names())

    def call():
        extractor = net.create_extractor()
        for name, mat in mats:
            extractor.input(name, mat)
        results = []
        for name in output_names:
            status, mat = extractor.extract(name)
            if status:
                raise Refused(f"it computes no {name}")
            results.append(mat)
        return results

    return call, lambda: {f"#{number}": np.array(mat) for number, mat in enumerate(call())}


def fix_shapes(model, feeds, path):
    """Writes a model whose dims are all as these inputs have them."""
    import onnx

    for value in model.graph.input:
        for dim, extent in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape if value.name in feeds else ()):
            dim.dim_value = extent
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    onnx.save(onnx.shape_inference.infer_shapes(model, data_prop=True), path)


def iree(job, feeds):
    cpu = {"native": "host"}.get(job["target"], job["target"])
    flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu", f"--iree-llvmcpu-target-cpu={cpu}",
             "--iree-opt-level=O3", "--iree-llvmcpu-stack-allocation-limit=1048576"]
    return iree_module(job, feeds, flags, "local-sync", lambda result: result.to_host())


def iree_module(job, feeds, flags, driver, read):
    """A model compiled with these flags; `read` makes an array of a result."""
    refuse_integers(job)
    import iree.runtime as runtime
    import onnx

    def convert(folder):
        fix_shapes(onnx.load(job["model"]), feeds, folder / "model.onnx")
        program = pathlib.Path(sys.executable).parent
        run([program / "iree-import-onnx", folder / "model.onnx", "--opset-version", "17", "-o", folder / "model.mlir"])
        run([program / "iree-compile", folder / "model.mlir", *flags, "-o", folder / "model.vmfb"])
        (folder / "model.onnx").unlink()
        (folder / "model.mlir").unlink()

    path = converted(job, "iree-base-compiler", flags, "model.vmfb", convert)
    module = runtime.load_vm_flatbuffer_file(str(path), driver=driver)
    entry = next(function for function in module.vm_module.function_names if not function.endswith("$async") and not function.startswith("__"))
    function = module[entry]

    def call():
        results = function(*feeds.values())
        results = results if isinstance(results, (list, tuple)) else [results]
        return [read(value) for value in results]

    return call, lambda: {f"#{number}": np.array(value) for number, value in enumerate(call())}


def ncnn_vulkan(job, feeds):
    return ncnn(job, feeds, on_device=True)


def iree_vulkan(job, feeds):
    """Its target of the least that all devices have, and, for models that this refuses, one with 64-bit integers: what it assumes of subgroups shows in the
    results."""
    import iree.runtime as runtime

    why = []
    for target in ("vp_android_baseline_2022", "sm_80"):
        flags = ["--iree-hal-target-device=vulkan", f"--iree-vulkan-target={target}", "--iree-opt-level=O3"]
        try:
            made = iree_module(job, feeds, flags, "vulkan", lambda value: to_host(runtime, value))
            job["note"] = "" if not why else f"compiled for {target}"
            return made
        except Refused as error:
            why.append(f"for {target}: {error}")
    raise Refused("; ".join(why))


def to_host(runtime, value):
    """As value.to_host(), which takes memory that this driver refuses: not at the beginning of a page."""
    view, kind, usage = value._buffer_view, runtime.MemoryType, runtime.BufferUsage
    source, device = view.get_buffer(), value._device
    staging = device.allocator.allocate_buffer(memory_type=int(kind.HOST_LOCAL | kind.DEVICE_VISIBLE), allocation_size=source.byte_length(),
                                               allowed_usage=int(usage.TRANSFER_TARGET | usage.MAPPING_SCOPED))
    done = device.create_semaphore(0)
    device.queue_copy(source, staging, wait_semaphores=runtime.HalFence.create_at(done, 0), signal_semaphores=runtime.HalFence.create_at(done, 1))
    runtime.HalFence.create_at(done, 1).wait()
    return np.array(staging.map().asarray(view.shape, runtime.HalElementType.map_to_dtype(view.element_type)))


PEERS = {function.__name__: function for function in (smelt, onnxruntime, openvino, mnn, ncnn, iree, ncnn_vulkan, iree_vulkan)}


def serve(job, answer):
    feeds = dict(np.load(job["feeds"]))
    call, outputs = PEERS[job["peer"]](job, feeds)
    np.savez(job["outputs"], **{f"{name}": value for name, value in outputs().items()})
    answer({"ready": True, "note": job.get("note", "")})
    for line in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            call()
        answer({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall})


def main():
    # Peers print on the standard output as well: answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.pop("LD_PRELOAD", None)  # it holds this process; converters have handlers of their own for what CPUID does then

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        serve(json.loads(sys.argv[1]), answer)
    except Exception as error:  # whatever a peer raises is its own
        said = " ".join(str(error).split()) or "no message"
        answer({"error": f"{'' if isinstance(error, Refused) else type(error).__name__ + ': '}{said}"[:240]})


if __name__ == "__main__":
    main()
