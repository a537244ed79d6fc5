// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OnnxFile.h"
#include "frontends/common/Refusal.h"
#include "frontends/onnx/Skeleton.h"
#include "frontends/onnx/Tensors.h"
#include "gmock/gmock.h"

using namespace smelt;
using namespace smelt::test;
using frontend::MappedFile;
using testing::HasSubstr;
using Proto = ::onnx::TensorProto;

namespace {

// Skeletons.

TEST(skeleton, holdsOffsetsInPlaceOfWeights) {
  OnnxModel model;
  std::vector<float> weights(1000, 0.5F);
  model.floats("w", {1000}, weights);
  model.proto.set_doc_string("documentation");
  std::string file = model.proto.SerializeAsString(), skeleton = frontend::onnx::makeSkeleton(file);
  EXPECT_LT(skeleton.size(), 200U);

  ::onnx::ModelProto parsed;
  ASSERT_TRUE(parsed.ParseFromString(skeleton));
  EXPECT_FALSE(parsed.has_doc_string());
  auto payload = frontend::onnx::Payload::decode(parsed.graph().initializer(0).raw_data());
  ASSERT_TRUE(payload);
  EXPECT_EQ(file.substr(payload->offset, payload->size), model.graph().initializer(0).raw_data());
}

TEST(skeleton, everyTruncationIsRefused) {
  OnnxModel model;
  model.input("x", {"4"}).output("y").floats("w", {4}, {1, 2, 3, 4});
  setInteger(model.node("Add", {"x", "w"}, {"y"}), "axis", 3);
  std::string file = model.proto.SerializeAsString();
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_NE(importBytes(file.substr(0, size)).exitCode, 0) << size;
}

TEST(skeleton, nestsWithinLimits) {
  auto nested = [](int depth) {
    OnnxModel model;
    ::onnx::GraphProto *graph = &model.graph();
    for (int i = 0; i < depth; ++i) {
      auto *attribute = graph->add_node()->add_attribute();
      attribute->set_type(::onnx::AttributeProto::GRAPH);
      graph = attribute->mutable_g();
    }
    return model.proto.SerializeAsString();
  };
  EXPECT_NO_THROW(frontend::onnx::makeSkeleton(nested(29)));
  EXPECT_THROW(frontend::onnx::makeSkeleton(nested(31)), frontend::Refusal);
}

// Tensors.

/// A tensor as read from a file that holds it as an initializer.
struct ReadTensor {
  Folder folder;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::shared_ptr<const MappedFile> file;
  std::unique_ptr<frontend::onnx::Model> model;
  frontend::onnx::Tensor tensor;

  explicit ReadTensor(const Proto &proto) {
    OnnxModel maker;
    *maker.graph().add_initializer() = proto;
    maker.output(proto.name());
    std::string path = folder.write("m.onnx", maker.proto.SerializeAsString());
    file = MappedFile::open(path);
    model = std::make_unique<frontend::onnx::Model>(file, path);
    tensor = frontend::onnx::readTensor(model->graph().initializer(0), *model, &context);
  }
};

Proto makeTensor(int type, std::vector<int64_t> dims) {
  Proto proto;
  proto.set_name("w");
  proto.set_data_type(type);
  for (int64_t dim : dims)
    proto.add_dims(dim);
  return proto;
}

std::string refusalOf(const Proto &proto) {
  try {
    ReadTensor read(proto);
    return "";
  } catch (const frontend::Refusal &refusal) {
    return refusal.message;
  }
}

TEST(tensors, alignedDataStaysInTheFile) {
  int inPlace = 0;
  for (size_t padding = 0; padding < 4; ++padding) {
    Proto proto = makeTensor(Proto::FLOAT, {2});
    float values[] = {1.5F, -2.0F};
    proto.set_raw_data(std::string(reinterpret_cast<const char *>(values), sizeof values));
    proto.set_name(std::string(1 + padding, 'w')); // moves the data by a byte
    ReadTensor read(proto);
    EXPECT_EQ(read.tensor.view().get(1).asFloat(), -2.0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read.tensor.bytes.data()) % 4, 0U);
    const char *data = read.tensor.bytes.data(), *begin = read.file->bytes().begin();
    inPlace += data >= begin && data < read.file->bytes().end();
  }
  EXPECT_EQ(inPlace, 1);
}

