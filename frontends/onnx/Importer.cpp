// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Importer.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/Main.h"
#include "frontends/common/Sequences.h"
#include "frontends/common/Unsupported.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

// A few bytes of functions that call each other can stand for more nodes than a computer holds.
constexpr int64_t kMostInlinedNodes = 1 << 16;
constexpr unsigned kDeepestCalls = 64;
constexpr size_t kLongestPath = 1000; // of calls, before a node's name

// Operators that nothing imports.

namespace {
class UnsupportedFinder {
public:
  UnsupportedFinder(const Model &model, const OperatorTable &operators) : model_(model), operators_(operators) {}

  std::vector<UnsupportedNode> find() {
    visit(model_.graph().node(), model_.opsets());
    return std::move(found_);
  }

private:
  using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

  void visit(const Nodes &nodes, const Opsets &opsets) {
    for (const NodeProto &node : nodes)
      visit(node, opsets);
  }

  void visit(const NodeProto &node, const Opsets &opsets) {
    StringRef domain = canonicalDomain(node.domain());
    auto version = opsets.find(domain);
    const FunctionProto *function = model_.function(domain, node.op_type(), node.overload());
    if (operators_.findCustom(domain, node.op_type()) && version != opsets.end())
      return;
    if (function) {
      if (visited_.insert(function).second)
        visit(function->node(), readOpsets(function->opset_import(), ""));
    } else if (version == opsets.end()) {
      add(node, domain, 0, "imports no version of the domain");
    } else if (!operators_.find(domain, node.op_type(), version->second)) {
      StringRef exclusion = exclusionOf(domain, node.op_type());
      add(node, domain, version->second, exclusion.empty() ? StringRef(kUnknownOperator) : exclusion);
    }
    for (const AttributeProto &attribute : node.attribute()) {
      visit(attribute.g().node(), opsets);
      for (const GraphProto &graph : attribute.graphs())
        visit(graph.node(), opsets);
    }
  }

  void add(const NodeProto &node, StringRef domain, int64_t version, StringRef reason) {
    std::string name = (domain.empty() ? Twine() : domain + ".").str() + node.op_type();
    found_.push_back({nameOf(node).str(), name, "", reason.str(), version});
  }

  const Model &model_;
  const OperatorTable &operators_;
  std::vector<UnsupportedNode> found_;
  llvm::SmallPtrSet<const FunctionProto *, 8> visited_; // only asked, never walked
};
} // namespace

std::vector<UnsupportedNode> unsupportedNodes(const Model &model, const OperatorTable &operators) {
  return UnsupportedFinder(model, operators).find();
}

// Values.

Importer::Importer(Model &model, const ImportOptions &options, MLIRContext &context)
    : model_(model), options_(options), context_(&context), builder_(&context), operators_(options.custom) {}

const Item &Importer::lookup(const Frame &frame, StringRef name) {
  for (const Frame *at = &frame; at; at = at->outer) {
    auto value = at->values.find(name);
    if (value == at->values.end())
      continue;
    if (value->second.kind != Item::Kind::Lost)
      return value->second;
    if (const NodeProto *node = at->notComputed.lookup(name))
      addRefused(*node, *at->opsets,
                 "its output '" + printable(name) +
                     "' is not supported; take it out of the model's outputs where nothing needs it");
    throw Lost{};
  }
  malformed("value '" + printable(name) + "' is made by nothing that this node may use");
}

bool Importer::isOmitted(const Frame &frame, StringRef name) {
  for (const Frame *at = &frame; at; at = at->outer)
    if (at->omitted.contains(name) || at->values.contains(name))
      return at->omitted.contains(name);
  return false;
}

const Tensor &Importer::tensor(const TensorProto &proto) {
  auto [known, isNew] = tensors_.try_emplace(&proto);
  if (isNew)
    known->second = readTensor(proto, model_, context_);
  return known->second;
}

const Tensor &Importer::tensor(const SparseTensorProto &proto) {
  auto [known, isNew] = tensors_.try_emplace(&proto);
  if (isNew) {
    known->second = readSparseTensor(proto, model_, context_);
    builder_.countComputed(static_cast<int64_t>(known->second.bytes.size()));
  }
  return known->second;
}

