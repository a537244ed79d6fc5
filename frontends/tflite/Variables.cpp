// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What stays from run to run: variables that operators read and assign by name, and tensors that operators keep. The
// module has an input and an output for each, which its attribute `graph.states` joins. Memory of states begins as
// zeros; what begins as something else is held as the difference to that, so that zeros stand for it.

#include "frontends/tflite/Importer.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

static bool isZeros(const graph::HostTensor &tensor) {
  return llvm::all_of(tensor.bytes(), [](char byte) { return byte == 0; });
}

/// Integers of the same bits.
static Value bitsOf(GraphBuilder &b, Value value, Type integers) {
  if (!isa<FloatType>(elementOf(value)))
    return value;
  return b.makeAs<graph::BitCastOp>(graph::typeOf(value).clone(integers), value);
}

/// The number that all elements of a tensor of integers are; nothing where they differ, or are no such.
static std::optional<graph::Scalar> splatOf(const graph::HostTensor &tensor) {
  if (!isa<IntegerType>(tensor.elementType()) || tensor.elementType().isInteger(1) || tensor.size() == 0)
    return std::nullopt;
  const size_t size = tensor.bytesPerElement();
  for (int64_t at = 1; at < tensor.size(); ++at)
    if (tensor.bytes().take_front(size) != tensor.bytes().slice(at * size, size))
      return std::nullopt;
  return tensor.get(0);
}

/// Values of a variable that begins as one number, as differences to it. What only moves elements is made of
/// differences itself, so that nothing is left to compute of what moves from run to run:
///   slice(concat(state + k, x)) - k   →   slice(concat(state, x - k)), and others read concat(state, x - k) + k
class Differences {
public:
  Differences(GraphBuilder &b, Value state, graph::Scalar number)
      : b_(b), number_(b.scalar(elementOf(state), number)) {}

  Value sum(Value difference) { return b_.make<graph::AddOp>(difference, number_); }
  Value of(Value value, unsigned depth = 0);

private:
  bool isSum(Value value, Value &difference) const;
  Value ofConcat(graph::ConcatOp concat, unsigned depth);

  GraphBuilder &b_;
  Value number_;
};

bool Differences::isSum(Value value, Value &difference) const {
  auto add = value.getDefiningOp<graph::AddOp>();
  if (!add || add.getRhs() != number_)
    return false;
  difference = add.getLhs();
  return true;
}

Value Differences::ofConcat(graph::ConcatOp concat, unsigned depth) {
  Values operands;
  for (Value operand : concat.getInputs())
    operands.push_back(of(operand, depth + 1));
  OpBuilder::InsertionGuard guard(b_.builder());
  b_.builder().setInsertionPointAfter(concat);
  Value joined = b_.make<graph::ConcatOp>(operands, concat.getAxis());
  concat.getResult().replaceAllUsesWith(sum(joined));
  return joined;
}

Value Differences::of(Value value, unsigned depth) {
  constexpr unsigned kDeepest = 8;
  Value difference;
  if (isSum(value, difference))
    return difference;
  Operation *op = value.getDefiningOp();
  OpBuilder::InsertionGuard guard(b_.builder());
  // An argument is there from the beginning, and so is the number.
  b_.builder().setInsertionPointAfter(op ? op : number_.getDefiningOp());
  if (depth < kDeepest) {
    if (auto concat = dyn_cast_if_present<graph::ConcatOp>(op))
      return ofConcat(concat, depth);
    if (auto slice = dyn_cast_if_present<graph::SliceOp>(op)) {
      Value moved = of(slice.getInput(), depth + 1);
      return b_.makeAs<graph::SliceOp>(value.getType(), moved, slice.getStarts(), slice.getSteps());
    }
    if (auto reshape = dyn_cast_if_present<graph::ReshapeOp>(op))
      return b_.reshape(of(reshape.getInput(), depth + 1), extentsOf(value));
  }
  return b_.make<graph::SubOp>(value, number_);
}

