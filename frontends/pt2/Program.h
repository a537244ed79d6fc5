// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_PROGRAM_H
#define SMELT_FRONTENDS_PT2_PROGRAM_H

#include "frontends/common/MappedFile.h"
#include "frontends/pt2/Archive.h"
#include "frontends/pt2/Json.h"
#include "frontends/pt2/Tensors.h"

namespace smelt::frontend::pt2 {

/// What to do about a program that changes its parameters.
constexpr llvm::StringLiteral kChangedParameter =
    "which Smelt keeps as they are; of nn.Embedding(max_norm=…), shorten the weights once before the export, by "
    "torch.renorm, and set max_norm to None; what is to change from run to run is a buffer (register_buffer)";

/// What an argument of the main graph stands for.
struct InputSpec {
  enum class Kind { Parameter, Buffer, Constant, User, Ignored };
  Kind kind;
  std::string name;                            // of the tensor, in the graph
  std::string target;                          // what the module calls it: "layer1.0.conv1.weight"
  const llvm::json::Value *argument = nullptr; // a user's input
  bool isPersistent = true;                    // a buffer that lies among the weights
};

/// What a result of the main graph is.
struct OutputSpec {
  enum class Kind { User, BufferMutation, InputMutation };
  Kind kind;
  const llvm::json::Value *argument = nullptr; // {"as_tensor": {"name": …}}
  std::string target;                          // of a mutation: the buffer's name, or the input's
};

/// A dim of a tensor's description: a number, or what an expression of symbols is called, "" where it has functions
/// that Smelt does not know.
struct StatedDim {
  std::optional<int64_t> number;
  std::string text;
};

/// An exported program: the archive of any of the three generations, its graph and its signature. What the graph
/// consists of is looked at as it is imported.
class Program {
public:
  /// Of the archive's models the one of this name; "" is the only one. Refuses to choose among several.
  Program(std::shared_ptr<const MappedFile> file, llvm::StringRef name);

  /// What the archive calls the model, and all of its models; nothing in archives that hold one without a name.
  llvm::StringRef name() const { return name_; }
  llvm::ArrayRef<std::string> names() const { return names_; }

  const llvm::json::Object &graph() const { return *graph_; }
  llvm::ArrayRef<InputSpec> inputs() const { return inputs_; }
  llvm::ArrayRef<OutputSpec> outputs() const { return outputs_; }
  /// What the program takes for granted of its inputs, as expressions of Python; null where the file has no such list.
  const llvm::json::Array *guards() const { return model_.getAsObject()->getArray("guards_code"); }
  /// What torch.export notes of the whole module's call: how its arguments are nested. Null where there is nothing.
  const llvm::json::Object *topModule() const;
  /// "TRAINING", "ATEN": which of torch.export's dialects the graph is in.
  std::string dialect() const;
  std::string torchVersion() const;
  std::string schemaVersion() const;
  /// [least, most] of a symbol, or of an expression of symbols, that is a dim of an input. Refuses what none can be.
  std::pair<int64_t, int64_t> range(llvm::StringRef expression) const;

  /// [least, most] of a size that is an input itself; nothing where the file bounds it on no side.
  std::optional<std::array<int64_t, 2>> rangeOfSize(llvm::StringRef name) const;

  /// A dim as the file states it. Refuses what is neither a number nor an expression.
  StatedDim dim(const llvm::json::Value &stated) const;

  /// A tensor of the module; null where the archive has none of this name.
  const StoredTensor *find(const InputSpec &spec) const;
  /// Keeps the bytes of all tensors.
  std::shared_ptr<const void> owner() const { return file_; }

private:
  using Tensors = llvm::StringMap<StoredTensor>;

  void openFlat();
  void openPackage(llvm::StringRef wanted);
  void chooseModel(llvm::StringRef wanted);
  Tensors readRaw(llvm::StringRef folder, llvm::StringRef config) const;
  Tensors readPickled(llvm::StringRef member) const;
  void readSignature();
  void checkRanges() const;

  std::shared_ptr<const MappedFile> file_;
  Archive archive_;
  std::string root_; // before the names of all members: "resnet18/"
  std::string name_;
  std::vector<std::string> names_;
  llvm::json::Value model_ = nullptr;
  const llvm::json::Object *graph_ = nullptr;
  std::vector<InputSpec> inputs_;
  std::vector<OutputSpec> outputs_;
  Tensors weights_, constants_;
};

/// What a size is called: "s77", "2*s39", "u0", from sympy's srepr: "Mul(Integer(2), Symbol('s39', positive=True))".
/// Empty where it is made of functions that Smelt does not know.
std::string expressionText(llvm::StringRef srepr);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_PROGRAM_H
