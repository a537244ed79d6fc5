// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_IMPORT_H
#define SMELT_FRONTENDS_COMMON_IMPORT_H

#include "frontends/common/CustomOperators.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace smelt::frontend {

/// A node that a model cannot be compiled for.
struct UnsupportedNode {
  std::string node, operatorName, elementType, reason;
  int64_t version = 0; // of the operator; 0 where it is not known
};

/// What --shape says of a dim: a number, or what it knows of one that stays symbolic.
struct GivenDim {
  GivenDim() = default; // nothing: it is as the file has it
  GivenDim(int64_t number) : number(number) {}

  std::optional<int64_t> number;
  std::string symbol; // its name, which dims may share; "": the file's
  int64_t least = 0, most = INT64_MAX;
};

struct ImportOptions {
  /// Extents of inputs, by name: what --shape gives. They must agree with the dims that the file fixes. Dims that
  /// neither mentions stay symbolic.
  std::map<std::string, std::vector<GivenDim>> shapes;
  /// The same of inputs that are sequences: extents of each of their tensors.
  std::map<std::string, std::vector<std::vector<GivenDim>>> sequences;
  /// Optional inputs that are not there.
  std::set<std::string> absent;
  /// Which entry point of a file that names several: a signature of TensorFlow Lite, a model of a .pt2 archive. "" is
  /// the one that the format runs by default.
  std::string signature;
  /// Operators that functions of the user's compute, before any of the format's or of Smelt's.
  CustomOperators custom;
  /// Called with each file beside the model that weights are read from; may be null.
  std::function<void(llvm::StringRef path)> onWeightsFile;
  /// Called with each node that is refused, but for those whose operators are in no table, which a summary lists; may
  /// be null. The import fails after the last.
  std::function<void(const UnsupportedNode &node)> onUnsupported;
};

/// The most bytes a tensor of a model may take; a larger one is refused as unsupported.
constexpr int64_t kMostTensorBytes = int64_t(1) << 34;

/// A model file as a module of one func.func @main over the graph dialect: arguments and results are the model's inputs
/// and outputs in its order, each with its name as the attribute `graph.name`; so is the module's with the model's
/// name. Dims are numbers, or graph::Extents where they stay symbolic. Every op's location is graph::sourceLocation of
/// its source node. Weights stay mapped from the file while `context` lives. The format is found from the content.
/// Fails with an ImportError.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importModel(llvm::StringRef path, const ImportOptions &options,
                                                              mlir::MLIRContext &context);

/// One input, output or operator kind of a model, as the file states it.
struct TensorSummary {
  std::string name;
  std::string elementType;          // MLIR's spelling, ONNX's where MLIR has none
  std::vector<std::string> extents; // numbers, or names of symbolic dims, "?" for those without one
  bool hasShape = true;
};
/// An entry point of a file that ImportOptions::signature selects.
struct SignatureSummary {
  std::string name;
  std::vector<TensorSummary> inputs, outputs;
};
/// What a symbolic dim of inputs may be.
struct SymbolSummary {
  std::string name;
  int64_t least = 0, most = INT64_MAX;
};
struct OperatorSummary {
  std::string name; // with its domain where that is not the format's own
  int64_t count = 0;
};
struct ModelSummary {
  std::string format;  // "onnx"
  std::string version; // "opset 17"
  std::string producer, name;
  std::vector<TensorSummary> inputs, outputs;
  std::vector<SignatureSummary> signatures; // all that the file names
  std::vector<SymbolSummary> symbols;       // those that the file bounds
  std::vector<OperatorSummary> operators;   // most frequent first
  std::vector<UnsupportedNode> unsupported;
  int64_t parameters = 0; // elements of weights
  int64_t weightBytes = 0;
};

/// What a model file holds, without compiling it; symbolic dims stay symbolic. Of the options, `signature` and `custom`
/// count. Fails with an ImportError.
llvm::Expected<ModelSummary> summariseModel(llvm::StringRef path, const ImportOptions &options = {});

/// What files of a format are called.
struct FormatName {
  llvm::StringLiteral ending; // ".onnx"
  llvm::StringLiteral name;   // "ONNX model"
};
/// A file's format, found from its content; nothing where that is unknown, and all that speaks for ONNX is that nothing
/// else does. Fails with an ImportError.
llvm::Expected<std::optional<FormatName>> formatOf(llvm::StringRef path);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_IMPORT_H
