// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt-conformance/NodeTest.h"
#include "codegen/artifact/FromPlan.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/onnx/Tensors.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Buffers.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

namespace smelt::conformance {

namespace onnx = frontend::onnx;

// What every float may differ by, beside what a test allows.
constexpr double kLeastAbsolute = 1e-5; // times the larger of 1 and the largest reference value
constexpr double kLeastRelative = 1e-3, kLeastRelativeF16 = 4e-3, kLeastRelativeBf16 = 2e-2;

const char *statusName(Status status) {
  static constexpr const char *kNames[] = {"pass", "fail", "unsupported", "error"};
  return kNames[static_cast<int>(status)];
}

namespace {
struct Stop {
  Outcome outcome;
};

/// One test on its way. Functions throw Stop once the outcome is known.
class NodeTest {
public:
  NodeTest(const std::string &folder, const std::string &scratch)
      : folder_(folder), artefact_(scratch + "/model.so"), context_(mlir::MLIRContext::Threading::DISABLED),
        model_(frontend::MappedFile::open(modelPath()), modelPath()) {}

  void run();

private:
  using Tensors = std::vector<onnx::TensorProto>;

  std::string modelPath() const { return folder_ + "/model.onnx"; }
  std::string dataPath(size_t set, const char *kind, int index) const;
  Tensors readTensors(size_t set, const char *kind, const onnx::GraphProto &graph) const;
  void compile(const Tensors &inputs);
  void runSet(size_t set);
  void fill(runner::Buffers &buffers, const runner::Instance &instance, const Tensors &inputs);
  void check(const runner::Buffers &buffers, const runner::Instance &instance, const Tensors &wanted);
  runner::Tolerance toleranceFor(const runner::TensorView &want) const;

  std::string folder_, artefact_;
  mlir::MLIRContext context_;
  onnx::Model model_;
};
} // namespace

[[noreturn]] static void stop(Status status, const std::string &detail) { throw Stop{{status, detail}}; }

std::string NodeTest::dataPath(size_t set, const char *kind, int index) const {
  return folder_ + "/test_data_set_" + std::to_string(set) + "/" + kind + "_" + std::to_string(index) + ".pb";
}

/// The files input_0.pb, … or output_0.pb, … of a set, for the graph's inputs or outputs in order.
NodeTest::Tensors NodeTest::readTensors(size_t set, const char *kind, const onnx::GraphProto &graph) const {
  const auto &values = std::strcmp(kind, "input") == 0 ? graph.input() : graph.output();
  Tensors tensors;
  for (int i = 0; i < values.size(); ++i) {
    if (!values[i].type().has_tensor_type())
      stop(Status::Unsupported, std::string(kind) + " " + runner::quoted(values[i].name()) + " is no tensor");
    const std::string path = dataPath(set, kind, i);
    auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!file)
      break; // trailing ones are left out: inputs with a default
    tensors.emplace_back();
    if (!tensors.back().ParseFromArray((*file)->getBufferStart(), static_cast<int>((*file)->getBufferSize())))
      stop(Status::Error, path + " holds no tensor");
  }
  return tensors;
}

void NodeTest::compile(const Tensors &inputs) {
  driver::CompileOptions options;
  options.model = modelPath();
  options.output = artefact_;
  options.threads = 1; // the tests themselves run side by side
  for (size_t i = 0; i < inputs.size(); ++i)
    options.import.shapes[model_.graph().input(static_cast<int>(i)).name()] = {inputs[i].dims().begin(),
                                                                               inputs[i].dims().end()};
  driver::CompileReport report;
  llvm::Error error = driver::compile(options, report);
  if (!error)
    return;
  const driver::Failure failure = driver::explain(std::move(error));
  stop(failure.exitCode == driver::kUnsupported ? Status::Unsupported : Status::Error, failure.message);
}

