// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// From bytes to a model whose structure holds.

#include "frontends/common/Refusal.h"
#include "frontends/tflite/Model.h"
#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Tflite.h"
#include <algorithm>

using llvm::ArrayRef, llvm::StringRef, llvm::Twine;

namespace smelt::frontend::tflite {

// Flatbuffers hold offsets of 31 bits. What a file has behind the first so many bytes are buffers alone.
constexpr size_t kLargestFlatbuffer = (size_t(1) << 31) - 1;
constexpr flatbuffers::uoffset_t kMostTables = 4'000'000;
constexpr flatbuffers::uoffset_t kDeepestTables = 16;
constexpr uint32_t kVersion = 3;

bool isTflite(StringRef bytes) { return bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3"; }

bool Opcode::isCustom() const { return builtin == kCustom; }

std::string nameOf(const schema::SubGraph &graph, int32_t tensor) {
  if (tensor < 0 || static_cast<size_t>(tensor) >= sizeOf(graph.tensors()))
    return "nothing";
  StringRef name = textOf(graph.tensors()->Get(tensor)->name());
  return name.empty() ? "tensor " + std::to_string(tensor) : name.str();
}

std::string describe(const Model &model, const schema::SubGraph &graph, size_t index) {
  const schema::Operator &op = *graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(index));
  ArrayRef<int32_t> outputs = numbersOf(op.outputs());
  std::string name = outputs.empty() ? "" : nameOf(graph, outputs.front());
  return "node '" + printable(name) + "' (" + printable(model.opcode(op).name) + ", operator " + std::to_string(index) +
         ")";
}

bool Model::verify(llvm::function_ref<bool(flatbuffers::Verifier &)> check) const {
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t *>(bytes_.data()), bytes_.size(), kDeepestTables,
                                 kMostTables);
  return check(verifier);
}

Model::Model(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  bytes_ = file_->bytes().take_front(kLargestFlatbuffer);
  if (!verify([](flatbuffers::Verifier &verifier) { return schema::VerifyModelBuffer(verifier); }))
    malformed("is no sound TensorFlow Lite model: an offset leads out of the file, or it is truncated");
  root_ = schema::GetModel(bytes_.data());
  if (root_->version() != kVersion)
    unsupported("has version " + Twine(root_->version()) + " of the format; Smelt reads version " + Twine(kVersion));
  if (sizeOf(root_->subgraphs()) == 0)
    malformed("has no subgraph");
  readOpcodes();
  checkBuffers();
  for (size_t index = 0; index < graphCount(); ++index)
    within("subgraph " + Twine(index), [&] { checkGraph(index); });
  checkSignatures();
}

void Model::readOpcodes() {
  for (size_t index = 0; index < sizeOf(root_->operator_codes()); ++index) {
    const schema::OperatorCode &code = *root_->operator_codes()->Get(static_cast<flatbuffers::uoffset_t>(index));
    Opcode opcode;
    // Files that are older than the wide field have the narrow one alone, others have both or 127 in it.
    opcode.builtin = std::max<int32_t>(code.deprecated_builtin_code(), code.builtin_code());
    opcode.version = code.version();
    if (opcode.builtin < 0)
      malformed("operator code " + Twine(index) + " is " + Twine(opcode.builtin));
    opcode.name = opcode.isCustom() ? textOf(code.custom_code()).str() : builtinName(opcode.builtin);
    opcodes_.push_back(std::move(opcode));
  }
}

/// Bytes of the file that lie outside the flatbuffer.
ArrayRef<char> Model::outside(uint64_t offset, uint64_t size, const Twine &what) const {
  ArrayRef<char> all = file_->bytes();
  if (offset > all.size() || size > all.size() - offset)
    malformed(what + " lies outside the file: " + Twine(size) + " bytes at " + Twine(offset) + " of " +
              Twine(all.size()));
  return all.slice(offset, size);
}

