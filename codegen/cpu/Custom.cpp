// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that are a call of a C function: they put together, on the stack, what smelt.h calls a smelt_custom_call.

#include "codegen/cpu/Emitters.h"
#include "dialects/Kernel/Dtype.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace smelt::cpu {

using Fields = SmallVector<Value>;

namespace {
class CustomCall {
public:
  CustomCall(Body &body, graph::CustomOp op)
      : body_(body), op_(op), builder_(body.builder()), module_(body.kernel()->getParentOfType<ModuleOp>()),
        pointer_(LLVM::LLVMPointerType::get(builder_.getContext())) {}

  void emit();

private:
  LLVM::LLVMFuncOp declare();
  Value bufferOf(Value tensor);
  Fields tensor(Value tensor, Value buffer);
  Value inputs();
  Value outputs();
  Value attributes();
  Value array(ArrayRef<Fields> rows);
  Value global(LLVM::LLVMArrayType type, Attribute value);
  Value text(StringRef value);
  Value numbers(DenseArrayAttr values);

  Value u32(size_t value) {
    return LLVM::ConstantOp::create(builder_, builder_.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  Value i64(size_t value) {
    return LLVM::ConstantOp::create(builder_, builder_.getI64IntegerAttr(static_cast<int64_t>(value)));
  }
  Value i64(const graph::Extent &extent) {
    return arith::IndexCastOp::create(builder_, builder_.getI64Type(), body_.value(extent));
  }
  Value null() { return LLVM::ZeroOp::create(builder_, pointer_); }

  Body &body_;
  graph::CustomOp op_;
  ImplicitLocOpBuilder &builder_;
  ModuleOp module_;
  Type pointer_;
  int globals_ = 0;
};
} // namespace

/// C structures one after another, on the stack; null where there are none.
Value CustomCall::array(ArrayRef<Fields> rows) {
  if (rows.empty())
    return null();
  SmallVector<Type> types = llvm::map_to_vector(rows.front(), [](Value field) { return field.getType(); });
  auto type = LLVM::LLVMStructType::getLiteral(builder_.getContext(), types);
  Value memory = LLVM::AllocaOp::create(builder_, pointer_, type, i64(rows.size()));
  for (auto [row, fields] : llvm::enumerate(rows))
    for (auto [number, field] : llvm::enumerate(fields)) {
      const LLVM::GEPArg place[] = {static_cast<int32_t>(row), static_cast<int32_t>(number)};
      LLVM::StoreOp::create(builder_, field, LLVM::GEPOp::create(builder_, pointer_, type, memory, place));
    }
  return memory;
}

/// Constant data beside the kernel.
Value CustomCall::global(LLVM::LLVMArrayType type, Attribute value) {
  std::string name = (body_.kernel().getSymName() + "." + Twine(globals_++)).str();
  {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(module_.getBody());
    LLVM::GlobalOp::create(builder_, type, /*isConstant=*/true, LLVM::Linkage::Private, name, value);
  }
  return LLVM::AddressOfOp::create(builder_, pointer_, name);
}

Value CustomCall::text(StringRef value) {
  std::string ended = value.str() + '\0';
  return global(LLVM::LLVMArrayType::get(builder_.getI8Type(), ended.size()), builder_.getStringAttr(ended));
}

Value CustomCall::numbers(DenseArrayAttr values) {
  if (values.empty())
    return null();
  auto type = RankedTensorType::get({values.size()}, values.getElementType());
  return global(LLVM::LLVMArrayType::get(values.getElementType(), values.size()),
                DenseElementsAttr::getFromRawBuffer(type, values.getRawData()));
}

/// smelt_attribute: name, ints, floats, text, count
Value CustomCall::attributes() {
  SmallVector<Fields> rows;
  for (auto [name, value] : llvm::zip_equal(op_.getNames().getAsValueRange<StringAttr>(), op_.getValues())) {
    Fields row = {text(name), null(), null(), null(), i64(size_t(0))};
    if (auto list = dyn_cast<DenseArrayAttr>(value)) {
      row[list.getElementType().isF64() ? 2 : 1] = numbers(list);
      row[4] = i64(static_cast<size_t>(list.size()));
    } else {
      row[3] = text(cast<StringAttr>(value));
      row[4] = i64(cast<StringAttr>(value).size());
    }
    rows.push_back(row);
  }
  return array(rows);
}

/// smelt_tensor: data, shape, bytes, rank, dtype
Fields CustomCall::tensor(Value tensor, Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(builder_, buffer);
  Value number = arith::IndexCastOp::create(builder_, builder_.getI64Type(), address);
  Value data = LLVM::IntToPtrOp::create(builder_, pointer_, number);
  SmallVector<Fields> shape;
  graph::Extents extents = graph::extentsOf(tensor);
  for (const graph::Extent &extent : extents)
    shape.push_back({i64(extent)});
  Type element = graph::typeOf(tensor).getElementType();
  Value bytes = i64(graph::productOf(extents) * graph::elementBytes(element));
  return {data, array(shape), bytes, u32(extents.size()), u32(*kernel::dtypeOf(element))};
}

Value CustomCall::inputs() {
  SmallVector<Fields> rows;
  auto given = op_.getInputs().begin();
  size_t count = op_.getInputs().size() + op_.getAbsent().size();
  for (size_t place = 0; place < count; ++place) {
    if (llvm::is_contained(op_.getAbsent(), static_cast<int64_t>(place))) {
      rows.push_back({null(), null(), i64(size_t(0)), u32(0), u32(0)});
      continue;
    }
    Value input = *given++;
    rows.push_back(tensor(input, body_.bufferOf(input.getDefiningOp<kernel::LoadOp>().getBuffer())));
  }
  return array(rows);
}

Value CustomCall::outputs() {
  SmallVector<Fields> rows;
  for (Value result : op_.getResults())
    rows.push_back(tensor(result, body_.bufferOf(cast<kernel::StoreOp>(*result.user_begin()).getBuffer())));
  return array(rows);
}

LLVM::LLVMFuncOp CustomCall::declare() {
  if (auto declared = module_.lookupSymbol<LLVM::LLVMFuncOp>(op_.getFunction()))
    return declared;
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(module_.getBody());
  auto nothing = LLVM::LLVMVoidType::get(builder_.getContext());
  return LLVM::LLVMFuncOp::create(builder_, op_.getFunction(), LLVM::LLVMFunctionType::get(nothing, pointer_));
}

/// smelt_custom_call: inputs, outputs, attributes, and how many there are of each
void CustomCall::emit() {
  Fields call = {inputs(), outputs(), attributes()};
  for (size_t count : {op_.getInputs().size() + op_.getAbsent().size(), static_cast<size_t>(op_.getNumResults()),
                       op_.getValues().size()})
    call.push_back(u32(count));
  LLVM::CallOp::create(builder_, declare(), ValueRange(array({call})));
}

graph::Extent emitCustom(Body &body, graph::CustomOp root) {
  CustomCall(body, root).emit();
  return 1;
}

} // namespace smelt::cpu