void Importer::addInitializers(const GraphProto &graph, Frame &frame) {
  auto add = [&](const std::string &name, const auto &proto) {
    builder_.setLocation(graph::sourceLocation(context_, frame.path + name, "initializer"));
    frame.values[name] = builder_.constant(valueOf(proto, blobName(name)));
  };
  for (const TensorProto &initializer : graph.initializer())
    add(initializer.name(), initializer);
  for (const SparseTensorProto &initializer : graph.sparse_initializer())
    add(initializer.values().name(), initializer);
}

// Nodes.

void Importer::importNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Frame &frame) {
  for (const NodeProto &node : nodes) {
    try {
      importNode(node, frame);
    } catch (const Lost &) {
      for (const std::string &output : node.output())
        frame.values.try_emplace(output);
    } catch (Refusal &refusal) {
      refuseNode(node, frame, std::move(refusal));
    }
  }
}

/// Remembers what is unsupported.
void Importer::addRefused(const NodeProto &node, const Opsets &opsets, StringRef reason) {
  StringRef domain = canonicalDomain(node.domain());
  auto version = opsets.find(domain);
  UnsupportedNode refused{printable(nameOf(node)),
                          printable((domain.empty() ? Twine() : domain + ".").str() + node.op_type()), "", reason.str(),
                          version == opsets.end() ? 0 : version->second};
  auto isSame = [&](const UnsupportedNode &other) {
    return other.node == refused.node && other.operatorName == refused.operatorName && other.reason == refused.reason;
  };
  if (refused_.size() < kMostRefused && llvm::none_of(refused_, isSame)) // a loop's body may be read more than once
    refused_.push_back(std::move(refused));
}

/// Goes on after what is unsupported; throws what is worse.
void Importer::refuseNode(const NodeProto &node, Frame &frame, Refusal refusal) {
  if (refusal.kind == ImportError::Kind::Unsupported && !refusal.namesNode && refused_.size() < kMostRefused) {
    addRefused(node, *frame.opsets, refusal.message);
    for (const std::string &output : node.output())
      frame.values.try_emplace(output);
    return;
  }
  if (!refusal.namesNode)
    refusal.message = describe(node, *frame.opsets) + ": " + refusal.message;
  refusal.namesNode = true;
  throw refusal;
}

/// "Conv" or "com.microsoft.Gelu", with the version.
static std::string operatorText(const NodeProto &node, const Opsets &opsets) {
  StringRef domain = canonicalDomain(node.domain());
  std::string text = printable((domain.empty() ? Twine() : domain + ".").str() + node.op_type());
  auto version = opsets.find(domain);
  return version == opsets.end() ? text : text + ", opset " + std::to_string(version->second);
}

/// Ends the import where functions, or bodies that are imported for each round, stand for too much: what they call, and
/// the nodes of their subgraphs, included.
void Importer::countInlined(int64_t parts, const NodeProto &node, const Frame &frame) {
  inlined_ += parts;
  if (inlined_ > kMostInlinedNodes)
    throw Refusal{ImportError::Kind::Unsupported,
                  (describe(node, *frame.opsets) + ": the model's functions and repeated bodies stand for more than " +
                   Twine(kMostInlinedNodes) + " nodes")
                      .str(),
                  /*namesNode=*/true};
}

void Importer::importNode(const NodeProto &node, Frame &frame) {
  if (frame.depth > 0)
    countInlined(1, node, frame);
  std::string name = frame.path + nameOf(node).str();
  StringRef domain = canonicalDomain(node.domain());
  builder_.setLocation(graph::sourceLocation(context_, printable(name), operatorText(node, *frame.opsets)));
  Items results;
  const FunctionProto *function = model_.function(domain, node.op_type(), node.overload());
  if (const CustomOperator *custom = operators_.findCustom(domain, node.op_type())) {
    NodeReader reader(*this, node, frame);
    const Values values = importCustom(reader, *custom);
    results.assign(values.begin(), values.end());
    reader.checkAllRead();
  } else if (function) {
    results = callFunction(node, *function, frame);
  } else {
    NodeReader reader(*this, node, frame);
    const Operator *row = operators_.find(domain, node.op_type(), reader.opset());
    if (!row)
      unsupported(kUnknownOperator);
    if (row->readsAs > 0)
      reader.readAs(row->readsAs);
    results = row->import(reader);
    reader.checkAllRead();
  }
  constexpr size_t kMostLeftOut = 4; // the outputs of BatchNormalization that training alone has
  const size_t outputs = node.output_size();
  if (outputs > results.size() + kMostLeftOut)
    malformed("has " + Twine(outputs) + " outputs, more than its operator makes");
  results.resize(std::max(results.size(), outputs));
  for (auto [output, result] : llvm::zip(node.output(), results)) {
    if (output.empty())
      continue;
    frame.values[output] = result;
    if (result.kind == Item::Kind::Lost)
      frame.notComputed[output] = &node;
  }
}

