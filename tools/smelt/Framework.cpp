// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Framework.h"
#include "tools/driver/Errors.h"
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

// Around a framework's own part. Arguments: MODEL IN.npz OUT.npz PREFIX NAMES ENDING PACKAGES. One line on stderr says
// what is wrong; the exit code is 2 where the model is of another format, 5 where packages lack, 1 where the framework
// itself refuses the model.
constexpr llvm::StringLiteral kBegin = R"(
import json, sys, zipfile
model, inputs, outputs, prefix, names, ending, packages = sys.argv[1:]
names = json.loads(names)
)";
constexpr llvm::StringLiteral kEnd = R"(
with open(model, "rb") as file:
    is_one = runs(file.read(8))
if not is_one:
    print(f"runs {ending} files only", file=sys.stderr)
    sys.exit(2)
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

const Framework *findFramework(llvm::StringRef name) {
  for (const Framework *framework : {&kOnnxRuntime, &kLiteRt, &kTorch})
    if (framework->name == name)
      return framework;
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
  const nlohmann::json listed = {{"inputs", names.inputs}, {"outputs", names.outputs}, {"layers", names.layers}};
  const std::string text = listed.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  const std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(), llvm::StringRef(log)};
  std::string why;
  const std::string script = (kBegin + framework.script + kEnd).str();
  const int code = llvm::sys::ExecuteAndWait(
      *python, {*python, "-c", script, model, inputs, outputs, prefix, text, framework.ending, framework.packages},
      std::nullopt, redirects, 0, 0, &why);
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
      code == driver::kUsage ? driver::kUsage : driver::kEnvironment,
      against + (code < 0 ? *python + " cannot be run: " + why + "; SMELT_PYTHON names another one" : lastLineIn(log)));
}

} // namespace smelt
