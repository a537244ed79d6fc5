// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Importer.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/Inputs.h"
#include "frontends/common/Main.h"
#include "frontends/common/Unsupported.h"
#include "frontends/pt2/Custom.h"
#include "frontends/pt2/Guards.h"
#include "frontends/pt2/Pt2.h"
#include "frontends/pt2/States.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using llvm::Twine;
namespace json = llvm::json;

namespace smelt::frontend::pt2 {

// A body of a loop may be read again and again.
constexpr int64_t kMostInlinedNodes = 1 << 16;
constexpr unsigned kDeepestGraphs = 16;

// Nodes in words.

std::string nameOf(const json::Object &node) {
  if (std::optional<StringRef> name = node.getString("name"))
    return printable(*name);
  const json::Array *outputs = node.getArray("outputs"); // schema 7 has no names
  const json::Object *first = outputs && !outputs->empty() ? unionOf(outputs->front()).value->getAsObject() : nullptr;
  return printable(first ? first->getString("name").value_or("") : "");
}

std::string operatorOf(const json::Object &node) {
  StringRef target = stringIn(node, "target");
  target.consume_front("torch.ops.");
  return printable(target);
}

std::string sourceLine(const json::Object &node) {
  const json::Object *metadata = node.getObject("metadata");
  StringRef trace = metadata ? metadata->getString("stack_trace").value_or("") : "";
  std::string line;
  for (StringRef text : llvm::split(trace, '\n')) {
    auto [path, rest] = text.split("\", line ");
    if (rest.empty() || path.contains("site-packages") || path.contains('<'))
      continue;
    StringRef file = path.rsplit('/').second.empty() ? path.rsplit('"').second : path.rsplit('/').second;
    line = printable((file + ":" + rest.split(',').first).str());
  }
  return line;
}

std::string operatorText(const json::Object &node) {
  std::string line = sourceLine(node);
  return operatorOf(node) + (line.empty() ? "" : " at " + line);
}

std::string describe(const json::Object &node) { return "node '" + nameOf(node) + "' (" + operatorText(node) + ")"; }

void walkNodes(const json::Object &graph, llvm::function_ref<void(const json::Object &node)> visit, unsigned depth) {
  if (depth > kDeepestGraphs)
    unsupported("has graphs in graphs more than " + Twine(kDeepestGraphs) + " deep");
  for (const json::Value &value : arrayIn(graph, "nodes")) {
    const json::Object &node = asObject(value, "a node");
    visit(node);
    for (const json::Value &input : arrayIn(node, "inputs")) {
      const json::Object *argument = asObject(input, "an input").getObject("arg");
      const json::Object *named = argument ? argument->getObject("as_graph") : nullptr;
      if (const json::Object *inner = named ? named->getObject("graph") : nullptr)
        walkNodes(*inner, visit, depth + 1);
    }
  }
}

// Values.

Importer::Importer(const Program &program, const ImportOptions &options, MLIRContext &context)
    : program_(program), options_(options), context_(&context), builder_(&context), uses_(program, operators_) {}

/// The node that makes a value: "node 'pool' (aten.adaptive_max_pool2d.default at net.py:7)".
static std::string makerOf(const Frame &frame, StringRef name) {
  std::string maker = "its operator";
  for (const json::Value &node : arrayIn(*frame.graph, "nodes"))
    if (const json::Object *object = node.getAsObject())
      forResults(*object, [&](StringRef result) { maker = result == name ? describe(*object) : maker; });
  return maker;
}

const Thing &Importer::lookup(Frame &frame, StringRef name) {
  if (auto stale = frame.stale.find(name); stale != frame.stale.end() && !makeAgain(name, frame))
    unsupported("reads '" + printable(name) + "' after node '" + stale->second +
                "' has changed in place what it is a view of; save ep.run_decompositions({}), which has no such views");
  auto found = frame.values.find(name);
  if (found == frame.values.end())
    malformed("value '" + printable(name) + "' is made by no node before");
  if (found->second.isLost() && refused_.empty())
    unsupported("needs '" + printable(name) + "', which " + makerOf(frame, name) + " makes and Smelt does not compute");
  if (found->second.isLost())
    throw Lost{};
  return found->second;
}

void Importer::addTensors(Frame &frame) {
  for (const InputSpec &spec : program_.inputs()) {
    using Kind = InputSpec::Kind;
    if (spec.kind == Kind::User || spec.kind == Kind::Ignored || frame.values.contains(spec.name))
      continue;
    if (!uses_.isUsed(spec.name))
      continue; // files keep weights that nothing reads
    const StoredTensor *tensor = program_.find(spec);
    frame.storages[spec.name] = ++storageCount_;
    builder_.setLocation(graph::sourceLocation(context_, printable(spec.target), "tensor"));
    if (!tensor)
      malformed("tensor '" + printable(spec.target) + "' is not in the archive");
    if (!partOfComplex(tensor->dtype)) {
      frame.values[spec.name] = constantOf(builder_, *tensor, spec.target, program_.owner());
      continue;
    }
    frame.values[spec.name] =
        complexFrom(builder_, constantOf(builder_, partsOf(*tensor), spec.target, program_.owner()));
  }
}

// Nodes.

/// Remembers what is unsupported.
void Importer::addRefused(const json::Object &node, StringRef reason) {
  UnsupportedNode refused{nameOf(node), operatorText(node), "", reason.str(), 0};
  auto isSame = [&](const UnsupportedNode &other) {
    return other.node == refused.node && other.reason == refused.reason;
  };
  if (refused_.size() < kMostRefused && llvm::none_of(refused_, isSame))
    refused_.push_back(std::move(refused));
}

/// Goes on after what is unsupported; throws what is worse.
void Importer::refuseNode(const json::Object &node, Frame &frame, Refusal refusal) {
  if (refusal.kind == ImportError::Kind::Unsupported && !refusal.namesNode && refused_.size() < kMostRefused) {
    addRefused(node, refusal.message);
    return standIn(node, frame);
  }
  // What does not fit may do so for want of what stands in for a refused node's results.
  if (refusal.kind == ImportError::Kind::Malformed && !refused_.empty())
    return loseResults(node, frame);
  if (!refusal.namesNode)
    refusal.message = describe(node) + ": " + refusal.message;
  refusal.namesNode = true;
  throw refusal;
}

void forResults(const json::Object &node, llvm::function_ref<void(StringRef name)> visit) {
  for (const json::Value &output : arrayIn(node, "outputs")) {
    Union result = unionOf(output);
    auto one = [&](const json::Value &value) {
      const json::Object *object = value.getAsObject();
      std::optional<StringRef> name = object ? object->getString("name") : std::nullopt;
      if (object && !name)
        name = object->getString("as_name");
      visit(name.value_or(""));
    };
    if (const json::Array *list = result.value->getAsArray())
      for (const json::Value &value : *list)
        one(value);
    else
      one(*result.value);
  }
}

void Importer::loseResults(const json::Object &node, Frame &frame) {
  forResults(node, [&](StringRef name) { frame.values[name] = Thing(); });
}

std::optional<Extent> Importer::statedExtent(const json::Value &size) const {
  const StatedDim stated = program_.dim(size);
  if (stated.number)
    return Extent(*stated.number);
  // Symbols are called as the file calls them where --shape says nothing of them.
  return options_.shapes.empty() ? Extent::parse(context_, stated.text) : std::nullopt;
}

/// The dims that the file states for a tensor; nothing where one is none that Smelt knows.
std::optional<Extents> Importer::statedDims(const json::Array &sizes) const {
  Extents dims;
  for (const json::Value &value : sizes) {
    std::optional<Extent> extent = statedExtent(value);
    if (!extent)
      return std::nullopt;
    dims.push_back(*extent);
  }
  return dims;
}

/// Refuses results of dims that are not those that the file states, as far as both are known: one of them is wrong.
void Importer::checkResults(const json::Object &node, const Frame &frame) {
  forResults(node, [&](StringRef name) {
    auto found = frame.values.find(name);
    if (found == frame.values.end() || !found->second.tensor || !refused_.empty())
      return;
    const json::Object *meta = statedTensor(*frame.graph, name);
    const json::Array *sizes = meta ? meta->getArray("sizes") : nullptr;
    if (!sizes)
      return;
    const Extents computed = extentsOf(found->second.tensor);
    bool fits = true, mayBeSmelts = sizes->size() == computed.size(); // whose mistake a difference is
    std::string inWords;
    for (auto [position, value] : llvm::enumerate(*sizes)) {
      const StatedDim stated = program_.dim(value);
      std::optional<Extent> extent = stated.number ? std::optional<Extent>(*stated.number) : std::nullopt;
      // Symbols are called as the file calls them where --shape says nothing of them.
      if (!extent && options_.shapes.empty())
        extent = Extent::parse(context_, stated.text);
      const bool differs = mayBeSmelts && extent && !mayEqual(computed[position], *extent);
      fits = fits && !differs;
      mayBeSmelts = mayBeSmelts && !(differs && computed[position].isNumber() && extent->isNumber());
      inWords += (position ? ", " : "") + (stated.number         ? std::to_string(*stated.number)
                                           : stated.text.empty() ? "?"
                                                                 : printable(stated.text, 40));
    }
    const std::string differing = "computes " + frontend::inWords(computed) + " for its result '" + printable(name) +
                                  "', which the file states to be [" + inWords + "]";
    if (!mayBeSmelts)
      malformed(differing + ": it is damaged, or was changed since; export the module again");
    if (!fits)
      unsupported(differing + ": Smelt cannot tell that these are the same; give the shape with --shape");
  });
}

/// Refuses results of other types than the file states within torch.autocast, whose casts it does not write down.
void Importer::checkTypes(const json::Object &node, const Frame &frame) {
  if (!frame.autocast.isChecked || !refused_.empty())
    return;
  forResults(node, [&](StringRef name) {
    const Thing thing = frame.values.lookup(name);
    const json::Object *meta = statedTensor(*frame.graph, name);
    const std::optional<int64_t> code = meta ? meta->getInteger("dtype") : std::nullopt;
    if (!thing.tensor || thing.imaginary || !code || partOfComplex(*code))
      return;
    const Type stated = dtypeOf(*code, context_, "its result"), computed = elementOf(thing.tensor);
    if (computed != stated)
      unsupported("makes " + inWords(stated) + " of " + inWords(computed) + " within torch.autocast, " + kNoRegions);
  });
}

/// A float tensor of the dims that the file states for a name; null where it states none that Smelt knows.
Value Importer::statedValue(StringRef name, const Frame &frame) {
  const json::Object *meta = statedTensor(*frame.graph, name);
  const json::Array *sizes = meta ? meta->getArray("sizes") : nullptr;
  std::optional<int64_t> code = meta ? meta->getInteger("dtype") : std::nullopt;
  try {
    std::optional<Extents> dims = sizes ? statedDims(*sizes) : std::nullopt;
    if (!dims || !code)
      return nullptr;
    Type element = dtypeOf(*code, context_, "its result");
    if (!isa<FloatType>(element)) // sizes may come of integers, and are asked for
      return nullptr;
    Type type = checkedType(*dims, element);
    return UnrealizedConversionCastOp::create(builder_.builder(), builder_.location(), type, ValueRange()).getResult(0);
  } catch (const Refusal &) {
    return nullptr;
  }
}

/// Gives a refused node results, so that what reads them is looked at as well: all that is unsupported is told at once.
void Importer::standIn(const json::Object &node, Frame &frame) {
  Things results;
  forResults(node, [&](StringRef name) {
    Value value = statedValue(name, frame);
    results.push_back(value ? Thing(value) : Thing());
  });
  bindResults(node, results, frame);
}

/// Where a name stands for what the file calls by a symbol.
void Importer::noteSymbol(StringRef name, const Thing &thing, Frame &frame) {
  const json::Object *stated = frame.graph->getObject("sym_int_values");
  stated = stated ? stated->getObject(name) : nullptr;
  stated = stated ? stated->getObject("as_expr") : nullptr;
  if (std::optional<StringRef> text = stated && thing.size ? stated->getString("expr_str") : std::nullopt)
    frame.symbols.try_emplace(expressionText(*text), *thing.size);
}

std::optional<Extent> Importer::symbolNamed(StringRef symbol, const Frame &frame) const {
  for (const Frame *scope = &frame; scope; scope = scope->outer)
    if (auto found = scope->symbols.find(symbol); found != scope->symbols.end())
      return found->second;
  return openDims_.contains(symbol) ? std::optional(Extent::symbol(context_, symbol)) : std::nullopt;
}

void Importer::bindResults(const json::Object &node, const Things &results, Frame &frame) {
  size_t number = 0;
  forResults(node, [&](StringRef name) {
    Thing result = number < results.size() ? results[number] : Thing();
    ++number;
    if (name.empty())
      return;
    frame.values[name] = result;
    noteSymbol(name, result, frame);
    frame.stale.erase(name);
    frame.storages[name] = ++storageCount_;
  });
}

/// Results of products of operands' parts: with each of the complex operands' parts, of which i · i is -1.
static Things productOfParts(NodeReader &reader, const Import &import, ArrayRef<const json::Value *> operands) {
  constexpr size_t kMostComplex = 4;
  if (operands.size() > kMostComplex)
    unsupported("multiplies " + Twine(operands.size()) + " tensors of complex numbers; Smelt takes " +
                Twine(kMostComplex));
  GraphBuilder &b = reader.builder();
  SmallVector<Things> parts(2); // real, imaginary
  for (unsigned chosen = 0; chosen < 1U << operands.size(); ++chosen) {
    SmallVector<const json::Value *> imaginary;
    for (auto [number, operand] : llvm::enumerate(operands))
      if (chosen >> number & 1)
        imaginary.push_back(operand);
    reader.takeImaginary(imaginary);
    Things made = import(reader), &sum = parts[imaginary.size() % 2];
    const bool isNegative = imaginary.size() % 4 >= 2;
    for (auto [number, thing] : llvm::enumerate(made)) {
      if (number == sum.size())
        sum.push_back(isNegative ? Thing(b.make<graph::NegOp>(thing.tensor)) : thing);
      else
        sum[number] = isNegative ? b.make<graph::SubOp>(sum[number].tensor, thing.tensor)
                                 : b.make<graph::AddOp>(sum[number].tensor, thing.tensor);
    }
  }
  for (auto [real, imaginary] : llvm::zip_equal(parts[0], parts[1]))
    real.imaginary = imaginary.tensor;
  return parts[0];
}

/// What an operator makes of a node's operands, which may be complex numbers.
Things Importer::computed(NodeReader &reader, const OperatorTable::Found &row) {
  using Kind = ComplexForm::Kind;
  const SmallVector<const json::Value *> operands = reader.complexOperands();
  const bool isParts = row.complex && row.complex->kind == Kind::Parts;
  if (operands.empty() && !(isParts && reader.statesComplex().value_or(false)))
    return (*row.import)(reader);
  if (!row.complex)
    unsupported("takes complex numbers, which are not supported here");
  if (row.complex->kind == Kind::Own)
    return (*row.complex->own)(reader);
  if (row.complex->kind == Kind::Product)
    return productOfParts(reader, *row.import, operands);
  reader.takeParts(/*imaginary=*/false);
  Things results = (*row.import)(reader);
  if (!reader.statesComplex().value_or(true)) // made reals of them
    return results;
  reader.takeParts(/*imaginary=*/true);
  const Things imaginary = (*row.import)(reader);
  for (auto [result, part] : llvm::zip_equal(results, imaginary))
    if (result.tensor)
      result.imaginary = part.tensor;
  return results;
}

void Importer::importNode(const json::Object &node, Frame &frame) {
  std::string target = operatorOf(node);
  builder_.setLocation(graph::sourceLocation(context_, nameOf(node), operatorText(node)));
  if (const CustomOperator *declared = findCustom(options_.custom, target)) {
    NodeReader reader(*this, frame, node, target, nullptr);
    Values values = importCustom(reader, *declared);
    return bindResults(node, Things(values.begin(), values.end()), frame);
  }
  OperatorTable::Found row = operators_.find(target);
  if (!row.import)
    unsupported(reasonToRefuse(target));
  NodeReader reader(*this, frame, node, target, row.schema);
  Things results = computed(reader, row);
  reader.checkAllRead();
  if (!row.isInPlace) {
    bindResults(node, results, frame);
    if (row.schema && row.schema->returnsView)
      noteAliases(node, *row.schema, frame);
    return;
  }
  StringRef changed = changedName(node, *row.schema);
  if (changed.empty() || results.empty() || !results.front().tensor)
    malformed("changes no tensor in place");
  const Thing before = lookup(frame, changed);
  auto fitted = [&](Value after, Value like) {
    after = builder_.cast(after, elementOf(like));
    return builder_.broadcast(builder_.alignedTo(after, extentsOf(like)), extentsOf(like));
  };
  ComplexValue made{results.front().tensor, results.front().imaginary};
  Thing after = fitted(made.real, before.tensor);
  if (before.imaginary)
    after.imaginary = fitted(made.imaginaryOrZeros(builder_), before.imaginary);
  changeInPlace(node, changed, after, frame);
}

void Importer::importNodes(Frame &frame) {
  for (const json::Value &value : arrayIn(*frame.graph, "nodes")) {
    const json::Object &node = asObject(value, "a node");
    try {
      importNode(node, frame);
      checkResults(node, frame);
      checkTypes(node, frame);
    } catch (const Lost &) {
      loseResults(node, frame);
    } catch (Refusal &refusal) {
      refuseNode(node, frame, std::move(refusal));
    }
  }
}

Things Importer::inlineGraph(const json::Object &graph, ArrayRef<Thing> inputs, const Frame &outer,
                             const Autocast &autocast) {
  const json::Array &formals = arrayIn(graph, "inputs");
  inlined_ += 1 + static_cast<int64_t>(arrayIn(graph, "nodes").size());
  if (inlined_ > kMostInlinedNodes)
    unsupported("its graphs, read as often as they must be, have more than " + Twine(kMostInlinedNodes) + " nodes");
  if (outer.depth >= kDeepestGraphs)
    unsupported("lies in graphs more than " + Twine(kDeepestGraphs) + " deep");
  if (formals.size() != inputs.size())
    malformed("has a graph of " + Twine(formals.size()) + " inputs for " + Twine(inputs.size()) + " operands");
  Frame frame;
  frame.graph = &graph;
  frame.outer = &outer;
  frame.depth = outer.depth + 1;
  frame.autocast = autocast;
  for (auto [formal, input] : llvm::zip_equal(formals, inputs)) {
    const json::Object *named = unionOf(formal).value->getAsObject();
    std::optional<StringRef> name = named ? named->getString("name") : std::nullopt;
    if (named && !name)
      name = named->getString("as_name");
    if (!name)
      continue; // a number that the graph holds itself
    frame.values[*name] = input;
    noteSymbol(*name, input, frame);
    frame.storages[*name] = ++storageCount_;
  }
  Location location = builder_.location();
  importNodes(frame);
  builder_.setLocation(location);
  Things results;
  for (const json::Value &output : arrayIn(graph, "outputs"))
    results.push_back(resultOf(output, frame));
  return results;
}

/// What an output names.
Thing Importer::resultOf(const json::Value &argument, Frame &frame) {
  Union result = unionOf(argument);
  const json::Object *object = result.value->getAsObject();
  std::optional<StringRef> name = object ? object->getString("name") : std::nullopt;
  if (object && !name)
    name = object->getString("as_name");
  if (name)
    return lookup(frame, *name);
  if (result.kind == "as_int" || result.kind == "as_bool")
    return Extent(result.value->getAsInteger().value_or(result.value->getAsBoolean().value_or(false)));
  if (result.kind == "as_float")
    return Thing(builder_.scalar(builder_.builder().getF64Type(), numberOf(*result.value).value_or(0)));
  return {};
}

// The model.

static DeclaredInput declaredInput(const Program &program, StringRef name, MLIRContext *context) {
  const json::Object &meta = objectIn(objectIn(program.graph(), "tensor_values"), name);
  DeclaredInput input;
  input.name = name.str();
  const int64_t dtype = integerIn(meta, "dtype");
  const std::optional<int64_t> part = partOfComplex(dtype);
  input.element = [code = part.value_or(dtype), context](const Twine &where) { return dtypeOf(code, context, where); };
  std::vector<DeclaredDim> dims;
  for (const json::Value &value : arrayIn(meta, "sizes")) {
    const StatedDim stated = within("input '" + printable(name) + "'", [&] { return program.dim(value); });
    DeclaredDim &dim = dims.emplace_back();
    dim.number = stated.number;
    dim.name = stated.text;
    if (!dim.number)
      std::tie(dim.least, dim.most) = program.range(dim.name);
  }
  if (part)
    dims.emplace_back().number = 2; // complex numbers have their parts side by side
  input.dims = std::move(dims);
  return input;
}

/// What the user gives: names of tensors, and of sizes, which become tensors of one i64.
static std::vector<DeclaredInput> userInputs(const Program &program, MLIRContext *context, llvm::StringSet<> &sizes) {
  std::vector<DeclaredInput> inputs;
  for (const InputSpec &spec : program.inputs()) {
    if (spec.kind != InputSpec::Kind::User || !spec.argument)
      continue;
    Union argument = unionOf(*spec.argument);
    const json::Object *object = argument.value->getAsObject();
    if (argument.kind == "as_tensor" && object)
      inputs.push_back(declaredInput(program, stringIn(*object, "name"), context));
    std::optional<StringRef> size = object ? object->getString("as_name") : std::nullopt;
    if (argument.kind != "as_sym_int" || !size)
      continue; // what was fixed when the model was exported
    sizes.insert(*size);
    DeclaredInput &input = inputs.emplace_back();
    input.name = size->str();
    input.element = [context](const Twine &) { return Builder(context).getI64Type(); };
    input.dims.emplace();
  }
  return inputs;
}

func::FuncOp Importer::makeMain(ModuleOp module, Frame &frame) {
  llvm::StringSet<> sizes;
  const std::vector<DeclaredInput> declared = userInputs(program_, context_, sizes);
  const ModelInputs given = resolveInputs(declared, options_, context_);
  if (given.bounds)
    module->setAttr("graph.bounds", given.bounds);
  OpBuilder &builder = builder_.builder();
  if (given.bounds)
    for (NamedAttribute bound : given.bounds)
      if (auto range = dyn_cast<DenseI64ArrayAttr>(bound.getValue()); range && range.size() == 2)
        builder_.ranges().set(bound.getName(), range[0], range[1]);
  SmallVector<Type> types;
  for (const ModelInput &tensor : given.tensors) {
    types.push_back(tensor.type);
    for (const Extent &extent : graph::extentsOf(tensor.type))
      extent.walkSymbols([&](StringRef symbol) { openDims_.insert(symbol); });
  }
  builder.setInsertionPointToEnd(module.getBody());
  auto main = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType(types, {}));
  builder.setInsertionPointToEnd(main.addEntryBlock());
  for (auto [position, tensor] : llvm::enumerate(given.tensors)) {
    Value argument = main.getArgument(static_cast<unsigned>(position));
    main.setArgAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(tensor.name));
    const json::Object *meta = statedTensor(program_.graph(), tensor.name);
    const bool isComplex = meta && partOfComplex(meta->getInteger("dtype").value_or(0));
    frame.values[tensor.name] = isComplex ? Thing(complexFrom(builder_, argument)) : Thing(argument);
    frame.storages[tensor.name] = ++storageCount_;
    if (!sizes.contains(tensor.name))
      continue;
    frame.values[tensor.name] = Thing(builder_.sizesFrom(argument).front());
    if (std::optional<std::array<int64_t, 2>> range = program_.rangeOfSize(tensor.name))
      main.setArgAttr(static_cast<unsigned>(position), "graph.range", builder.getDenseI64ArrayAttr(*range));
  }
  return main;
}