Items Importer::inlineGraph(const NodeProto &node, const GraphProto &graph, const Frame &outer, ArrayRef<Item> inputs,
                            std::optional<int64_t> round) {
  Frame frame;
  frame.outer = &outer;
  frame.opsets = outer.opsets;
  frame.path = outer.path;
  if (round)
    frame.path = (outer.path + nameOf(node)).str().substr(0, kLongestPath) + "[" + std::to_string(*round) + "]/";
  frame.depth = outer.depth;
  frame.attributes = outer.attributes;
  if (graph.input_size() != static_cast<int>(inputs.size()))
    malformed("its graph '" + printable(graph.name()) + "' takes " + Twine(graph.input_size()) + " inputs, not " +
              Twine(inputs.size()));
  countInlined(1 + graph.node_size(), node, outer); // the body of a loop may be read again and again
  for (auto [input, value] : llvm::zip_equal(graph.input(), inputs))
    frame.values[input.name()] = value;
  Location location = builder_.location();
  addInitializers(graph, frame);
  importNodes(graph.node(), frame);
  builder_.setLocation(location);
  Items results;
  for (const ValueInfoProto &output : graph.output())
    results.push_back(lookup(frame, output.name()));
  return results;
}

Items Importer::callFunction(const NodeProto &node, const FunctionProto &function, const Frame &caller) {
  if (caller.depth >= kDeepestCalls)
    malformed("calls functions more than " + Twine(kDeepestCalls) + " deep; they may not be recursive");
  constexpr int64_t kPartsOfANode = 8; // that a call reads again each time
  countInlined((function.input_size() + function.output_size() + function.attribute_size() +
                function.attribute_proto_size() + function.opset_import_size()) /
                   kPartsOfANode,
               node, caller);
  if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
    malformed("has more inputs or outputs than the function that it calls");
  Opsets opsets = readOpsets(function.opset_import(), "its function ");
  Frame frame;
  frame.opsets = &opsets;
  frame.path = (caller.path + nameOf(node).str()).substr(0, kLongestPath) + "/";
  frame.depth = caller.depth + 1;
  NodeReader reader(*this, node, caller);
  for (auto [position, formal] : llvm::enumerate(function.input()))
    if (std::optional<Item> given = reader.item(static_cast<unsigned>(position)))
      frame.values[formal] = *given;
    else
      frame.omitted.insert(formal);
  llvm::StringMap<const AttributeProto *> attributes;
  for (const std::string &name : function.attribute())
    attributes[name] = reader.attribute(name);
  for (const AttributeProto &fallback : function.attribute_proto()) {
    const AttributeProto *given = reader.attribute(fallback.name());
    attributes[fallback.name()] = given ? given : &fallback;
  }
  frame.attributes = &attributes;
  reader.checkAllRead();
  importNodes(function.node(), frame);
  Items results;
  for (const std::string &output : function.output())
    results.push_back(lookup(frame, output));
  return results;
}

// The model.

/// Remembers what an input or output is, in a line.
void Importer::addForm(StringRef direction, StringRef form, StringRef name) {
  if (name.contains('\n'))
    unsupported("the name of " + direction + " '" + printable(name) + "' has several lines");
  forms_ += (direction + " " + name + ": " + form + "\n").str();
}

Item Importer::inputItem(const GivenInput &input, ValueRange tensors) {
  const Values own = llvm::to_vector_of<Value>(tensors.slice(input.first, input.count));
  if (input.kind == GivenInput::Kind::Absent) {
    addForm("input", "absent", input.name);
    return Item::absent();
  }
  if (input.kind == GivenInput::Kind::Tensor)
    return own.front();
  addForm("input", "sequence of " + std::to_string(input.count), input.name);
  return sequenceOf(builder_, own, input.elementType);
}