/// value + initial (or -), as integers, which wrap; bools by exclusive or.
static Value shifted(GraphBuilder &b, Value value, const graph::HostTensor &initial, bool isAdded) {
  Type element = elementOf(value), integers = b.builder().getIntegerType(element.getIntOrFloatBitWidth());
  Value bits = bitsOf(b, value, integers), start = bitsOf(b, b.constant(initial), integers);
  if (element.isInteger(1))
    return b.make<graph::XorOp>(bits, start);
  Value moved = isAdded ? b.make<graph::AddOp>(bits, start) : b.make<graph::SubOp>(bits, start);
  return isa<FloatType>(element) ? b.makeAs<graph::BitCastOp>(graph::typeOf(value), moved) : moved;
}

Variable &Importer::variable(const std::string &name) {
  auto *found = variables_.find(name);
  if (found == variables_.end())
    unsupported("reads the variable '" + printable(name) + "', which nothing gave a value before");
  return found->second;
}

/// A variable that begins as zeros.
Variable &Importer::declare(const std::string &name, RankedTensorType type) {
  builder_.countComputed(type.getNumElements() * graph::elementBytes(type.getElementType()));
  return variables_[name] = {graph::HostTensor::zeros(type), nullptr, nullptr, name, nullptr};
}

/// What a variable holds now; at first, what it holds when the run begins.
Value Importer::begin(Variable &variable) {
  if (!variable.input) {
    // Part of the model's own graph, whatever part asks for it.
    variable.input = main_.getBody().front().addArgument(variable.initial.type(), builder_.location());
    OpBuilder::InsertionGuard guard(builder_.builder());
    builder_.builder().setInsertionPointToStart(&main_.getBody().front());
    if (isZeros(variable.initial)) {
      variable.value = variable.input;
    } else if (std::optional<graph::Scalar> number = splatOf(variable.initial)) {
      variable.differences = std::make_shared<Differences>(builder_, variable.input, *number);
      variable.value = variable.differences->sum(variable.input);
    } else {
      variable.value = shifted(builder_, variable.input, variable.initial, true);
    }
  }
  return variable.value;
}

Value Importer::readVariable(Frame &frame, const std::string &name) {
  Variable &known = variable(name);
  if (initialises_)
    return builder_.constant(known.initial);
  begin(known);
  return known.value;
}

void Importer::assignVariable(Frame &frame, const std::string &name, Value value) {
  if (initialises_) {
    std::optional<graph::HostTensor> initial = graph::constantOf(value);
    if (!initial)
      unsupported("variable '" + printable(name) + "' begins as something that is not known before the run");
    variables_[name] = {*initial, nullptr, nullptr, name, nullptr};
    return;
  }
  if (frame.isPart && !carried_.contains(name))
    unsupported("assigns under a condition or in a loop to the variable '" + printable(name) +
                "', which came out of another call");
  // One that nothing gave a value before holds what it is assigned; what it was is read by nothing.
  if (auto type = graph::typeOf(value); variables_.find(name) == variables_.end() && type.hasStaticShape())
    declare(name, type);
  Variable &known = variable(name);
  begin(known);
  if (value.getType() != known.initial.type())
    unsupported("assigns " + inWords(elementOf(value)) + " " + inWords(extentsOf(value)) + " to variable '" +
                printable(name) + "', which begins as " + inWords(known.initial.elementType()) + " " +
                inWords(known.initial.shape()));
  known.value = value;
}

CarriedVariables::CarriedVariables(Importer &importer, ArrayRef<int64_t> graphs, const Handles &handles)
    : importer_(importer), outer_(importer.carried_) {
  if (importer.initialises_) // what variables begin as is no value of the run
    return;
  const Assigned assigned = assignedBy(importer.model(), graphs, handles, importer.leftToScan_);
  for (const auto &[name, tensor] : assigned) {
    if (importer.variables_.find(name) != importer.variables_.end())
      continue;
    const Integers dims(declaredDims(*tensor));
    if (llvm::any_of(dims, [](int64_t dim) { return dim < 0; }))
      unsupported("assigns a tensor of open dims to the variable '" + printable(name) +
                  "', which nothing gave a value before");
    importer.declare(name, checkedType(dims, elementTypeOf(tensor->type(), importer.context(),
                                                           "variable '" + printable(name) + "'")));
  }
  importer.carried_.clear();
  for (const auto &[name, tensor] : assigned) {
    importer.begin(importer.variable(name));
    importer.carried_.insert(name);
    names_.push_back(name);
  }
}