TEST(tensors, typedFields) {
  Proto bools = makeTensor(Proto::BOOL, {3});
  for (int value : {0, 1, 7})
    bools.add_int32_data(value);
  EXPECT_EQ(ReadTensor(bools).tensor.bytes, llvm::ArrayRef<char>({0, 1, 1}));

  Proto half = makeTensor(Proto::FLOAT16, {1});
  half.add_int32_data(0x3c00);
  EXPECT_EQ(ReadTensor(half).tensor.view().get(0).asFloat(), 1.0);

  Proto small = makeTensor(Proto::INT8, {2});
  small.add_int32_data(-3);
  small.add_int32_data(100);
  EXPECT_EQ(ReadTensor(small).tensor.view().toIntegers(), (llvm::SmallVector<int64_t>{-3, 100}));

  Proto words = makeTensor(Proto::UINT32, {1});
  words.add_uint64_data(4000000000);
  EXPECT_EQ(ReadTensor(words).tensor.view().get(0).asUnsigned(), 4000000000U);
}

TEST(tensors, dataThatDoesNotFitItsDims) {
  Proto proto = makeTensor(Proto::FLOAT, {4});
  EXPECT_THAT(refusalOf(proto), HasSubstr("tensor 'w': has 0 elements, its dims need 4"));
  proto.set_raw_data(std::string(15, '\0'));
  EXPECT_THAT(refusalOf(proto), HasSubstr("has 15 bytes of data, its dims need 16"));
  proto.set_raw_data(std::string(16, '\0'));
  EXPECT_EQ(refusalOf(proto), "");
  proto.add_float_data(1);
  EXPECT_THAT(refusalOf(proto), HasSubstr("twice"));
}

TEST(tensors, dimsThatOverflow) {
  EXPECT_THAT(refusalOf(makeTensor(Proto::FLOAT, {-1})), HasSubstr("a dim of -1"));
  EXPECT_THAT(refusalOf(makeTensor(Proto::FLOAT, {int64_t(1) << 62, 4})), HasSubstr("63 bits"));
  EXPECT_THAT(refusalOf(makeTensor(Proto::FLOAT, {0, int64_t(1) << 62, 4})), HasSubstr("63 bits"));
  EXPECT_THAT(refusalOf(makeTensor(Proto::FLOAT, {int64_t(1) << 40})), HasSubstr("16 GiB"));
  EXPECT_EQ(refusalOf(makeTensor(Proto::FLOAT, {0, 5})), "");
}

TEST(tensors, externalData) {
  Folder folder;
  std::string bytes(16, '\0');
  bytes[8] = 7;
  folder.write("w.bin", bytes);
  auto importWith = [&](const char *offset, const char *length, const char *location = "w.bin") {
    OnnxModel model;
    Proto &weights = *model.graph().add_initializer();
    weights = makeTensor(Proto::INT32, {2});
    weights.set_data_location(Proto::EXTERNAL);
    for (auto [key, value] : {std::pair("location", location), {"offset", offset}, {"length", length}}) {
      auto *entry = weights.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    model.output("w");
    return importFile(folder.write("m.onnx", model.proto.SerializeAsString()));
  };
  EXPECT_THAT(importWith("8", "8").ir, HasSubstr("dense<[7, 0]>"));
  EXPECT_THAT(importWith("9", "8").error, HasSubstr("'w.bin' has only 16"));
  EXPECT_THAT(importWith("18446744073709551608", "8").error, HasSubstr("'w.bin' has only 16"));
  EXPECT_THAT(importWith("0", "16").error, HasSubstr("has 16 bytes, its dims need 8"));
  EXPECT_THAT(importWith("-8", "8").error, HasSubstr("offset '-8'"));
  EXPECT_THAT(importWith("0", "8", "../w.bin").error, HasSubstr("beneath the model's folder"));
  EXPECT_EQ(importWith("0", "8", "none.bin").exitCode, 3);
}

} // namespace
