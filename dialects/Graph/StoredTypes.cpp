// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/StoredTypes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::graph {

bool isStoredFloat(Type elementType) {
  return isa<Float8E4M3FNType, Float8E4M3FNUZType, Float8E5M2Type, Float8E5M2FNUZType, Float8E8M0FNUType,
             Float6E2M3FNType, Float6E3M2FNType, Float4E2M1FNType>(elementType);
}

bool isStoredOnly(Type elementType) {
  return isStoredFloat(elementType) || elementType.isInteger(4) || elementType.isInteger(2);
}

bool isPackable(Type elementType) { return isStoredOnly(elementType) && elementType.getIntOrFloatBitWidth() <= 4; }

int64_t packedBytes(int64_t count, Type elementType) {
  // In parts, because count · bits may overflow.
  int64_t bits = elementType.getIntOrFloatBitWidth();
  return count / 8 * bits + llvm::divideCeil(count % 8 * bits, 8);
}

uint8_t storedByte(uint64_t code, Type elementType) {
  unsigned bits = elementType.getIntOrFloatBitWidth();
  uint64_t low = code & llvm::maskTrailingOnes<uint64_t>(bits);
  bool isSigned = isa<IntegerType>(elementType) && !elementType.isUnsignedInteger();
  return static_cast<uint8_t>(isSigned ? static_cast<uint64_t>(llvm::SignExtend64(low, bits)) : low);
}

std::string packElements(ArrayRef<char> elements, Type elementType) {
  unsigned bits = elementType.getIntOrFloatBitWidth(), mask = llvm::maskTrailingOnes<unsigned>(bits);
  std::string packed;
  unsigned waiting = 0, filled = 0; // bits that wait for a byte to be full
  for (char element : elements) {
    waiting |= (static_cast<unsigned char>(element) & mask) << filled;
    filled += bits;
    for (; filled >= 8; filled -= 8, waiting >>= 8)
      packed += static_cast<char>(waiting & 0xff);
  }
  if (filled > 0)
    packed += static_cast<char>(waiting);
  return packed;
}

void unpackElements(ArrayRef<char> packed, Type elementType, MutableArrayRef<char> elements) {
  unsigned bits = elementType.getIntOrFloatBitWidth();
  unsigned waiting = 0, filled = 0;
  const char *next = packed.begin();
  for (char &element : elements) {
    if (filled < bits) {
      waiting |= static_cast<unsigned>(static_cast<unsigned char>(*next++)) << filled;
      filled += 8;
    }
    element = static_cast<char>(storedByte(waiting, elementType));
    waiting >>= bits;
    filled -= bits;
  }
}

} // namespace smelt::graph