/// Like onnx::readTensor, which takes raw data from the model's file, for a tensor with a file of its own.
static onnx::Tensor readTensor(const onnx::TensorProto &proto, onnx::Model &model, mlir::MLIRContext &context) {
  if (!proto.has_raw_data())
    return onnx::readTensor(proto, model, &context);
  const std::string where = "tensor " + runner::quoted(proto.name());
  const mlir::Type element = onnx::elementTypeOf(proto.data_type(), &context, where);
  const auto type = frontend::checkedType(
      llvm::ArrayRef<int64_t>(proto.dims().data(), static_cast<size_t>(proto.dims_size())), element);
  auto owner = std::make_shared<graph::HostTensor>(graph::HostTensor::zeros(type));
  if (onnx::rawBytes(type) != proto.raw_data().size())
    stop(Status::Error, where + " has another size than its dims say");
  if (graph::isStoredOnly(element))
    graph::unpackElements(proto.raw_data(), element, owner->mutableBytes());
  else
    llvm::copy(proto.raw_data(), owner->mutableBytes().begin());
  return {type, owner->bytes(), owner};
}

/// A tensor as a model takes and yields it.
static std::string bytesOf(const onnx::Tensor &tensor) {
  const mlir::Type element = tensor.type.getElementType();
  return graph::isPackable(element) ? graph::packElements(tensor.bytes, element)
                                    : std::string(tensor.bytes.begin(), tensor.bytes.end());
}

static const smelt_tensor_info *find(const smelt_tensor_info *tensors, uint32_t count, const std::string &name) {
  const auto *found =
      std::find_if(tensors, tensors + count, [&](const smelt_tensor_info &tensor) { return tensor.name == name; });
  return found == tensors + count ? nullptr : found;
}

static runner::TensorView viewOf(const onnx::Tensor &tensor, const std::string &bytes) {
  const std::optional<uint32_t> dtype = artifact::dtypeOf(tensor.type.getElementType());
  if (!dtype)
    stop(Status::Unsupported, "the runtime has no tensors of this element type");
  return {static_cast<smelt_dtype>(*dtype), tensor.type.getShape().vec(),
          reinterpret_cast<const unsigned char *>(bytes.data())};
}

/// "" where a tensor is of the type that the model states, or found.
static std::string difference(const runner::TensorView &tensor, const runner::Instance &instance,
                              const smelt_tensor_info &info) {
  const std::vector<int64_t> shape = instance.shapeOf(info);
  if (tensor.dtype == static_cast<smelt_dtype>(info.dtype) && tensor.shape == shape)
    return "";
  return runner::quoted(info.name) + " is " + runner::describeType(info.dtype, shape) + ", not " +
         runner::describeType(tensor.dtype, tensor.shape);
}

void NodeTest::fill(runner::Buffers &buffers, const runner::Instance &instance, const Tensors &inputs) {
  const smelt_model &model = instance.model();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string &name = model_.graph().input(static_cast<int>(i)).name();
    const smelt_tensor_info *info = find(model.inputs, model.input_count, name);
    if (!info)
      continue; // an initializer's default, which the model does not ask for
    const onnx::Tensor tensor = readTensor(inputs[i], model_, context_);
    const std::string bytes = bytesOf(tensor);
    if (std::string why = difference(viewOf(tensor, bytes), instance, *info); !why.empty())
      stop(Status::Fail, "input " + why);
    if (info->bytes > 0)
      std::memcpy(buffers.inputs()[static_cast<size_t>(info - model.inputs)].data(), bytes.data(), info->bytes);
  }
}

runner::Tolerance NodeTest::toleranceFor(const runner::TensorView &want) const {
  const double relative = want.dtype == SMELT_F16    ? kLeastRelativeF16
                          : want.dtype == SMELT_BF16 ? kLeastRelativeBf16
                                                     : kLeastRelative;
  runner::Tolerance tolerance{kLeastAbsolute * std::max(1.0, runner::largest(want)), relative};
  auto file = llvm::MemoryBuffer::getFile(folder_ + "/tolerance.json");
  if (!file)
    return tolerance;
  const auto stated = nlohmann::json::parse((*file)->getBuffer().str(), nullptr, /*allow_exceptions=*/false);
  if (!stated.is_object())
    stop(Status::Error, "tolerance.json is malformed");
  tolerance.absolute = std::max(tolerance.absolute, stated.value("atol", 0.0));
  tolerance.relative = std::max(tolerance.relative, stated.value("rtol", 0.0));
  return tolerance;
}

