// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Importer.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/CustomCall.h"
#include "frontends/common/FileTensor.h"
#include "frontends/common/Linear.h"
#include "frontends/common/Main.h"
#include "frontends/common/Unsupported.h"
#include "frontends/tflite/Ops/Quantization.h"
#include "frontends/tflite/Tflite.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

// A few subgraphs that call each other can stand for more operators than a computer holds.
constexpr int64_t kMostInlined = 1 << 16;
constexpr unsigned kDeepestCalls = 64;
constexpr size_t kLongestPath = 1000; // of calls, before an operator's name

// Operators that nothing imports.

/// "CONV_2D, operator 17"
static std::string operatorText(const Model &model, const schema::Operator &op, size_t index) {
  return printable(model.opcode(op).name) + ", operator " + std::to_string(index);
}

static std::string operatorName(const schema::SubGraph &graph, const schema::Operator &op) {
  ArrayRef<int32_t> outputs = numbersOf(op.outputs());
  return outputs.empty() ? "" : nameOf(graph, outputs.front());
}

std::vector<UnsupportedNode> unsupportedOperators(const Model &model, size_t from, const OperatorTable &operators,
                                                  bool withIndices) {
  std::vector<UnsupportedNode> found;
  for (size_t number : graphsReachedFrom(model, from)) {
    const schema::SubGraph &graph = model.graph(number);
    for (size_t index = 0; index < sizeOf(graph.operators()); ++index) {
      const schema::Operator &op = *graph.operators()->Get(static_cast<unsigned>(index));
      const Opcode &opcode = model.opcode(op);
      if (operators.findCustom(opcode) || operators.find(opcode))
        continue;
      std::string name = withIndices ? operatorText(model, op, index) : printable(opcode.name);
      std::string reason = opcode.isCustom() ? "custom operator that neither Smelt nor a file of --custom knows"
                                             : kUnknownOperator.str();
      found.push_back({operatorName(graph, op), std::move(name), "", std::move(reason), 0});
    }
  }
  return found;
}

// Values.

Importer::Importer(const Model &model, const ImportOptions &options, MLIRContext &context)
    : model_(model), options_(options), entry_(entryOf(model, options.signature)), context_(&context),
      builder_(&context), operators_(options.custom) {}

Value Importer::constantOf(const schema::SubGraph &graph, int32_t tensor) {
  const schema::Tensor &it = *graph.tensors()->Get(static_cast<unsigned>(tensor));
  ElementsAttr &known = constants_[&it];
  if (!known) {
    std::optional<Constant> read = tflite::constantOf(model_, it, context_);
    if (!read)
      return nullptr;
    if (read->isComputed)
      builder_.countComputed(static_cast<int64_t>(read->tensor.bytes.size()));
    known = read->tensor.toAttribute(blobName(nameOf(graph, tensor)));
  }
  return builder_.constant(known);
}

Value Importer::derivedConstant(const graph::HostTensor &tensor) {
  constexpr int64_t kMostTimes = 8; // f32 of integers of 4 bits
  const auto bytes = static_cast<int64_t>(tensor.bytes().size());
  derivedBytes_ += bytes;
  if (derivedBytes_ > kMostTimes * static_cast<int64_t>(model_.file()->bytes().size()))
    builder_.countComputed(bytes);
  return builder_.constant(tensor.toAttribute());
}

Value Importer::lookup(Frame &frame, int32_t tensor, bool mayBeComplex) {
  if (frame.isLost[tensor])
    throw Lost{};
  if (const int8_t type = frame.graph.tensors()->Get(static_cast<unsigned>(tensor))->type();
      type == kComplex64 && !mayBeComplex)
    unsupported("tensor '" + printable(nameOf(frame.graph, tensor)) + "' has elements of " + typeName(type) +
                ", which are not supported here");
  if (Value known = frame.values[tensor])
    return known;
  Value value = constantOf(frame.graph, tensor);
  if (!value && frame.graph.tensors()->Get(static_cast<unsigned>(tensor))->is_variable())
    return readStateful(frame, tensor);
  if (!value)
    malformed("tensor '" + printable(nameOf(frame.graph, tensor)) + "' (" + Twine(tensor) +
              ") is made by nothing that comes before");
  return frame.values[tensor] = value;
}

