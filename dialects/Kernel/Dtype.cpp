// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Dtype.h"
#include "mlir/IR/BuiltinTypes.h"
#include "smelt/smelt.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace smelt::kernel {

std::optional<uint32_t> dtypeOf(Type type) {
  struct Row {
    bool matches;
    smelt_dtype dtype;
  };
  auto isSigned = [&](unsigned width) { return type.isInteger(width) && !type.isUnsignedInteger(); };
  const Row rows[] = {
      {type.isF32(), SMELT_F32},
      {type.isF16(), SMELT_F16},
      {type.isBF16(), SMELT_BF16},
      {type.isF64(), SMELT_F64},
      {isSigned(1), SMELT_BOOL},
      {isSigned(8), SMELT_I8},
      {isSigned(16), SMELT_I16},
      {isSigned(32), SMELT_I32},
      {isSigned(64), SMELT_I64},
      {type.isUnsignedInteger(8), SMELT_U8},
      {type.isUnsignedInteger(16), SMELT_U16},
      {type.isUnsignedInteger(32), SMELT_U32},
      {type.isUnsignedInteger(64), SMELT_U64},
      {isa<Float8E4M3FNType>(type), SMELT_F8E4M3FN},
      {isa<Float8E4M3FNUZType>(type), SMELT_F8E4M3FNUZ},
      {isa<Float8E5M2Type>(type), SMELT_F8E5M2},
      {isa<Float8E5M2FNUZType>(type), SMELT_F8E5M2FNUZ},
      {isa<Float8E8M0FNUType>(type), SMELT_F8E8M0},
      {isa<Float6E2M3FNType>(type), SMELT_F6E2M3},
      {isa<Float6E3M2FNType>(type), SMELT_F6E3M2},
      {isa<Float4E2M1FNType>(type), SMELT_F4E2M1},
      {isSigned(4), SMELT_I4},
      {isSigned(2), SMELT_I2},
      {type.isUnsignedInteger(4), SMELT_U4},
      {type.isUnsignedInteger(2), SMELT_U2},
  };
  const Row *row = llvm::find_if(rows, [](const Row &candidate) { return candidate.matches; });
  return row == std::end(rows) ? std::nullopt : std::optional<uint32_t>(row->dtype);
}

} // namespace smelt::kernel
