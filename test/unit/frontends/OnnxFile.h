// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX models made in a few lines, and what comes of importing them.

#ifndef SMELT_TEST_UNIT_FRONTENDS_ONNXFILE_H
#define SMELT_TEST_UNIT_FRONTENDS_ONNXFILE_H

#include "frontends/common/Import.h"
#include "frontends/common/ImportError.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "onnx-ml.pb.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace smelt::test {

/// A folder of its own that goes with it.
class Folder {
public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "smelt-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string &name) const { return path_ / name; }

  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(*this / name, std::ios::binary) << bytes;
    return (*this / name).string();
  }

private:
  std::filesystem::path path_;
};

/// A model under construction.
struct OnnxModel {
  ::onnx::ModelProto proto;

  explicit OnnxModel(int64_t opset = 17) {
    proto.set_ir_version(9);
    importDomain("", opset);
    proto.mutable_graph()->set_name("g");
  }

  void importDomain(const std::string &domain, int64_t version) {
    auto *import = proto.add_opset_import();
    import->set_domain(domain);
    import->set_version(version);
  }

  ::onnx::GraphProto &graph() { return *proto.mutable_graph(); }

  /// Dims are numbers, or names of symbols.
  static void declare(::onnx::ValueInfoProto &value, const std::string &name, std::initializer_list<const char *> dims,
                      int type = ::onnx::TensorProto::FLOAT) {
    value.set_name(name);
    auto *tensor = value.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (std::string dim : dims) {
      bool isNumber = dim.find_first_not_of("-0123456789") == std::string::npos;
      auto *added = tensor->mutable_shape()->add_dim();
      isNumber ? added->set_dim_value(std::stoll(dim)) : added->set_dim_param(dim);
    }
  }
  OnnxModel &input(const std::string &name, std::initializer_list<const char *> dims,
                   int type = ::onnx::TensorProto::FLOAT) {
    declare(*graph().add_input(), name, dims, type);
    return *this;
  }
  OnnxModel &output(const std::string &name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  OnnxModel &output(const std::string &name, std::initializer_list<const char *> dims) {
    declare(*graph().add_output(), name, dims);
    return *this;
  }

  static ::onnx::NodeProto &fill(::onnx::NodeProto &node, const std::string &op, std::vector<std::string> inputs,
                                 std::vector<std::string> outputs) {
    node.set_op_type(op);
    for (const std::string &name : inputs)
      node.add_input(name);
    for (const std::string &name : outputs)
      node.add_output(name);
    return node;
  }
  ::onnx::NodeProto &node(const std::string &op, std::vector<std::string> inputs, std::vector<std::string> outputs) {
    return fill(*graph().add_node(), op, std::move(inputs), std::move(outputs));
  }

  ::onnx::TensorProto &floats(const std::string &name, std::vector<int64_t> dims, const std::vector<float> &values) {
    auto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    for (int64_t dim : dims)
      tensor.add_dims(dim);
    tensor.set_raw_data(std::string(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)));
    return tensor;
  }
  void integers(const std::string &name, const std::vector<int64_t> &values) {
    auto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<int64_t>(values.size()));
    for (int64_t value : values)
      tensor.add_int64_data(value);
  }
};

inline void setInteger(::onnx::NodeProto &node, const std::string &name, int64_t value) {
  auto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::INT);
  attribute->set_i(value);
}

/// What a file imports to: IR, or the error.
struct Imported {
  std::string ir, error;
  int exitCode = 0;
};

inline Imported importFile(const std::string &path, const frontend::ImportOptions &options = {}) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported result;
  auto module = frontend::importModel(path, options, context);
  if (!module) {
    llvm::handleAllErrors(module.takeError(), [&](const frontend::ImportError &error) {
      result.error = error.message();
      result.exitCode = error.exitCode();
    });
    return result;
  }
  EXPECT_TRUE(mlir::succeeded(mlir::verify(module->get())));
  llvm::raw_string_ostream os(result.ir);
  module->get().print(os);
  return result;
}

/// The path of the error is the file's name alone.
inline Imported importBytes(const std::string &bytes, const frontend::ImportOptions &options = {}) {
  Folder folder;
  std::string path = folder.write("m.onnx", bytes);
  Imported result = importFile(path, options);
  if (result.error.rfind(path, 0) == 0)
    result.error = result.error.substr(path.size() - std::string("m.onnx").size());
  return result;
}

inline Imported importProto(const OnnxModel &model, const frontend::ImportOptions &options = {}) {
  return importBytes(model.proto.SerializePartialAsString(), options);
}

} // namespace smelt::test

#endif // SMELT_TEST_UNIT_FRONTENDS_ONNXFILE_H