const std::string &Importer::handle(const Frame &frame, int32_t tensor) const {
  if (tensor >= 0 && frame.isLost[tensor])
    throw Lost{};
  auto found = frame.handles.find(tensor);
  if (found == frame.handles.end())
    malformed("takes a tensor that names no variable");
  return found->second;
}

// Operators.

void Importer::importOperators(Frame &frame) {
  for (size_t index = 0; index < sizeOf(frame.graph.operators()); ++index) {
    try {
      importOperator(frame, index);
    } catch (const Lost &) {
      for (int32_t output : numbersOf(frame.graph.operators()->Get(static_cast<unsigned>(index))->outputs()))
        frame.isLost[output] = true;
    } catch (Refusal &refusal) {
      refuse(frame, index, std::move(refusal));
    }
  }
}

/// Gives a refused operator a result of the dims that the file states, where these are fixed, so that what reads it is
/// looked at as well: all that is unsupported is told at once.
void Importer::standIn(Frame &frame, int32_t tensor) {
  const schema::Tensor &declared = *frame.graph.tensors()->Get(static_cast<unsigned>(tensor));
  Integers dims(declaredDims(declared));
  frame.isLost[tensor] = true;
  if (declared.type() != kFloat32 || dims.empty() || llvm::any_of(dims, [](int64_t dim) { return dim < 1; }))
    return;
  try {
    Type type = checkedType(dims, builder_.builder().getF32Type());
    frame.values[tensor] =
        UnrealizedConversionCastOp::create(builder_.builder(), builder_.location(), type, ValueRange()).getResult(0);
    frame.isLost[tensor] = false;
  } catch (const Refusal &) {
    // Too large a tensor: it stays lost.
  }
}

/// Goes on after what is unsupported; throws what is worse.
void Importer::refuse(Frame &frame, size_t index, Refusal refusal) {
  const schema::Operator &op = *frame.graph.operators()->Get(static_cast<unsigned>(index));
  if (refusal.kind == ImportError::Kind::Unsupported && !refusal.namesNode && refused_.size() < kMostRefused) {
    UnsupportedNode node{frame.path + operatorName(frame.graph, op), operatorText(model_, op, index), "",
                         refusal.message, 0};
    auto isSame = [&](const UnsupportedNode &other) {
      return other.node == node.node && other.operatorName == node.operatorName && other.reason == node.reason;
    };
    if (llvm::none_of(refused_, isSame)) // a loop's body may be read more than once
      refused_.push_back(std::move(node));
    for (int32_t output : numbersOf(op.outputs()))
      standIn(frame, output);
    return;
  }
  // What does not fit may do so for want of what stands in for a refused operator's results.
  if (refusal.kind == ImportError::Kind::Malformed && !refused_.empty()) {
    for (int32_t output : numbersOf(op.outputs()))
      frame.isLost[output] = true;
    return;
  }
  if (!refusal.namesNode)
    refusal.message = describe(model_, frame.graph, index) + ": " + refusal.message;
  refusal.namesNode = true;
  throw refusal;
}

/// What a tensor of an operator's results stands for: floats become the integers that it is declared to hold.
void Importer::setResult(Frame &frame, int32_t tensor, Value value) {
  const schema::Tensor &declared = *frame.graph.tensors()->Get(static_cast<unsigned>(tensor));
  const std::string where = "its output '" + printable(nameOf(frame.graph, tensor)) + "'";
  if (!value) {
    frame.isLost[tensor] = !frame.handles.contains(tensor);
    return;
  }
  if (declared.type() == kComplex64) {
    if (!elementOf(value).isF32() || rankOf(value) < 1 || extentsOf(value)[0] != graph::Extent(2))
      unsupported(where + " has elements of " + typeName(declared.type()) + ", which it does not make");
    frame.values[tensor] = value;
    return;
  }
  Type element = elementTypeOf(declared.type(), context_, where);
  if (elementOf(value) != element && elementOf(value).isF32())
    if (std::optional<Quantisation> how = quantisationOf(declared))
      value = quantised(builder_, value, *how, element);
  if (elementOf(value) != element)
    malformed(where + " is declared with elements of " + inWords(element) + ", but it computes " +
              inWords(elementOf(value)));
  frame.values[tensor] = value;
}