/// A tensor as it is kept or handed out: complex numbers have their parts along a last dim.
Value Importer::whole(const Thing &thing) {
  return thing.imaginary ? ComplexValue{thing.tensor, thing.imaginary}.together(builder_, rankOf(thing.tensor))
                         : thing.tensor;
}

/// Whether the signature says that the program changes this input.
static bool isToldChanged(const Program &program, StringRef input) {
  return llvm::any_of(program.outputs(), [&](const OutputSpec &output) {
    return output.kind == OutputSpec::Kind::InputMutation && output.target == input;
  });
}

void Importer::finishMain(func::FuncOp main, Frame &frame, StateKeeper &states) {
  llvm::StringSet<> taken;
  std::vector<std::pair<std::string, Value>> results;
  auto add = [&](const std::string &base, Thing thing) {
    if (thing.isLost())
      return;
    Value value = thing.tensor ? whole(thing) : builder_.number(*thing.size);
    std::string name = base;
    for (int copy = 1; !taken.insert(name).second; ++copy) // one value that is returned twice
      name = base + "." + std::to_string(copy);
    results.emplace_back(std::move(name), value);
  };
  // The caller sees what a program does to its inputs. As functional programs tell it, before the other outputs.
  for (const InputSpec &spec : program_.inputs())
    if (spec.kind == InputSpec::Kind::User && uses_.isChanged(spec.name) && !isToldChanged(program_, spec.name))
      add(spec.name + ".next", lookup(frame, spec.name));
  for (const OutputSpec &output : program_.outputs()) {
    const json::Object *object = output.argument->getAsObject();
    if (output.kind == OutputSpec::Kind::User)
      object = unionOf(*output.argument).value->getAsObject();
    StringRef name = object ? object->getString("name").value_or(object->getString("as_name").value_or("")) : "";
    if (output.kind == OutputSpec::Kind::User && name.empty())
      name = unionOf(*output.argument).kind == "as_none" ? "" : "output";
    if (output.kind == OutputSpec::Kind::User && !name.empty())
      add(name.str(), resultOf(*output.argument, frame));
    if (output.kind == OutputSpec::Kind::InputMutation)
      add(output.target + ".next", lookup(frame, name));
    if (output.kind == OutputSpec::Kind::BufferMutation)
      states.set(output.target, whole(lookup(frame, name)));
  }
  for (const InputSpec &spec : program_.inputs())
    if (spec.kind == InputSpec::Kind::Buffer && states.lacks(spec.target))
      states.set(spec.target, whole(lookup(frame, spec.name)));
  states.finish(results);
  frontend::finishMain(main, results, builder_.builder());
}