/// Whether a graph draws numbers, which can't be those that another implementation draws.
static bool isRandom(const onnx::GraphProto &graph) {
  constexpr const char *kOperators[] = {"Bernoulli",        "Multinomial",   "RandomNormal",
                                        "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
  return llvm::any_of(graph.node(),
                      [&](const onnx::NodeProto &node) { return llvm::is_contained(kOperators, node.op_type()); });
}

struct Moments {
  double mean = 0, deviation = 0;
};
static Moments momentsOf(const runner::TensorView &tensor) {
  Moments moments;
  const auto count = static_cast<double>(tensor.count());
  for (uint64_t i = 0; i < tensor.count(); ++i)
    moments.mean += tensor.at(i) / count;
  for (uint64_t i = 0; i < tensor.count(); ++i)
    moments.deviation += std::pow(tensor.at(i) - moments.mean, 2) / count;
  moments.deviation = std::sqrt(moments.deviation);
  return moments;
}

/// "" where two draws may be of one distribution: their means lie as close as so many elements let expect.
static std::string unlike(const runner::TensorView &got, const runner::TensorView &want) {
  constexpr double kDeviations = 5;
  const Moments is = momentsOf(got), should = momentsOf(want);
  const double spread = std::max(is.deviation, should.deviation);
  const double error = kDeviations * spread * std::sqrt(2.0 / std::max(1.0, static_cast<double>(want.count())));
  if (std::fabs(is.mean - should.mean) <= error && is.deviation <= 4 * should.deviation + error)
    return "";
  return "a mean of " + std::to_string(is.mean) + " and a deviation of " + std::to_string(is.deviation) + ", not of " +
         std::to_string(should.mean) + " and " + std::to_string(should.deviation);
}

void NodeTest::check(const runner::Buffers &buffers, const runner::Instance &instance, const Tensors &wanted) {
  const smelt_model &model = instance.model();
  if (wanted.size() != model.output_count)
    stop(Status::Fail,
         "there are " + std::to_string(model.output_count) + " outputs, not " + std::to_string(wanted.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const smelt_tensor_info &info = model.outputs[i];
    const onnx::Tensor tensor = readTensor(wanted[i], model_, context_);
    const std::string bytes = bytesOf(tensor);
    const runner::TensorView want = viewOf(tensor, bytes);
    if (std::string why = difference(want, instance, info); !why.empty())
      stop(Status::Fail, "output " + why);
    const runner::TensorView got{want.dtype, want.shape, buffers.outputs()[i].data()};
    const std::string why =
        isRandom(model_.graph()) ? unlike(got, want) : runner::beyond(got, want, toleranceFor(want));
    if (!why.empty())
      stop(Status::Fail, "output " + runner::quoted(info.name) + ": " + why);
  }
}

void NodeTest::runSet(size_t set) {
  const Tensors inputs = readTensors(set, "input", model_.graph()), wanted = readTensors(set, "output", model_.graph());
  compile(inputs); // for these shapes
  const runner::Artifact artifact(artefact_);
  const runner::Instance instance(artifact);
  auto buffers = runner::Buffers::seeded(instance);
  fill(buffers, instance, inputs);
  buffers.run(instance);
  check(buffers, instance, wanted);
}

void NodeTest::run() {
  size_t set = 0;
  for (; llvm::sys::fs::is_directory(folder_ + "/test_data_set_" + std::to_string(set)); ++set)
    runSet(set);
  if (set == 0)
    stop(Status::Error, "the folder has no test_data_set_0");
}

Outcome runNodeTest(const std::string &folder, const std::string &scratch) {
  try {
    NodeTest(folder, scratch).run();
    return {Status::Pass, ""};
  } catch (const Stop &stopped) {
    return stopped.outcome;
  } catch (const frontend::Refusal &refusal) {
    const bool unsupported = refusal.kind == frontend::ImportError::Kind::Unsupported;
    return {unsupported ? Status::Unsupported : Status::Error, refusal.message};
  } catch (const std::exception &error) {
    return {Status::Error, error.what()};
  }
}

} // namespace smelt::conformance