ArrayRef<char> Model::buffer(uint32_t index) const {
  if (index >= sizeOf(root_->buffers()))
    malformed("there is no buffer " + Twine(index));
  const schema::Buffer &buffer = *root_->buffers()->Get(index);
  // A buffer at 0 is none, at 1 is one that was to be filled in later.
  if (buffer.offset() > 1)
    return outside(buffer.offset(), buffer.size(), "buffer " + Twine(index));
  ArrayRef<uint8_t> data = numbersOf(buffer.data());
  return {reinterpret_cast<const char *>(data.data()), data.size()};
}

ArrayRef<char> Model::customOptions(const schema::Operator &op) const {
  if (op.large_custom_options_offset() > 1)
    return outside(op.large_custom_options_offset(), op.large_custom_options_size(), "what its options are");
  ArrayRef<uint8_t> data = numbersOf(op.custom_options());
  return {reinterpret_cast<const char *>(data.data()), data.size()};
}

void Model::checkBuffers() const {
  for (uint32_t index = 0; index < sizeOf(root_->buffers()); ++index)
    (void)buffer(index);
}

static void checkIndices(ArrayRef<int32_t> indices, size_t count, bool mayBeAbsent, const Twine &what) {
  for (int32_t index : indices)
    if (index < (mayBeAbsent ? -1 : 0) || (index >= 0 && static_cast<size_t>(index) >= count))
      malformed(what + " is tensor " + Twine(index) + " of " + Twine(count));
}

void Model::checkGraph(size_t index) const {
  const schema::SubGraph &graph = this->graph(index);
  const size_t count = sizeOf(graph.tensors());
  for (size_t tensor = 0; tensor < count; ++tensor) {
    const schema::Tensor &it = *graph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(tensor));
    if (it.buffer() >= sizeOf(root_->buffers()) && it.buffer() != 0)
      malformed("tensor '" + printable(nameOf(graph, static_cast<int32_t>(tensor))) + "' (" + Twine(tensor) +
                ") has buffer " + Twine(it.buffer()) + " of " + Twine(sizeOf(root_->buffers())));
  }
  checkIndices(numbersOf(graph.inputs()), count, false, "an input");
  checkIndices(numbersOf(graph.outputs()), count, false, "an output");
  std::vector<bool> isMade(count, false);
  auto make = [&](int32_t tensor, const Twine &by) {
    if (isMade[tensor])
      malformed(by + " makes tensor '" + printable(nameOf(graph, tensor)) + "', which is made already");
    isMade[tensor] = true;
  };
  for (int32_t input : numbersOf(graph.inputs()))
    make(input, "an input");
  for (size_t number = 0; number < sizeOf(graph.operators()); ++number) {
    const schema::Operator &op = *graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(number));
    if (op.opcode_index() >= opcodes_.size())
      malformed("operator " + Twine(number) + " has code " + Twine(op.opcode_index()) + " of " +
                Twine(opcodes_.size()));
    const std::string what = describe(*this, graph, number);
    checkIndices(numbersOf(op.inputs()), count, true, what + ": an input");
    checkIndices(numbersOf(op.outputs()), count, false, what + ": an output");
    checkIndices(numbersOf(op.intermediates()), count, true, what + ": an intermediate tensor");
    for (int32_t output : numbersOf(op.outputs()))
      make(output, what);
  }
}

void Model::checkSignatures() const {
  for (size_t number = 0; number < sizeOf(root_->signature_defs()); ++number) {
    const schema::SignatureDef &signature = *root_->signature_defs()->Get(static_cast<flatbuffers::uoffset_t>(number));
    if (signature.subgraph_index() >= graphCount())
      malformed("signature " + Twine(number) + " is of subgraph " + Twine(signature.subgraph_index()) + " of " +
                Twine(graphCount()));
    const size_t count = sizeOf(graph(signature.subgraph_index()).tensors());
    for (const auto *maps : {signature.inputs(), signature.outputs()})
      for (size_t at = 0; at < sizeOf(maps); ++at)
        if (const uint32_t tensor = maps->Get(static_cast<flatbuffers::uoffset_t>(at))->tensor_index(); tensor >= count)
          malformed("signature " + Twine(number) + " names tensor " + Twine(tensor) + " of " + Twine(count));
  }
}

} // namespace smelt::frontend::tflite
