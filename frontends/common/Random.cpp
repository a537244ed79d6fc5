// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Random.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents, graph::Scalar;

constexpr double kTwoPi = 6.283185307179586;

Value randomBits(GraphBuilder &b, const Extent &count, uint64_t seed) {
  Type type = b.builder().getIntegerType(64, /*isSigned=*/false);
  auto number = [&](uint64_t value) { return b.scalar(type, Scalar::ofUnsigned(value)); };
  Value counters = b.makeAs<graph::IotaOp>(checkedType(Extents{count}, type), number(0), number(1), 0);
  return b.make<graph::PhiloxOp>(counters, seed);
}

Value fraction(GraphBuilder &b, Value bits, unsigned first, unsigned count, Type type) {
  auto number = [&](uint64_t value) { return b.scalar(elementOf(bits), Scalar::ofUnsigned(value)); };
  Value low = first == 0 ? bits : b.make<graph::ShiftRightOp>(bits, number(first));
  Value part = first + count == 64 ? low : b.make<graph::AndOp>(low, number((uint64_t(1) << count) - 1));
  return b.make<graph::MulOp>(b.cast(part, type), b.scalar(type, 1 / static_cast<double>(uint64_t(1) << count)));
}

Value normalNumbers(GraphBuilder &b, const Extent &count, uint64_t seed) {
  constexpr unsigned kDigits = 24;
  Type f32 = b.builder().getF32Type();
  Value bits = randomBits(b, count, seed);
  auto times = [&](Value value, double factor) { return b.make<graph::MulOp>(value, b.scalar(f32, factor)); };
  Value u = b.make<graph::SubOp>(b.scalar(f32, 1.0), fraction(b, bits, 64 - kDigits, kDigits, f32));
  Value radius = b.make<graph::SqrtOp>(times(b.make<graph::LogOp>(u), -2));
  Value angle = b.make<graph::CosOp>(times(fraction(b, bits, 0, kDigits, f32), kTwoPi));
  return b.make<graph::MulOp>(radius, angle);
}

} // namespace smelt::frontend
