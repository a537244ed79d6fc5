// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/Header.h"

#include "codegen/artifact/Bounds.h"
#include "codegen/artifact/Identifiers.h"
#include "smelt/smelt.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

using namespace llvm;

namespace smelt::artifact {

/// Text for the inside of a C comment: nothing in it may end the comment, start another or continue a line.
static std::string commentText(StringRef text) {
  std::string result = text.str();
  for (char &c : result)
    if (!isPrint(c) || c == '*' || c == '\\' || c == '?')
      c = '_';
  return result;
}

static StringRef cType(uint32_t dtype) {
  switch (static_cast<smelt_dtype>(dtype)) {
  case SMELT_F32:
    return "float";
  case SMELT_F16:
    return "IEEE half precision, 2 bytes each";
  case SMELT_BF16:
    return "bfloat16, 2 bytes each";
  case SMELT_F64:
    return "double";
  case SMELT_I8:
    return "int8_t";
  case SMELT_I16:
    return "int16_t";
  case SMELT_I32:
    return "int32_t";
  case SMELT_I64:
    return "int64_t";
  case SMELT_U8:
    return "uint8_t";
  case SMELT_U16:
    return "uint16_t";
  case SMELT_U32:
    return "uint32_t";
  case SMELT_U64:
    return "uint64_t";
  case SMELT_BOOL:
    return "0 or 1, 1 byte each";
  case SMELT_F8E4M3FN:
    return "float8 E4M3FN, 1 byte each";
  case SMELT_F8E4M3FNUZ:
    return "float8 E4M3FNUZ, 1 byte each";
  case SMELT_F8E5M2:
    return "float8 E5M2, 1 byte each";
  case SMELT_F8E5M2FNUZ:
    return "float8 E5M2FNUZ, 1 byte each";
  case SMELT_F8E8M0:
    return "float8 E8M0, 1 byte each";
  case SMELT_F6E2M3:
    return "float6 E2M3, 1 byte each";
  case SMELT_F6E3M2:
    return "float6 E3M2, 1 byte each";
  case SMELT_F4E2M1:
    return "float4 E2M1, 2 a byte";
  case SMELT_I4:
    return "int4, 2 a byte";
  case SMELT_U4:
    return "uint4, 2 a byte";
  case SMELT_I2:
    return "int2, 4 a byte";
  case SMELT_U2:
    return "uint2, 4 a byte";
  }
  return "unknown";
}

/// "1, 3, 224, 224", or with names of symbolic dims.
static std::string shapeText(const Tensor &tensor) {
  if (tensor.extents.empty())
    return join(map_range(tensor.shape, [](int64_t extent) { return itostr(extent); }), ", ");
  std::string text; // '*' may begin the end of a comment
  for (char c : join(tensor.extents, ", "))
    text += c == '*' ? std::string(" x ") : commentText(StringRef(&c, 1));
  return text;
}

/// kind is INPUT or OUTPUT.
static void writeTensors(ArrayRef<Tensor> tensors, StringRef prefix, StringRef kind, raw_ostream &os) {
  os << "\n#define " << prefix << "_" << kind << "_COUNT " << tensors.size() << "\n";
  MacroNames names;
  for (auto [index, tensor] : enumerate(tensors)) {
    const std::string macro = (prefix + "_" + kind + "_" + names.add(tensor.name)).str();
    os << "/* " << commentText(tensor.name) << ": [" << shapeText(tensor) << "], " << cType(tensor.dtype) << " */\n";
    os << "#define " << macro << "_INDEX " << index << "\n";
    if (tensor.extents.empty())
      os << "#define " << macro << "_BYTES " << tensor.bytes << "\n";
  }
}

/// "batch from 1 to 8, seq"
static std::string symbolsText(ArrayRef<Symbol> symbols) {
  std::string text;
  for (const Symbol &symbol : symbols) {
    text += (text.empty() ? "" : ", ") + symbol.name;
    if (symbol.least > 0 || symbol.most < INT64_MAX)
      text += " from " + std::to_string(symbol.least);
    if (symbol.most < INT64_MAX)
      text += " to " + std::to_string(symbol.most);
  }
  return text;
}

/// Whether some block is no state's that the arena has room for.
static bool needsMemory(const Model &model) {
  uint32_t blocks = model.blockCount;
  for (const State &state : model.states)
    if (state.places[0] >= 0)
      blocks -= state.blocks[0] == state.blocks[1] ? 1 : 2;
  return blocks > 0;
}

static void writeArena(const Model &model, StringRef prefix, raw_ostream &os) {
  const std::optional<uint64_t> most = mostArenaBytes(model);
  if (!model.symbols.empty()) {
    os << "/* Dims are symbolic: " << commentText(symbolsText(model.symbols))
       << ".\n * smelt_set_shapes fits an instance to shapes of the inputs, before its first run and whenever they "
          "change;"
          " it refuses others.\n * smelt_arena_bytes tells how large an arena it takes for them";
    os << (most ? "; the size below is enough for all. */\n" : ": with bounds (--shape) there is a size for all. */\n");
  }
  if (needsMemory(model))
    os << "/* It finds sizes while it runs, for which it needs memory that grows: smelt_set_resize. */\n";
  if (most) // C has no empty arrays
    os << "#define " << prefix << "_ARENA_BYTES " << std::max<uint64_t>(*most, 1) << "\n";
}

/// What stays in an instance.
static void writeStates(const Model &model, raw_ostream &os) {
  if (model.states.empty())
    return;
  os << "\n/* States, each an output of the source model that is an input of the next run; smelt_reset makes them "
        "zeros:\n";
  for (auto [index, state] : enumerate(model.states))
    os << " * " << index << ": " << commentText(state.output.name) << " becomes " << commentText(state.input.name)
       << ": [" << shapeText(state.input) << "], " << cType(state.input.dtype) << "\n";
  os << " */\n";
}

void writeHeader(const Model &model, raw_ostream &os) {
  const std::string symbol = modelSymbol(model.name);
  const std::string prefix = StringRef(symbol).upper();
  os << "/* The model " << commentText(model.name) << ", compiled by Smelt for " << commentText(model.target)
     << ". Link with the .a beside this file and with the runtime;\n"
        " * smelt/smelt.h shows a complete program. */\n"
     << "#ifndef SMELT_MODEL_" << symbol << "_H\n#define SMELT_MODEL_" << symbol << "_H\n\n"
     << "#include \"smelt/smelt.h\"\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "extern const smelt_model " << symbol << ";\n";
  if (!model.customFunctions.empty())
    os << "\n/* Of custom operators; the program defines them. */\n";
  for (const std::string &function : model.customFunctions)
    os << "void " << function << "(const smelt_custom_call *call);\n";
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n";
  writeArena(model, prefix, os);
  os << "#define " << prefix << "_WEIGHTS_BYTES " << model.weightsBytes << "\n";
  SmallVector<StringRef> forms;
  StringRef(model.forms).split(forms, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  if (!forms.empty())
    os << "\n/* What is no tensor in the source model (smelt_model.forms):\n";
  for (StringRef form : forms)
    os << " *   " << commentText(form) << "\n";
  os << (forms.empty() ? "" : " */\n");
  writeTensors(model.inputs, prefix, "INPUT", os);
  writeTensors(model.outputs, prefix, "OUTPUT", os);
  writeStates(model, os);
  os << "\n#endif\n";
}

} // namespace smelt::artifact
