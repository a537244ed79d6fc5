// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt-conformance/NodeTest.h"
#include "dialects/Kernel/Dtype.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/onnx/Tensors.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Buffers.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "tools/smelt-conformance/TestValue.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
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
  NodeTest(const std::string &folder, const std::string &scratch, std::string target, bool opensDims)
      : folder_(folder), target_(std::move(target)), artefact_(scratch + "/model.so"),
        opened_(opensDims ? scratch + "/opened.onnx" : ""), context_(mlir::MLIRContext::Threading::DISABLED),
        model_(frontend::MappedFile::open(modelPath()), modelPath()) {}

  void run();
  bool isF32() const;
  std::optional<DeviceShare> takeDevice() { return std::move(device_); }

private:
  using TestValues = std::vector<TestValue>; // of the first of the graph's inputs, or outputs

  std::string modelPath() const { return folder_ + "/model.onnx"; }
  std::string dataPath(size_t set, const char *kind, int index) const;
  TestValues readValues(size_t set, const char *kind, const onnx::GraphProto &graph) const;
  void openDims() const;
  void compile(const TestValues &inputs);
  void setShapes(runner::Instance &instance, const TestValues &inputs) const;
  void runSet(size_t set);
  void fill(runner::Buffers &buffers, const runner::Instance &instance, const TestValues &inputs);
  void fill(runner::Buffers &buffers, const runner::Instance &instance, const std::string &name,
            const onnx::TensorProto &value);
  void check(const runner::Buffers &buffers, const runner::Instance &instance, const TestValues &wanted);
  void check(const runner::TensorView &got, const std::string &name, const onnx::TensorProto &wanted);
  uint32_t check(const runner::Buffers &buffers, const runner::Instance &instance, const std::string &name,
                 const TestValue &wanted);
  runner::Tolerance toleranceFor(const runner::TensorView &want) const;

  std::string folder_, target_, artefact_;
  std::string opened_; // the model without the extents of its inputs; "" where they stay
  mlir::MLIRContext context_;
  onnx::Model model_;
  std::optional<DeviceShare> device_;
};
} // namespace

[[noreturn]] static void stop(Status status, const std::string &detail) { throw Stop{{status, detail, false, {}}}; }

std::string NodeTest::dataPath(size_t set, const char *kind, int index) const {
  return folder_ + "/test_data_set_" + std::to_string(set) + "/" + kind + "_" + std::to_string(index) + ".pb";
}

/// The files input_0.pb, … or output_0.pb, … of a set, for the graph's inputs or outputs in order.
NodeTest::TestValues NodeTest::readValues(size_t set, const char *kind, const onnx::GraphProto &graph) const {
  const auto &infos = std::strcmp(kind, "input") == 0 ? graph.input() : graph.output();
  TestValues values;
  for (int i = 0; i < infos.size(); ++i) {
    const std::string path = dataPath(set, kind, i);
    auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!file)
      break; // trailing ones are left out: inputs with a default
    std::optional<TestValue> value = readTestValue((*file)->getBuffer().str(), infos[i].type());
    if (!value)
      stop(Status::Error, path + " holds no value of the type that the model declares");
    values.push_back(std::move(*value));
  }
  return values;
}

/// Says what inputs are, as --shape does.
static void giveShapes(frontend::ImportOptions &options, const std::string &name, const TestValue &value) {
  std::vector<std::vector<frontend::GivenDim>> shapes;
  shapes.reserve(value.tensors.size());
  for (const onnx::TensorProto &tensor : value.tensors)
    shapes.emplace_back(tensor.dims().begin(), tensor.dims().end());
  switch (value.kind) {
  case TestValue::Kind::Tensor:
    options.shapes[name] = shapes.front();
    return;
  case TestValue::Kind::Sequence:
    options.sequences[name] = std::move(shapes);
    return;
  case TestValue::Kind::Absent:
    options.absent.insert(name);
  }
}