std::vector<UnsupportedNode> unsupportedNodes(const Program &program, const OperatorTable &operators,
                                              const CustomOperators &custom) {
  std::vector<UnsupportedNode> found;
  walkNodes(program.graph(), [&](const json::Object &node) {
    std::string target = operatorOf(node);
    if (!operators.find(target).import && !findCustom(custom, target))
      found.push_back({nameOf(node), operatorText(node), "", reasonToRefuse(target).str(), 0});
  });
  return found;
}

OwningOpRef<ModuleOp> Importer::run() {
  std::vector<UnsupportedNode> unknown;
  if (!options_.onUnsupported)
    unknown = unsupportedNodes(program_, operators_, options_.custom);
  return buildOrRefuse(std::move(unknown), refused_, [this] { return build(); });
}

OwningOpRef<ModuleOp> Importer::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.builder().getUnknownLoc());
  (*module)->setAttr("graph.name", builder_.builder().getStringAttr("main"));
  Frame frame;
  frame.graph = &program_.graph();
  func::FuncOp main = makeMain(*module, frame);
  checkGuards(builder_, program_, [&](StringRef name) { return frame.values.lookup(name).tensor; });
  addTensors(frame);
  StateKeeper states(builder_, main);
  for (const InputSpec &spec : program_.inputs())
    if (spec.kind == InputSpec::Kind::Buffer && uses_.isChanged(spec.name)) {
      const Thing initial = lookup(frame, spec.name);
      Value state = states.add(spec.target, whole(initial));
      frame.values[spec.name] = initial.imaginary ? Thing(complexFrom(builder_, state)) : Thing(state);
    }
  importNodes(frame);
  reportRefused(refused_, options_.onUnsupported);
  finishMain(main, frame, states);
  return module;
}

OwningOpRef<ModuleOp> importModel(std::shared_ptr<const MappedFile> file, StringRef /*path*/,
                                  const ImportOptions &options, MLIRContext &context) {
  context.loadDialect<graph::GraphDialect, func::FuncDialect>();
  Program program(std::move(file), options.signature);
  return Importer(program, options, context).run();
}

bool isPt2(StringRef bytes) { return bytes.starts_with("PK\3\4") || bytes.starts_with("PK\5\6"); }

} // namespace smelt::frontend::pt2