/// Refuses a result of dims that are not those that the file states, as far as both are known: one of them is wrong.
/// Where an input is open, a file states -1 of what depends on it; no dims at all may stand for any number of them.
void Importer::checkDims(const Frame &frame, int32_t tensor) const {
  const schema::Tensor &declared = *frame.graph.tensors()->Get(static_cast<unsigned>(tensor));
  const Integers dims(declaredDims(declared));
  Value value = frame.values[tensor];
  if (!value || dims.empty() || !refused_.empty() || declared.type() == kComplex64)
    return;
  const graph::Extents computed = extentsOf(value);
  bool fits = computed.size() == dims.size();
  for (size_t position = 0; fits && position < dims.size(); ++position)
    fits = dims[position] < 0 || mayEqual(computed[position], dims[position]);
  if (!fits)
    malformed("computes " + inWords(computed) + " for its output '" + printable(nameOf(frame.graph, tensor)) +
              "', which the file states to be " + inWords(dims) +
              ": it is damaged, or was changed since; convert the model again");
}

static Values importCustom(OperatorReader &node, const CustomOperator &declared) {
  if (!declared.attributes.empty())
    unsupported("is declared with attributes, of which a TensorFlow Lite file has none");
  Values inputs;
  for (unsigned index = 0; index < std::max<size_t>(node.inputCount(), declared.inputs.size()); ++index)
    inputs.push_back(node.optionalInput(index));
  return buildCustomCall(node.builder(), declared, inputs, {});
}

void Importer::importOperator(Frame &frame, size_t index) {
  const schema::Operator &op = *frame.graph.operators()->Get(static_cast<unsigned>(index));
  if (frame.depth > 0 && ++inlined_ > kMostInlined)
    unsupported("the subgraphs that are called stand for more than " + Twine(kMostInlined) + " operators");
  const Opcode &opcode = model_.opcode(op);
  builder_.setLocation(graph::sourceLocation(context_, printable(frame.path + operatorName(frame.graph, op)),
                                             operatorText(model_, op, index)));
  OperatorReader reader(*this, frame, index);
  const CustomOperator *custom = operators_.findCustom(opcode);
  const Operator *row = custom ? nullptr : operators_.find(opcode);
  if (!custom && !row)
    unsupported(kUnknownOperator);
  Values results = custom ? importCustom(reader, *custom) : row->import(reader);
  reader.checkAllRead();
  ArrayRef<int32_t> outputs = numbersOf(op.outputs());
  if (outputs.size() > results.size())
    malformed("has " + Twine(outputs.size()) + " outputs, more than the " + Twine(results.size()) +
              " that its operator makes");
  for (auto [output, result] : llvm::zip(outputs, results)) {
    setResult(frame, output, result);
    checkDims(frame, output);
  }
}

Passed Importer::inlineGraph(int64_t index, const Passed &inputs, const Frame &caller, bool isPart) {
  if (index < 0 || static_cast<size_t>(index) >= model_.graphCount())
    malformed("calls subgraph " + Twine(index) + " of " + Twine(model_.graphCount()));
  if (caller.depth >= kDeepestCalls)
    malformed("calls subgraphs more than " + Twine(kDeepestCalls) + " deep; they may not be recursive");
  Frame frame(model_.graph(index), index);
  StringRef name = textOf(frame.graph.name());
  frame.path =
      (caller.path + (name.empty() ? "subgraph " + std::to_string(index) : name.str())).substr(0, kLongestPath) + "/";
  frame.depth = caller.depth + 1;
  frame.isPart = caller.isPart || isPart;
  ArrayRef<int32_t> formal = numbersOf(frame.graph.inputs());
  if (formal.size() != inputs.values.size())
    malformed("subgraph " + Twine(index) + " takes " + Twine(formal.size()) + " inputs, not " +
              Twine(inputs.values.size()));
  for (auto [position, tensor] : llvm::enumerate(formal)) {
    frame.values[tensor] = inputs.values[position];
    if (auto found = inputs.handles.find(position); found != inputs.handles.end())
      frame.handles[tensor] = found->second;
  }
  Location location = builder_.location();
  importOperators(frame);
  builder_.setLocation(location);
  Passed results;
  for (auto [position, output] : llvm::enumerate(numbersOf(frame.graph.outputs()))) {
    auto found = frame.handles.find(output);
    if (found != frame.handles.end())
      results.handles[position] = found->second;
    results.values.push_back(found == frame.handles.end() ? lookup(frame, output) : Value());
  }
  return results;
}

