// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/OnnxRuntime.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstdlib>
#include <optional>

namespace smelt {

constexpr llvm::StringLiteral kLayerPrefix = "layer:";

// Arguments: MODEL IN.npz OUT.npz PREFIX, the last one empty where no layers are wanted. One line on stderr says what
// is wrong.
constexpr llvm::StringLiteral kScript = R"(
import itertools, sys, zipfile
model, inputs, outputs, prefix = sys.argv[1:]
try:
    import numpy as np
    import onnxruntime as ort
    nodes = {}
    source = model
    if prefix:
        import onnx
        proto = onnx.load(model)
        known = {output.name for output in proto.graph.output}
        for node in proto.graph.node:
            made = [name for name in node.output if name]
            if len(made) == 1:
                nodes[made[0]] = prefix + (node.name or made[0])
                if made[0] not in known:
                    proto.graph.output.append(onnx.ValueInfoProto(name=made[0]))
        source = proto.SerializeToString()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    with zipfile.ZipFile(inputs) as archive:  # np.load refuses an archive of nothing
        given = {name[:-4]: np.lib.format.read_array(archive.open(name)) for name in archive.namelist()}
    feeds = dict(given)
    for value in session.get_inputs():  # sequences are x[0], x[1], ...; what is absent is nowhere
        if "seq(" in value.type and value.name not in given:
            parts = itertools.takewhile(given.__contains__, (f"{value.name}[{i}]" for i in itertools.count()))
            feeds[value.name] = [feeds.pop(part) for part in parts]
        if value.type.startswith("optional(") and value.name not in given:
            feeds[value.name] = feeds.get(value.name) or None
    with zipfile.ZipFile(outputs, "w") as archive:
        def write(key, value):
            if isinstance(value, np.ndarray) and value.dtype != object:
                with archive.open(key + ".npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(value, order="C"))
        for output, value in zip(session.get_outputs(), session.run(None, feeds)):
            name = output.name
            if output.type.startswith("optional("):
                write(name + ".present", np.array(value is not None))
            if isinstance(value, list) and all(isinstance(part, np.ndarray) for part in value):
                rank = max((part.ndim for part in value), default=0)
                rows = [part.shape + (-1,) * (rank - part.ndim) for part in value]
                if value:
                    write(name + ".shapes", np.array(rows, np.int64).reshape(len(value), rank))
                    write(name + ".data", np.concatenate([part.reshape(-1) for part in value]))
                for i, part in enumerate(value):
                    write(f"{name}[{i}]", part)
            for key in sorted({name, nodes.get(name, name)}):
                write(key, value)
except ImportError as error:
    print(f"{error}; {sys.executable} needs the packages numpy, onnxruntime and, for --layers, onnx, "
          "or SMELT_PYTHON names a Python that has them", file=sys.stderr)
    sys.exit(1)
except Exception as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:400], file=sys.stderr)
    sys.exit(1)
)";

std::string layerName(const std::string &node) { return kLayerPrefix.str() + node; }

static std::string besideThisProgram(llvm::StringRef path) {
  static int anchor; // any address of this program
  llvm::SmallString<256> whole(llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(nullptr, &anchor)));
  llvm::sys::path::append(whole, path);
  return std::string(whole);
}

static llvm::Expected<std::string> findPython() {
  if (const char *named = std::getenv("SMELT_PYTHON"))
    return std::string(named);
  if (std::string own = besideThisProgram("../../.venv/bin/python"); llvm::sys::fs::can_execute(own))
    return own;
  if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName("python3"))
    return *found;
  return driver::toolError(driver::kEnvironment,
                           "--against onnxruntime needs Python 3 with the package onnxruntime; there is no python3");
}

static std::string messageIn(llvm::StringRef path) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file = llvm::MemoryBuffer::getFile(path);
  std::string text = file ? (*file)->getBuffer().trim().str() : "";
  return text.empty() ? "no message" : text;
}

llvm::Error runOnnxRuntime(const std::string &model, const std::string &inputs, const std::string &outputs,
                           bool layers) {
  llvm::Expected<std::string> python = findPython();
  if (!python)
    return python.takeError();
  const std::string log = outputs + ".log";
  llvm::FileRemover removeLog(log);
  const llvm::StringRef prefix = layers ? llvm::StringRef(kLayerPrefix) : "";
  const std::optional<llvm::StringRef> redirects[] = {std::nullopt, std::nullopt, llvm::StringRef(log)};
  std::string why;
  const int code = llvm::sys::ExecuteAndWait(*python, {*python, "-c", kScript, model, inputs, outputs, prefix},
                                             std::nullopt, redirects, 0, 0, &why);
  if (code == 0)
    return llvm::Error::success();
  return driver::toolError(driver::kEnvironment,
                           "--against onnxruntime: " + (code < 0 ? *python + ": " + why : messageIn(log)));
}

} // namespace smelt
