// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_MODEL_H
#define SMELT_FRONTENDS_ONNX_MODEL_H

#include "frontends/common/MappedFile.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/StringMap.h"
#include <string>

namespace smelt::frontend::onnx {

using ::onnx::AttributeProto;
using ::onnx::FunctionProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::SparseTensorProto;
using ::onnx::TensorProto;
using ::onnx::TypeProto;
using ::onnx::ValueInfoProto;

/// The operator set versions that a model or function imports, by domain.
using Opsets = llvm::StringMap<int64_t>;

/// The ONNX versions that Smelt knows.
constexpr int64_t kOldestOpset = 1, kNewestOpset = 28;

/// "" for the domain of ONNX's own operators, which has two names.
inline llvm::StringRef canonicalDomain(llvm::StringRef domain) { return domain == "ai.onnx" ? "" : domain; }

/// A model file that was read: its structure is sound (see Reader.cpp), its tensors are looked at as they are used.
class Model {
public:
  /// Refuses what is malformed or of an operator set that Smelt does not know.
  Model(std::shared_ptr<const MappedFile> file, llvm::StringRef path);

  const ModelProto &proto() const { return proto_; }
  const GraphProto &graph() const { return proto_.graph(); }
  const Opsets &opsets() const { return opsets_; }
  /// A function of the model; null where it has none of this name.
  const FunctionProto *function(llvm::StringRef domain, llvm::StringRef name, llvm::StringRef overload) const;

  /// Bytes that stay while somebody holds the file.
  struct Bytes {
    llvm::ArrayRef<char> data;
    std::shared_ptr<const MappedFile> file;
  };
  /// What a tensor's raw_data stands for.
  Bytes raw(const TensorProto &tensor) const;
  /// The `size` bytes that a tensor with external data refers to.
  Bytes external(const TensorProto &tensor, uint64_t size);
  /// The files that external() has looked at.
  std::vector<std::string> externalPaths() const;

private:
  std::shared_ptr<const MappedFile> file_;
  std::string folder_;
  ModelProto proto_;
  Opsets opsets_;
  llvm::StringMap<const FunctionProto *> functions_; // by functionKey
  llvm::StringMap<std::shared_ptr<const MappedFile>> externalFiles_;
};

/// The versions that a list of imports states, those of ONNX's own operators checked. `where` begins a message.
Opsets readOpsets(const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto> &imports,
                  const llvm::Twine &where);

/// "node 'NAME' (OP, opset 17)", with the first output's name where the node has none.
std::string describe(const NodeProto &node, const Opsets &opsets);
/// What to call a node that need not have a name.
llvm::StringRef nameOf(const NodeProto &node);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_MODEL_H