// The model.

/// All that the integers of a quantised tensor may be, which stand for what is between the ends of its range.
static std::optional<std::array<int64_t, 2>> rangeOf(const schema::Tensor &tensor, RankedTensorType type) {
  auto element = dyn_cast<IntegerType>(type.getElementType());
  if (!element || element.getWidth() > 16 || element.getWidth() < 8 || !quantisationOf(tensor))
    return std::nullopt;
  const int64_t count = int64_t(1) << element.getWidth(), least = element.isUnsigned() ? 0 : -count / 2;
  return std::array<int64_t, 2>{least, least + count - 1};
}

void Importer::makeMain(ModuleOp module, Frame &frame) {
  std::vector<DeclaredInput> declared;
  for (const auto &[tensor, name] : entry_.inputs) {
    const schema::Tensor &it = *frame.graph.tensors()->Get(static_cast<unsigned>(tensor));
    DeclaredInput &input = declared.emplace_back();
    input.name = name;
    input.element = [&it, this](const Twine &where) { return elementTypeOf(it.type(), context_, where); };
    input.dims.emplace();
    for (int64_t dim : declaredDims(it)) {
      if (dim < -1)
        malformed("input '" + printable(input.name) + "' has a dim of " + Twine(dim));
      input.dims->push_back(dim < 0 ? DeclaredDim() : DeclaredDim{dim, ""});
    }
  }
  const ModelInputs given = resolveInputs(declared, options_, context_);
  if (given.bounds)
    module->setAttr("graph.bounds", given.bounds);
  SmallVector<Type> types;
  for (const ModelInput &tensor : given.tensors)
    types.push_back(tensor.type);
  OpBuilder &builder = builder_.builder();
  builder.setInsertionPointToEnd(module.getBody());
  main_ = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType(types, {}));
  builder.setInsertionPointToEnd(main_.addEntryBlock());
  for (auto [position, tensor] : llvm::enumerate(given.tensors)) {
    main_.setArgAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(tensor.name));
    const int32_t index = entry_.inputs[position].tensor;
    frame.values[index] = main_.getArgument(static_cast<unsigned>(position));
    if (std::optional<std::array<int64_t, 2>> range =
            rangeOf(*frame.graph.tensors()->Get(static_cast<unsigned>(index)), tensor.type))
      main_.setArgAttr(static_cast<unsigned>(position), "graph.range", builder.getDenseI64ArrayAttr(*range));
  }
}

void Importer::finishMain(Frame &frame) {
  OpBuilder &builder = builder_.builder();
  Results results;
  for (const auto &[tensor, name] : entry_.outputs)
    results.push_back({name, lookup(frame, tensor)});
  SmallVector<int64_t> states;
  addStates(results, states);
  if (!states.empty())
    main_->getParentOp()->setAttr("graph.states", builder.getDenseI64ArrayAttr(states));
  frontend::finishMain(main_, results, builder);
}

OwningOpRef<ModuleOp> Importer::run() {
  std::vector<UnsupportedNode> unknown;
  if (!options_.onUnsupported)
    unknown = unsupportedOperators(model_, entry_.graph, operators_, /*withIndices=*/true);
  return buildOrRefuse(std::move(unknown), refused_, [this] { return build(); });
}

OwningOpRef<ModuleOp> Importer::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.builder().getUnknownLoc());
  Frame frame(model_.graph(entry_.graph), entry_.graph);
  (*module)->setAttr("graph.name", builder_.builder().getStringAttr(entry_.name));
  makeMain(*module, frame);
  importOperators(frame);
  for (const NamedTensor &output : entry_.outputs)
    try {
      lookup(frame, output.tensor);
    } catch (const Lost &) {
      continue; // it is refused
    }
  reportRefused(refused_, options_.onUnsupported);
  finishMain(frame);
  return module;
}

OwningOpRef<ModuleOp> importModel(std::shared_ptr<const MappedFile> file, StringRef path, const ImportOptions &options,
                                  MLIRContext &context) {
  context.loadDialect<graph::GraphDialect, func::FuncDialect>();
  Model model(std::move(file));
  return Importer(model, options, context).run();
}

} // namespace smelt::frontend::tflite