Values CarriedVariables::values() const {
  return llvm::map_to_vector<6>(names_, [&](const std::string &name) { return importer_.variable(name).value; });
}

void CarriedVariables::set(ArrayRef<Value> values) {
  for (auto [name, value] : llvm::zip_equal(names_, values)) {
    Variable &variable = importer_.variable(name);
    if (value.getType() != variable.initial.type())
      unsupported("leaves " + inWords(value.getType()) + " in the variable '" + printable(name) +
                  "', which begins as " + inWords(variable.initial.type()));
    variable.value = value;
  }
}

void Importer::initialise(int64_t graph, const Frame &caller) {
  if (caller.isPart)
    unsupported("is called once under a condition or in a loop");
  const bool before = std::exchange(initialises_, true);
  inlineGraph(graph, Passed(), caller, /*isPart=*/false);
  initialises_ = before;
}

static std::string statefulName(const Frame &frame, int32_t tensor) {
  return nameOf(frame.graph, tensor) + " (tensor " + std::to_string(tensor) + ")";
}

Value Importer::readStateful(Frame &frame, int32_t tensor) {
  if (frame.depth > 0)
    unsupported("keeps tensor '" + printable(nameOf(frame.graph, tensor)) + "' in a subgraph that is called");
  const std::string name = statefulName(frame, tensor);
  if (variables_.find(name) == variables_.end()) {
    const schema::Tensor &it = *frame.graph.tensors()->Get(static_cast<unsigned>(tensor));
    Type element = elementTypeOf(it.type(), context_, "tensor '" + printable(nameOf(frame.graph, tensor)) + "'");
    graph::HostTensor zeros = graph::HostTensor::zeros(checkedType(declaredDims(it), element));
    builder_.countComputed(static_cast<int64_t>(zeros.bytes().size()));
    if (std::optional<Quantisation> how = quantisationOf(it); how && how->zeroPoint() != 0)
      for (int64_t at = 0; at < zeros.size(); ++at)
        zeros.set(at, graph::Scalar::ofSigned(how->zeroPoint()));
    variables_[name] = {zeros, nullptr, nullptr, nameOf(frame.graph, tensor), nullptr};
  }
  return begin(variables_[name]);
}

void Importer::assignStateful(Frame &frame, int32_t tensor, Value value) {
  readStateful(frame, tensor);
  variables_[statefulName(frame, tensor)].value = value;
}

void Importer::addStates(Results &results, SmallVectorImpl<int64_t> &pairs) {
  llvm::StringMap<int> taken;
  for (const auto &[name, value] : results)
    taken.try_emplace(name);
  for (unsigned input = 0; input < main_.getNumArguments(); ++input)
    if (auto name = main_.getArgAttrOfType<StringAttr>(input, "graph.name"))
      taken.try_emplace(name.getValue());
  auto unique = [&](StringRef name) {
    std::string found = name.str();
    for (int number = 1; !taken.try_emplace(found).second; ++number)
      found = name.str() + "_" + std::to_string(number);
    return found;
  };
  Block &block = main_.getBody().front();
  SmallVector<std::pair<unsigned, std::string>> names;
  for (auto &[key, variable] : variables_) {
    if (!variable.input)
      continue;
    const auto input = cast<BlockArgument>(variable.input).getArgNumber();
    pairs.append({static_cast<int64_t>(input), static_cast<int64_t>(results.size())});
    names.push_back({input, unique(variable.name)});
    Value last = variable.value;
    if (variable.differences)
      last = variable.differences->of(last);
    else if (!isZeros(variable.initial))
      last = shifted(builder_, last, variable.initial, false);
    results.push_back({unique(variable.name + ".next"), last});
  }
  if (names.empty())
    return;
  OpBuilder &builder = builder_.builder();
  main_.setType(builder.getFunctionType(block.getArgumentTypes(), {}));
  for (const auto &[input, name] : names)
    main_.setArgAttr(input, "graph.name", builder.getStringAttr(name));
}

} // namespace smelt::frontend::tflite
