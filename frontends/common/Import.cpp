// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Import.h"
#include "frontends/common/ImportError.h"
#include "frontends/common/MappedFile.h"
#include "frontends/common/Refusal.h"
#include "frontends/onnx/Onnx.h"
#include "frontends/pt2/Pt2.h"
#include "frontends/tflite/Tflite.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace smelt::frontend {

namespace {
/// A format: how its files are told from others, and what reads them.
struct Format : FormatName {
  bool hasSignatures; // what ImportOptions::signature selects
  bool (*matches)(StringRef bytes);
  mlir::OwningOpRef<mlir::ModuleOp> (*import)(std::shared_ptr<const MappedFile> file, StringRef path,
                                              const ImportOptions &options, mlir::MLIRContext &context);
  ModelSummary (*summarise)(std::shared_ptr<const MappedFile> file, StringRef path, const ImportOptions &options);
};
} // namespace

/// ONNX comes last: a protobuf message has no signature.
constexpr Format kFormats[] = {
    {{".pt2", "exported program of PyTorch"}, true, pt2::isPt2, pt2::importModel, pt2::summarise},
    {{".tflite", "TensorFlow Lite model"}, true, tflite::isTflite, tflite::importModel, tflite::summarise},
    {{".onnx", "ONNX model"}, false, [](StringRef) { return true; }, onnx::importModel, onnx::summarise},
};
constexpr StringLiteral kFormatNames = "ONNX and TensorFlow Lite models and PyTorch's exported programs";

/// What other files begin with, of which people should hear more than that they hold no ONNX model.
struct Signature {
  size_t offset;
  StringLiteral bytes, name;
};
constexpr Signature kSignatures[] = {
    {0, "\177ELF", "an ELF file"},
    {0, "!<arch>\n", "a static library, whose header says what it holds"},
};

static const Format &formatOfBytes(StringRef bytes) {
  if (bytes.empty())
    malformed("is empty");
  for (const Signature &signature : kSignatures)
    if (bytes.drop_front(std::min(signature.offset, bytes.size())).starts_with(signature.bytes))
      malformed("is " + signature.name + "; Smelt reads " + kFormatNames);
  constexpr size_t kEnough = 64; // of text; a model has other bytes soon
  if (all_of(bytes.take_front(kEnough), [](char c) { return isPrint(c) || isSpace(c); }))
    malformed("is text; Smelt reads " + kFormatNames);
  return *find_if(kFormats, [&](const Format &format) { return format.matches(bytes); });
}

/// The format that a file is named after; null where it is named after none.
static const Format *formatNamedBy(StringRef path) {
  const auto *named =
      find_if(kFormats, [&](const Format &format) { return path.ends_with_insensitive(format.ending); });
  return named == std::end(kFormats) ? nullptr : named;
}

/// What is malformed as ONNX, which all unknown bytes are taken for, but is named as a file of another format: so.
static std::string messageOf(const Refusal &refusal, StringRef path) {
  const Format *named = formatNamedBy(path);
  const bool isUnknown = StringRef(refusal.message).starts_with("is no ONNX model");
  if (!isUnknown || !named || named->ending == ".onnx")
    return refusal.message;
  return ("is no " + named->name + ", or is damaged: it does not begin as one").str();
}

/// Calls `read(file)` on the mapped model and turns a Refusal into an error that names the file.
template <typename Result, typename Function> static Expected<Result> guarded(StringRef path, Function read) {
  try {
    std::shared_ptr<const MappedFile> file = MappedFile::open(path);
    const Format &format = formatOfBytes(toStringRef(file->bytes()));
    return read(format, std::move(file));
  } catch (const Refusal &refusal) {
    return make_error<ImportError>(refusal.kind, printable(path, 400) + ": " + messageOf(refusal, path));
  } catch (const std::bad_alloc &) {
    return make_error<ImportError>(ImportError::Kind::Environment, printable(path, 400) + ": out of memory");
  }
}

static void checkSignature(const Format &format, const ImportOptions &options) {
  if (!options.signature.empty() && !format.hasSignatures)
    refuse(ImportError::Kind::Usage,
           "--signature: the file is of a format (" + format.name + ") that has one entry point");
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>> importModel(StringRef path, const ImportOptions &options,
                                                        mlir::MLIRContext &context) {
  return guarded<mlir::OwningOpRef<mlir::ModuleOp>>(path,
                                                    [&](const Format &format, std::shared_ptr<const MappedFile> file) {
                                                      checkSignature(format, options);
                                                      return format.import(std::move(file), path, options, context);
                                                    });
}

Expected<ModelSummary> summariseModel(StringRef path, const ImportOptions &options) {
  return guarded<ModelSummary>(path, [&](const Format &format, std::shared_ptr<const MappedFile> file) {
    checkSignature(format, options);
    return format.summarise(std::move(file), path, options);
  });
}

Expected<std::optional<FormatName>> formatOf(StringRef path) {
  return guarded<std::optional<FormatName>>(path, [&](const Format &format, const std::shared_ptr<const MappedFile> &) {
    const Format *named = formatNamedBy(path);
    const bool isKnown = format.ending != ".onnx" || !named || named->ending == ".onnx";
    return isKnown ? std::optional<FormatName>(format) : std::nullopt;
  });
}

} // namespace smelt::frontend
