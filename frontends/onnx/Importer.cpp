// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Importer.h"
#include "dialects/Graph/Location.h"
#include "dialects/Graph/Symbols.h"
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
constexpr llvm::StringLiteral kUnknownOperator = "unsupported operator";
constexpr size_t kMostListed = 20; // in an error

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
    if (const FunctionProto *function = model_.function(domain, node.op_type(), node.overload())) {
      if (visited_.insert(function).second)
        visit(function->node(), readOpsets(function->opset_import(), ""));
    } else if (version == opsets.end()) {
      add(node, domain, 0, "imports no version of the domain");
    } else if (!operators_.find(domain, node.op_type(), version->second)) {
      add(node, domain, version->second, kUnknownOperator);
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

static void refuseUnsupported(ArrayRef<UnsupportedNode> nodes) {
  if (nodes.empty())
    return;
  std::string text;
  for (const UnsupportedNode &node : nodes.take_front(kMostListed))
    text += (text.empty() ? "" : ", ") + ("node '" + printable(node.node) + "' (" + printable(node.operatorName)) +
            (node.version > 0 ? ", opset " + std::to_string(node.version) : "") + ")";
  if (nodes.size() > kMostListed)
    text += " and " + std::to_string(nodes.size() - kMostListed) + " more";
  unsupported(text + (nodes.size() > 1 ? ": unsupported operators" : ": unsupported operator"));
}

// Values.

Importer::Importer(Model &model, const ImportOptions &options, MLIRContext &context)
    : model_(model), options_(options), context_(&context), builder_(&context) {}

/// A blob's name: printable, short, the same for the same file.
static std::string blobName(StringRef name) {
  std::string result;
  for (char c : name.take_front(60))
    result += llvm::isAlnum(c) || c == '_' || c == '.' || c == '-' ? c : '_';
  return result.empty() || !(llvm::isAlpha(result.front()) || result.front() == '_') ? "w" + result : result;
}

Value Importer::lookup(const Frame &frame, StringRef name) {
  for (const Frame *at = &frame; at; at = at->outer)
    if (auto value = at->values.find(name); value != at->values.end())
      return value->second ? value->second : throw Lost{};
  malformed("value '" + printable(name) + "' is made by nothing that this node may use");
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
        frame.values.try_emplace(output, nullptr);
    } catch (Refusal &refusal) {
      refuseNode(node, frame, std::move(refusal));
    }
  }
}

