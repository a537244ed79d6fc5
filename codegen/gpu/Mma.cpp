// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Mma.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::gpu {

static bool isByte(Type type) { return isa<IntegerType>(type); }

bool areHalvesOfCores(Type element, unsigned architecture) {
  return element.isF16() || (element.isBF16() && architecture >= 80);
}

static NVVM::MMATypes nameOf(Type element) {
  return element.isF16()               ? NVVM::MMATypes::f16
         : element.isBF16()            ? NVVM::MMATypes::bf16
         : element.isF32()             ? NVVM::MMATypes::tf32
         : element.isUnsignedInteger() ? NVVM::MMATypes::u8
                                       : NVVM::MMATypes::s8;
}

static SmallVector<Value> operandsOf(ImplicitLocOpBuilder &b, ArrayRef<Value> fragments, Type element) {
  SmallVector<Value> words(fragments);
  for (Value &word : words) {
    if (!element.isF16() && !word.getType().isInteger())
      word = LLVM::BitcastOp::create(b, b.getI32Type(), word);
    if (element.isF32())
      word = NVVM::ConvertFloatToTF32Op::create(b, b.getI32Type(), LLVM::BitcastOp::create(b, b.getF32Type(), word),
                                                NVVM::FPRoundingMode::RNA, NVVM::SaturationMode::NONE, false);
  }
  return words;
}

/// One instruction, as large as there are fragments.
static void multiplyAdd(ImplicitLocOpBuilder &b, const MmaTypes &types, ArrayRef<Value> left, ArrayRef<Value> right,
                        MutableArrayRef<Value> sums) {
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(sums.size(), types.sum));
  const int64_t rows = kMmaRows * static_cast<int64_t>(sums.size()) / 4,
                k = kMmaBytes * 8 / types.left.getIntOrFloatBitWidth() * static_cast<int64_t>(right.size()) / 2;
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (isByte(types.left))
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value made = NVVM::MmaOp::create(b, result, operandsOf(b, left, types.left), operandsOf(b, right, types.right),
                                   ValueRange(sums), ArrayRef<int64_t>{rows, kMmaColumns, k}, std::nullopt, overflow,
                                   std::array{nameOf(types.left), nameOf(types.right)},
                                   std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [number, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(b, made, static_cast<int64_t>(number));
}

void multiplyByCores(ImplicitLocOpBuilder &b, const MmaTypes &types, ArrayRef<Value> left, ArrayRef<Value> right,
                     MutableArrayRef<Value> sums) {
  if (types.architecture >= 80)
    return multiplyAdd(b, types, left, right, sums);
  for (size_t half = 0; half < 2; ++half) {
    if (!isByte(types.left)) {
      multiplyAdd(b, types, left.slice(2 * half, 2), right.slice(half, 1), sums);
      continue;
    }
    for (size_t rows = 0; rows < 2; ++rows)
      multiplyAdd(b, types, left.slice(2 * half + rows, 1), right.slice(half, 1), sums.slice(2 * rows, 2));
  }
}

void loadMatrices(ImplicitLocOpBuilder &b, Value halves, Value place, bool isTransposed,
                  SmallVectorImpl<Value> &fragments) {
  constexpr int64_t kMatrices = 4;
  Value loaded = nvgpu::LdMatrixOp::create(b, VectorType::get({kMatrices, 2}, b.getF16Type()), halves,
                                           ValueRange{place}, isTransposed, kMatrices);
  for (int64_t number = 0; number < kMatrices; ++number)
    fragments.push_back(vector::ExtractOp::create(b, loaded, number));
}

void storeFragments(codegen::Body &body, ArrayRef<Value> sums, int64_t columns, Value array, Value place,
                    int64_t stride) {
  constexpr int64_t kPairBytes = 8;
  ImplicitLocOpBuilder &b = body.builder();
  auto pair = VectorType::get({2}, sums.front().getType());
  const int64_t fragments = static_cast<int64_t>(sums.size()) / 4;
  for (int64_t fragment = 0; fragment < fragments; ++fragment)
    for (int64_t half = 0; half < 2; ++half) {
      const int64_t row = fragment / columns * kMmaRows + half * kMmaRows / 2,
                    column = fragment % columns * kMmaColumns;
      Value two = vector::FromElementsOp::create(b, pair, sums.slice(fragment * 4 + half * 2, 2));
      Value at = body.add(place, body.constant(row * stride + column));
      vector::StoreOp::create(b, two, array, ValueRange{at}).setAlignment(kPairBytes);
    }
}

} // namespace smelt::gpu
