// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"
#include "frontends/common/Import.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

namespace smelt {

constexpr llvm::StringLiteral kLayerPrefix = "layer:";

// Around a framework's own part. Arguments: MODEL IN.npz OUT.npz PREFIX NAMES PACKAGES. One line on stderr says what is
// wrong; the exit code is 5 where packages lack, 1 where the framework itself refuses the model.
constexpr llvm::StringLiteral kBegin = R"(
import json, sys, zipfile
model, inputs, outputs, prefix, names, packages = sys.argv[1:]
names = json.loads(names)
)";
constexpr llvm::StringLiteral kEnd = R"(
try:
    import numpy
    with zipfile.ZipFile(inputs) as archive:  # numpy.load refuses an archive of nothing
        given = {name[:-4]: numpy.lib.format.read_array(archive.open(name)) for name in archive.namelist()}
    written = set()
    with zipfile.ZipFile(outputs, "w") as archive:
        for key, value in results(given):
            if key not in written:
                written.add(key)
                with archive.open(key + ".npy", "w", force_zip64=True) as file:
                    numpy.lib.format.write_array(file, numpy.asarray(value, order="C"))
except ImportError as error:
    print(f"{error}; {sys.executable} needs the packages {packages} or SMELT_PYTHON names a Python that has them", file=sys.stderr)
    sys.exit(5)
except Exception as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:400], file=sys.stderr)
    sys.exit(1)
)";

static const Framework *const kFrameworks[] = {&kOnnxRuntime, &kLiteRt, &kTorch};

/// "onnxruntime, litert or torch"
static std::string frameworkNames() {
  std::string text;
  for (const Framework *framework : kFrameworks)
    text += (text.empty() ? "" : framework == std::end(kFrameworks)[-1] ? " or " : ", ") + framework->name.str();
  return text;
}

/// Whether a framework runs a model, as far as the file tells.
static llvm::Error checkFormat(const Framework &framework, const std::string &model) {
  if (llvm::StringRef(model).ends_with(".mlir"))
    return driver::toolError(driver::kUsage, model + ": --against " + framework.name.str() + " runs " +
                                                 framework.ending.str() +
                                                 " files; of IR, compare with recorded "
                                                 "outputs, --against OUT.npz");
  llvm::Expected<std::optional<frontend::FormatName>> format = frontend::formatOf(model);
  if (!format)
    return format.takeError();
  if (!*format || (*format)->ending == framework.ending)
    return llvm::Error::success();
  const auto *fits = llvm::find_if(kFrameworks, [&](const Framework *it) { return it->ending == (*format)->ending; });
  return driver::toolError(driver::kUsage, model + ": --against " + framework.name.str() + " runs " +
                                               framework.ending.str() + " files; this one (" + (*format)->name.str() +
                                               ") is run by --against " + (*fits)->name.str() +
                                               ", and --against OUT.npz takes recorded outputs");
}

llvm::Expected<const Framework *> findFramework(const std::string &against, const std::string &model) {
  for (const Framework *framework : kFrameworks)
    if (framework->name == against) {
      if (llvm::Error error = checkFormat(*framework, model))
        return error;
      return framework;
    }
  if (!against.empty() && !llvm::sys::fs::exists(against))
    return driver::toolError(llvm::sys::path::has_extension(against) ? driver::kEnvironment : driver::kUsage,
                             "--against " + against + ": there is no such file, and no such framework; it takes " +
                                 frameworkNames() + ", or a .npz file of outputs");
  return nullptr;
}

std::string layerName(const std::string &node) { return kLayerPrefix.str() + node; }

static std::string besideThisProgram(llvm::StringRef path) {
  static int anchor; // any address of this program
  llvm::SmallString<256> whole(llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(nullptr, &anchor)));
  llvm::sys::path::append(whole, path);
  return std::string(whole);
}

static llvm::Expected<std::string> findPython(const Framework &framework) {
  if (const char *named = std::getenv("SMELT_PYTHON"))
    return std::string(named);
  if (std::string own = besideThisProgram(framework.python); llvm::sys::fs::can_execute(own))
    return own;
  if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName("python3"))
    return *found;
  return driver::toolError(driver::kEnvironment, "--against " + framework.name.str() +
                                                     " needs Python 3 with the package " + framework.name.str() +
                                                     "; there is no python3");
}

/// What a script says of its end: frameworks may have said more before.
static std::string lastLineIn(llvm::StringRef path) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file = llvm::MemoryBuffer::getFile(path);
  std::string text = file ? (*file)->getBuffer().trim().rsplit('\n').second.str() : "";
  if (text.empty() && file)
    text = (*file)->getBuffer().trim().str();
  return text.empty() ? "no message" : text;
}

llvm::Error runFramework(const Framework &framework, const std::string &model, const TensorNames &names,
                         const std::string &inputs, const std::string &outputs, bool layers) {
  llvm::Expected<std::string> python = findPython(framework);
  if (!python)
    return python.takeError();
  const std::string log = outputs + ".log";
  llvm::FileRemover removeLog(log);
  const llvm::StringRef prefix = layers ? llvm::StringRef(kLayerPrefix) : "";
  const nlohmann::json listed = {
      {"signature", names.signature}, {"inputs", names.inputs}, {"outputs", names.outputs}, {"layers", names.layers}};
  const std::string text = listed.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  const std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(), llvm::StringRef(log)};
  std::string why;
  const std::string script = (kBegin + framework.script + kEnd).str();
  const int code = llvm::sys::ExecuteAndWait(
      *python, {*python, "-c", script, model, inputs, outputs, prefix, text, framework.packages}, std::nullopt,
      redirects, 0, 0, &why);
  if (code == 0)
    return llvm::Error::success();
  const std::string against = "--against " + framework.name.str() + ": ";
  constexpr int kCrashed = -2; // of ExecuteAndWait
  if (code == driver::kDoesNotHold || code == kCrashed)
    return driver::toolError(driver::kDoesNotHold,
                             model + ": " + against + framework.name.str() +
                                 " itself does not run it, so that there is nothing to compare with: " +
                                 (code == kCrashed ? why : lastLineIn(log)));
  return driver::toolError(
      driver::kEnvironment,
      against + (code < 0 ? *python + " cannot be run: " + why + "; SMELT_PYTHON names another one" : lastLineIn(log)));
}

} // namespace smelt