/// Writes the model with no extents of its inputs and outputs.
void NodeTest::openDims() const {
  std::ifstream from(modelPath(), std::ios::binary);
  std::ofstream to(opened_, std::ios::binary);
  onnx::ModelProto model;
  if (!model.ParseFromIstream(&from))
    stop(Status::Error, modelPath() + " is no model");
  // How long a list of integers is, is what rank or which axes something has.
  const auto isList = [](const ::onnx::TypeProto_Tensor &type) {
    return type.shape().dim_size() == 1 &&
           (type.elem_type() == ::onnx::TensorProto::INT64 || type.elem_type() == ::onnx::TensorProto::INT32);
  };
  const auto open = [&](onnx::ValueInfoProto &value) {
    if (value.type().has_tensor_type() && !isList(value.type().tensor_type()))
      for (auto &dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
        dim.clear_value();
  };
  std::for_each(model.mutable_graph()->mutable_input()->begin(), model.mutable_graph()->mutable_input()->end(), open);
  std::for_each(model.mutable_graph()->mutable_output()->begin(), model.mutable_graph()->mutable_output()->end(), open);
  if (!model.SerializeToOstream(&to))
    stop(Status::Error, opened_ + " cannot be written");
}

void NodeTest::compile(const TestValues &inputs) {
  driver::CompileOptions options;
  options.model = modelPath();
  if (!opened_.empty()) {
    openDims();
    options.model = opened_;
  }
  options.output = artefact_;
  options.target = target_;
  options.threads = 1; // the tests themselves run side by side
  for (size_t i = 0; i < inputs.size(); ++i)
    if (opened_.empty() || inputs[i].kind != TestValue::Kind::Tensor)
      giveShapes(options.import, model_.graph().input(static_cast<int>(i)).name(), inputs[i]);
  driver::CompileReport report;
  llvm::Error error = driver::compile(options, report);
  if (!error && report.device) {
    DeviceShare &share = device_ ? *device_ : device_.emplace();
    share.steps += report.device->steps;
    share.processorSteps += report.device->processorSteps;
    for (const auto &[kernel, why] : report.device->leftOut)
      share.why.push_back(kernel + ": " + why);
  }
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
  if (frontend::rawBytes(type) != proto.raw_data().size())
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
  const std::optional<uint32_t> dtype = kernel::dtypeOf(tensor.type.getElementType());
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

void NodeTest::fill(runner::Buffers &buffers, const runner::Instance &instance, const std::string &name,
                    const onnx::TensorProto &value) {
  const smelt_model &model = instance.model();
  const smelt_tensor_info *info = find(model.inputs, model.input_count, name);
  if (!info)
    return; // an initializer's default, which the model does not ask for
  const onnx::Tensor tensor = readTensor(value, model_, context_);
  const std::string bytes = bytesOf(tensor);
  if (std::string why = difference(viewOf(tensor, bytes), instance, *info); !why.empty())
    stop(Status::Fail, "input " + why);
  if (const uint64_t count = instance.bytesOf(*info))
    std::memcpy(buffers.inputs()[static_cast<size_t>(info - model.inputs)].data(), bytes.data(), count);
}

/// What a tensor of a sequence is called in a compiled model.
static std::string partName(const std::string &name, size_t number) {
  return name + "[" + std::to_string(number) + "]";
}

void NodeTest::fill(runner::Buffers &buffers, const runner::Instance &instance, const TestValues &inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string &name = model_.graph().input(static_cast<int>(i)).name();
    const bool isSequence = inputs[i].kind == TestValue::Kind::Sequence;
    for (size_t part = 0; part < inputs[i].tensors.size(); ++part)
      fill(buffers, instance, isSequence ? partName(name, part) : name, inputs[i].tensors[part]);
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

void NodeTest::check(const runner::TensorView &got, const std::string &name, const onnx::TensorProto &wanted) {
  const onnx::Tensor tensor = readTensor(wanted, model_, context_);
  const std::string bytes = bytesOf(tensor);
  const runner::TensorView want = viewOf(tensor, bytes);
  if (got.dtype != want.dtype || got.shape != want.shape)
    stop(Status::Fail, "output " + runner::quoted(name) + " is " + runner::describeType(got.dtype, got.shape) +
                           ", not " + runner::describeType(want.dtype, want.shape));
  const std::string why = isRandom(model_.graph()) ? unlike(got, want) : runner::beyond(got, want, toleranceFor(want));
  if (!why.empty())
    stop(Status::Fail, "output " + runner::quoted(name) + ": " + why);
}

/// An output of a compiled model; nothing where it has none of this name.
static std::optional<runner::TensorView> outputNamed(const runner::Buffers &buffers, const runner::Instance &instance,
                                                     const std::string &name) {
  const smelt_model &model = instance.model();
  const smelt_tensor_info *info = find(model.outputs, model.output_count, name);
  if (!info)
    return std::nullopt;
  return runner::TensorView{static_cast<smelt_dtype>(info->dtype), instance.shapeOf(*info),
                            buffers.outputs()[static_cast<size_t>(info - model.outputs)].data()};
}

/// The tensors of a sequence whose number the run found.
static std::vector<runner::TensorView> tensorsOf(const runner::TensorView &data, const runner::TensorView &shapes) {
  std::vector<runner::TensorView> tensors;
  const auto rows = static_cast<size_t>(shapes.shape[0]), rank = static_cast<size_t>(shapes.shape[1]);
  const unsigned char *at = data.bytes;
  for (size_t row = 0; row < rows; ++row) {
    runner::TensorView tensor{data.dtype, {}, at};
    for (size_t dim = 0; dim < rank; ++dim)
      if (auto extent = static_cast<int64_t>(shapes.at(row * rank + dim)); extent >= 0)
        tensor.shape.push_back(extent);
    at += tensor.count() * smelt_dtype_size(data.dtype);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// How many of the model's outputs the value is.
uint32_t NodeTest::check(const runner::Buffers &buffers, const runner::Instance &instance, const std::string &name,
                         const TestValue &wanted) {
  const auto output = [&](const std::string &part) { return outputNamed(buffers, instance, name + part); };
  uint32_t count = 0;
  std::vector<runner::TensorView> got;
  const auto isPresent = output(".present"), data = output(".data"), shapes = output(".shapes"), whole = output("");
  if (whole && wanted.kind != TestValue::Kind::Sequence) {
    got = {*whole};
  } else if (data && shapes) {
    got = tensorsOf(*data, *shapes);
    count = 2;
  } else {
    for (auto part = output("[0]"); part; part = output(partName("", got.size())))
      got.push_back(*part);
  }
  count += count == 0 ? static_cast<uint32_t>(got.size()) : 0;
  if (isPresent) {
    ++count;
    if ((isPresent->at(0) != 0) != (wanted.kind != TestValue::Kind::Absent))
      stop(Status::Fail, "output " + runner::quoted(name) + " is absent, or should be");
    if (wanted.kind == TestValue::Kind::Absent)
      return count;
  }
  if (got.size() != wanted.tensors.size())
    stop(Status::Fail, "output " + runner::quoted(name) + " is of " + std::to_string(got.size()) + " tensors, not " +
                           std::to_string(wanted.tensors.size()));
  for (size_t part = 0; part < got.size(); ++part)
    check(got[part], wanted.kind == TestValue::Kind::Sequence ? partName(name, part) : name, wanted.tensors[part]);
  return count;
}

void NodeTest::check(const runner::Buffers &buffers, const runner::Instance &instance, const TestValues &wanted) {
  uint32_t count = 0;
  for (size_t i = 0; i < wanted.size(); ++i)
    count += check(buffers, instance, model_.graph().output(static_cast<int>(i)).name(), wanted[i]);
  if (count != instance.model().output_count)
    stop(Status::Fail,
         "there are " + std::to_string(instance.model().output_count) + " outputs, not " + std::to_string(count));
}

/// Where dims are open: the extents that the inputs have.
void NodeTest::setShapes(runner::Instance &instance, const TestValues &inputs) const {
  if (!instance.needsShapes())
    return;
  const smelt_model &model = instance.model();
  runner::Shapes shapes;
  for (uint32_t input = 0; input < model.input_count; ++input)
    shapes.push_back(instance.shapeOf(model.inputs[input]));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (const smelt_tensor_info *info =
            find(model.inputs, model.input_count, model_.graph().input(static_cast<int>(i)).name()))
      shapes[static_cast<size_t>(info - model.inputs)].assign(inputs[i].tensors.front().dims().begin(),
                                                              inputs[i].tensors.front().dims().end());
  instance.setShapes(shapes);
}

void NodeTest::runSet(size_t set) {
  const TestValues inputs = readValues(set, "input", model_.graph());
  const TestValues wanted = readValues(set, "output", model_.graph());
  compile(inputs); // for these shapes
  const runner::Artifact artifact(artefact_);
  runner::Instance instance(artifact);
  setShapes(instance, inputs);
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

bool NodeTest::isF32() const {
  bool hasF32 = false, hasOther = false;
  auto look = [&](const onnx::ValueInfoProto &value) {
    const int type = value.type().tensor_type().elem_type(); // 0 for what is no tensor
    hasF32 |= type == onnx::TensorProto::FLOAT;
    hasOther |=
        type == onnx::TensorProto::FLOAT16 || type == onnx::TensorProto::BFLOAT16 || type == onnx::TensorProto::DOUBLE;
  };
  for (const onnx::ValueInfoProto &value : model_.graph().input())
    look(value);
  for (const onnx::ValueInfoProto &value : model_.graph().output())
    look(value);
  return hasF32 && !hasOther;
}

Outcome runNodeTest(const std::string &folder, const std::string &scratch, const std::string &target, bool opensDims) {
  try {
    NodeTest test(folder, scratch, target, opensDims);
    test.run();
    return {Status::Pass, "", test.isF32(), test.takeDevice()};
  } catch (const Stop &stopped) {
    return stopped.outcome;
  } catch (const frontend::Refusal &refusal) {
    const bool unsupported = refusal.kind == frontend::ImportError::Kind::Unsupported;
    return {unsupported ? Status::Unsupported : Status::Error, refusal.message, false, {}};
  } catch (const std::exception &error) {
    return {Status::Error, error.what(), false, {}};
  }
}

} // namespace smelt::conformance