func::FuncOp Importer::makeMain(ModuleOp module, Frame &frame) {
  const ModelInputs given = resolveInputs(model_.graph(), options_, context_);
  if (given.bounds)
    module->setAttr("graph.bounds", given.bounds);
  SmallVector<Type> types;
  for (const ModelInput &tensor : given.tensors)
    types.push_back(tensor.type);
  OpBuilder &builder = builder_.builder();
  builder.setInsertionPointToEnd(module.getBody());
  auto main = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType(types, {}));
  builder.setInsertionPointToEnd(main.addEntryBlock());
  for (auto [position, tensor] : llvm::enumerate(given.tensors))
    main.setArgAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(tensor.name));
  for (const GivenInput &input : given.inputs)
    frame.values[input.name] = inputItem(input, main.getArguments());
  return main;
}

/// The tensors that an output consists of, under their names.
void Importer::addOutput(StringRef name, const Item &item, Results &results) {
  auto add = [&](const Twine &part, Value value) { results.push_back({(name + part).str(), value}); };
  std::string form = item.kind == Item::Kind::Tensor ? "tensor" : "absent";
  if (item.isPresent)
    add(".present", item.isPresent);
  if (item.kind == Item::Kind::Tensor)
    add("", item.tensor);
  if (item.kind == Item::Kind::Sequence) {
    form = item.sequence->isTable() ? "table" : "sequence of " + std::to_string(item.sequence->elements.size());
    for (auto [number, element] : llvm::enumerate(item.sequence->elements))
      add("[" + Twine(number) + "]", element);
    if (item.sequence->isTable()) {
      add(".data", item.sequence->data);
      add(".shapes", item.sequence->shapes);
    }
  }
  if (item.isPresent || item.kind != Item::Kind::Tensor)
    addForm("output", (item.isPresent ? "optional " : "") + form, name);
}

void Importer::finishMain(func::FuncOp main, const Frame &frame) {
  OpBuilder &builder = builder_.builder();
  Results results;
  for (const ValueInfoProto &output : model_.graph().output()) {
    const Item &item = lookup(frame, output.name());
    checkDeclared(output, item);
    addOutput(output.name(), item, results);
  }
  for (const auto &[name, value] : results)
    if (!graph::typeOf(value).hasStaticShape() && graph::isPackable(elementOf(value)))
      unsupported("output '" + printable(name) +
                  "' has dims that are not fixed, and elements that are packed; fix them "
                  "with --shape, or cast it to int8");
  llvm::StringSet<> names;
  for (const auto &[name, value] : results)
    if (!names.insert(name).second)
      unsupported("two outputs are called '" + printable(name) + "', one of which is part of a sequence");
  if (!forms_.empty())
    main->getParentOp()->setAttr("graph.forms", builder.getStringAttr(forms_));
  frontend::finishMain(main, results, builder);
}

/// Refuses the nodes that do not compute an output of the model.
void Importer::lookUpOutputs(const Frame &frame) {
  for (const ValueInfoProto &output : model_.graph().output())
    try {
      lookup(frame, output.name());
    } catch (const Lost &) {
      continue; // it is refused
    }
}

OwningOpRef<ModuleOp> Importer::run() {
  std::vector<UnsupportedNode> unknown;
  if (!options_.onUnsupported)
    unknown = unsupportedNodes(model_, operators_);
  return buildOrRefuse(std::move(unknown), refused_, [this] { return build(); });
}

OwningOpRef<ModuleOp> Importer::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.builder().getUnknownLoc());
  (*module)->setAttr("graph.name", builder_.builder().getStringAttr(model_.graph().name()));
  Frame frame;
  frame.opsets = &model_.opsets();
  func::FuncOp main = makeMain(*module, frame);
  addInitializers(model_.graph(), frame);
  importNodes(model_.graph().node(), frame);
  lookUpOutputs(frame);
  reportRefused(refused_, options_.onUnsupported);
  finishMain(main, frame);
  return module;
}

OwningOpRef<ModuleOp> importModel(std::shared_ptr<const MappedFile> file, StringRef path, const ImportOptions &options,
                                  MLIRContext &context) {
  context.loadDialect<graph::GraphDialect, func::FuncDialect>();
  Model model(std::move(file), path);
  OwningOpRef<ModuleOp> module = Importer(model, options, context).run();
  if (options.onWeightsFile)
    for (const std::string &weights : model.externalPaths())
      options.onWeightsFile(weights);
  return module;
}

} // namespace smelt::frontend::onnx