/// Remembers what is unsupported, and goes on; throws what is worse.
void Importer::refuseNode(const NodeProto &node, Frame &frame, Refusal refusal) {
  constexpr size_t kMostRefused = 1000;
  if (refusal.kind == ImportError::Kind::Unsupported && !refusal.namesNode && refused_.size() < kMostRefused) {
    StringRef domain = canonicalDomain(node.domain());
    auto version = frame.opsets->find(domain);
    refused_.push_back({printable(nameOf(node)),
                        printable((domain.empty() ? Twine() : domain + ".").str() + node.op_type()), "",
                        refusal.message, version == frame.opsets->end() ? 0 : version->second});
    for (const std::string &output : node.output())
      frame.values.try_emplace(output, nullptr);
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

/// Ends the import where functions stand for too much: what they call, and the nodes of their subgraphs, included.
void Importer::countInlined(int64_t parts, const NodeProto &node, const Frame &frame) {
  inlined_ += parts;
  if (inlined_ > kMostInlinedNodes)
    throw Refusal{ImportError::Kind::Unsupported,
                  (describe(node, *frame.opsets) + ": the model's functions stand for more than " +
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
  Values results;
  if (const FunctionProto *function = model_.function(domain, node.op_type(), node.overload())) {
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
  results.resize(std::max<size_t>(results.size(), node.output_size()));
  for (auto [output, result] : llvm::zip(node.output(), results)) {
    if (output.empty())
      continue;
    if (!result)
      unsupported("its output '" + printable(output) + "' is not supported");
    frame.values[output] = result;
  }
}

Values Importer::inlineGraph(const GraphProto &graph, const Frame &outer, ArrayRef<Value> inputs) {
  Frame frame;
  frame.outer = &outer;
  frame.opsets = outer.opsets;
  frame.path = outer.path;
  frame.depth = outer.depth;
  frame.attributes = outer.attributes;
  if (graph.input_size() != static_cast<int>(inputs.size()))
    malformed("its graph '" + printable(graph.name()) + "' takes " + Twine(graph.input_size()) + " inputs, not " +
              Twine(inputs.size()));
  for (auto [input, value] : llvm::zip_equal(graph.input(), inputs))
    frame.values[input.name()] = value;
  Location location = builder_.location();
  addInitializers(graph, frame);
  importNodes(graph.node(), frame);
  builder_.setLocation(location);
  Values results;
  for (const ValueInfoProto &output : graph.output())
    results.push_back(lookup(frame, output.name()));
  return results;
}

Values Importer::callFunction(const NodeProto &node, const FunctionProto &function, const Frame &caller) {
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
    if (Value value = reader.optionalInput(static_cast<unsigned>(position)))
      frame.values[formal] = value;
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
  Values results;
  for (const std::string &output : function.output())
    results.push_back(lookup(frame, output));
  return results;
}

// The model.

func::FuncOp Importer::makeMain(ModuleOp module, Frame &frame) {
  auto [inputs, bounds] = resolveInputs(model_.graph(), options_, context_);
  if (bounds)
    module->setAttr("graph.bounds", bounds);
  SmallVector<Type> types;
  for (const ModelInput &input : inputs)
    types.push_back(input.type);
  OpBuilder &builder = builder_.builder();
  builder.setInsertionPointToEnd(module.getBody());
  auto main = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType(types, {}));
  builder.setInsertionPointToEnd(main.addEntryBlock());
  for (auto [position, input] : llvm::enumerate(inputs)) {
    main.setArgAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(input.name));
    frame.values[input.name] = main.getArgument(static_cast<unsigned>(position));
  }
  return main;
}

/// Erases what nothing uses, the weights of other ops included, and symbols that no type and no attribute mentions.
static void eraseUnused(Block &block) {
  llvm::StringSet<> used;
  auto isUnused = [&](Operation &op) {
    SmallVector<StringRef> symbols = graph::symbolsDefinedBy(&op);
    if (symbols.empty())
      return op.getNumResults() > 0 && op.use_empty() && isPure(&op);
    return llvm::none_of(symbols, [&](StringRef symbol) { return used.contains(symbol); });
  };
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (isUnused(op)) {
      op.erase();
      continue;
    }
    for (const graph::Extent &extent : graph::extentsMentionedBy(&op))
      extent.walkSymbols([&](StringRef symbol) { used.insert(symbol); });
  }
}

void Importer::finishMain(func::FuncOp main, const Frame &frame) {
  OpBuilder &builder = builder_.builder();
  Values results;
  SmallVector<Type> types;
  for (const ValueInfoProto &output : model_.graph().output()) {
    results.push_back(lookup(frame, output.name()));
    types.push_back(results.back().getType());
    checkDeclared(output, graph::typeOf(results.back()));
  }
  func::ReturnOp::create(builder, main.getLoc(), results);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), types));
  for (auto [position, output] : llvm::enumerate(model_.graph().output()))
    main.setResultAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(output.name()));
  eraseUnused(main.getBody().front());
}

/// Ends the import where a node was refused.
void Importer::reportRefused() {
  if (refused_.empty())
    return;
  std::string text;
  for (const UnsupportedNode &node : ArrayRef(refused_).take_front(kMostListed))
    text += (text.empty() ? "" : "; ") + ("node '" + node.node + "' (" + node.operatorName) +
            (node.version > 0 ? ", opset " + std::to_string(node.version) : "") + "): " + node.reason;
  if (refused_.size() > kMostListed)
    text += " and " + std::to_string(refused_.size() - kMostListed) + " more";
  if (options_.onUnsupported)
    for (const UnsupportedNode &node : refused_)
      if (node.reason != kUnknownOperator)
        options_.onUnsupported(node);
  unsupported(text);
}

OwningOpRef<ModuleOp> Importer::run() {
  if (!options_.onUnsupported)
    refuseUnsupported(unsupportedNodes(model_, operators_));
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.builder().getUnknownLoc());
  (*module)->setAttr("graph.name", builder_.builder().getStringAttr(model_.graph().name()));
  Frame frame;
  frame.opsets = &model_.opsets();
  func::FuncOp main = makeMain(*module, frame);
  addInitializers(model_.graph(), frame);
  importNodes(model_.graph().node(), frame);
  reportRefused();
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
