// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_MODEL_H
#define SMELT_FRONTENDS_TFLITE_MODEL_H

#include "frontends/common/MappedFile.h"
#include "schema_generated.h"
#include <string>
#include <vector>

namespace smelt::frontend::tflite {

/// An operator's code in the file: a built-in one, or the name of one that is not.
struct Opcode {
  int32_t builtin = 0; // kCustom where it is none
  std::string name;    // "CONV_2D", or what the file calls a custom one
  int32_t version = 1;

  bool isCustom() const;
};

/// A model file that was read: a flatbuffer whose every offset was verified, whose indices are of things that exist,
/// and each of whose tensors is made once. What tensors and operators hold is looked at as they are used.
class Model {
public:
  /// Refuses what is malformed.
  explicit Model(std::shared_ptr<const MappedFile> file);

  const schema::Model &root() const { return *root_; }
  size_t graphCount() const { return root_->subgraphs()->size(); }
  const schema::SubGraph &graph(size_t index) const {
    return *root_->subgraphs()->Get(static_cast<flatbuffers::uoffset_t>(index));
  }
  const Opcode &opcode(const schema::Operator &op) const { return opcodes_[op.opcode_index()]; }
  /// The bytes of one of the file's buffers; empty where it has none.
  llvm::ArrayRef<char> buffer(uint32_t index) const;
  llvm::ArrayRef<char> customOptions(const schema::Operator &op) const;

  /// A table that a union holds, verified as one of type T.
  template <typename T> const T *as(const schema::Any *any) const {
    const auto *table = reinterpret_cast<const T *>(any);
    return verify([&](flatbuffers::Verifier &verifier) { return table->Verify(verifier); }) ? table : nullptr;
  }

  const std::shared_ptr<const MappedFile> &file() const { return file_; }

private:
  bool verify(llvm::function_ref<bool(flatbuffers::Verifier &)> check) const;
  llvm::ArrayRef<char> outside(uint64_t offset, uint64_t size, const llvm::Twine &what) const;
  void readOpcodes();
  void checkBuffers() const;
  void checkGraph(size_t index) const;
  void checkSignatures() const;

  std::shared_ptr<const MappedFile> file_;
  llvm::ArrayRef<char> bytes_; // the flatbuffer, which may end before the file does
  const schema::Model *root_ = nullptr;
  std::vector<Opcode> opcodes_;
};

/// The numbers of a vector that need not be there.
template <typename T> llvm::ArrayRef<T> numbersOf(const flatbuffers::Vector<T> *vector) {
  static_assert(sizeof(T) <= sizeof(flatbuffers::uoffset_t), "the Verifier checks no wider alignment of elements");
  return vector ? llvm::ArrayRef<T>(reinterpret_cast<const T *>(vector->Data()), vector->size()) : llvm::ArrayRef<T>();
}
inline llvm::StringRef textOf(const flatbuffers::String *text) {
  return text ? llvm::StringRef(text->c_str(), text->size()) : llvm::StringRef();
}
/// How many elements a vector has that need not be there.
template <typename T> size_t sizeOf(const flatbuffers::Vector<T> *vector) { return vector ? vector->size() : 0; }

/// What a tensor is called: its name, or "tensor 12" where it has none.
std::string nameOf(const schema::SubGraph &graph, int32_t tensor);
/// "node 'conv_1' (CONV_2D, operator 17)", by the first tensor that it makes.
std::string describe(const Model &model, const schema::SubGraph &graph, size_t index);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_MODEL_H
