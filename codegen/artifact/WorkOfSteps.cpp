// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/WorkOfSteps.h"
#include "codegen/artifact/WorkTable.h"
#include "dialects/Kernel/Work.h"

using smelt::graph::Extent;

namespace smelt::artifact {

// What the table holds is written as it lies in memory.
static_assert(sizeof(WorkHeader) == 16 && sizeof(WorkRow) == 32 && sizeof(smelt_size) == 24);
static_assert(llvm::endianness::native == llvm::endianness::little);

void WorkOfSteps::add(size_t step, kernel::CallOp call, mlir::Operation *kernel) {
  auto function = llvm::dyn_cast_or_null<kernel::FuncOp>(kernel);
  if (!function)
    return;
  kernel::Work work = kernel::workOf(function);
  Entry entry{step, kernel::inCaller(work.operations, call), 0, 0, work.isFewer, work.together};
  for (auto [base, inKernel] : llvm::zip(call.getBases(), work.bytes)) {
    Extent bytes = kernel::inCaller(inKernel, call);
    entry.bytes += bytes;
    if (base == static_cast<int32_t>(Base::Weights))
      entry.weightBytes += bytes;
  }
  entries_.push_back(entry);
}

// One core does some 64 operations a nanosecond and takes 16 bytes from its second cache; to hand tiles over and to
// wait for the last of them takes a microsecond or two.
bool WorkOfSteps::isBrief(size_t step) const {
  constexpr int64_t kOperationsPerNanosecond = 64, kBytesPerNanosecond = 16, kNanoseconds = 2000;
  if (entries_.empty() || entries_.back().step != step)
    return false;
  const Extent &operations = entries_.back().operations, &bytes = entries_.back().bytes;
  return operations.isNumber() && !operations.isTooLarge() && bytes.isNumber() && !bytes.isTooLarge() &&
         operations.number() / kOperationsPerNanosecond + bytes.number() / kBytesPerNanosecond < kNanoseconds;
}

/// An extent as a number, or as the number of a size, with the flag that says so.
static int64_t encode(const Extent &extent, uint32_t flag, SizeProgram &sizes, uint32_t &flags) {
  constexpr int64_t kUnknown = -1;
  if (extent.isNumber())
    return extent.isTooLarge() ? kUnknown : extent.number();
  llvm::Expected<uint32_t> size = sizes.sizeOf(extent);
  if (!size) {
    llvm::consumeError(size.takeError());
    return kUnknown;
  }
  flags |= flag;
  return *size;
}

template <typename T> static void append(const T &value, std::string &bytes) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

std::string WorkOfSteps::table(SizeProgram sizes, size_t steps) const {
  if (entries_.empty())
    return "";
  uint32_t known = sizes.count();
  std::vector<WorkRow> rows(steps);
  for (const Entry &entry : entries_) {
    WorkRow &row = rows[entry.step];
    row.operations = encode(entry.operations, WorkRow::kOperationsIsSize, sizes, row.flags);
    row.bytes = encode(entry.bytes, WorkRow::kBytesIsSize, sizes, row.flags);
    row.weightBytes = encode(entry.weightBytes, WorkRow::kWeightBytesIsSize, sizes, row.flags);
    row.together = static_cast<uint32_t>(entry.together);
    row.flags |= entry.isFewer ? WorkRow::kIsFewer : 0;
  }
  std::string bytes;
  append(WorkHeader{kWorkVersion, sizes.count() - known, static_cast<uint32_t>(steps)}, bytes);
  for (const Size &size : llvm::ArrayRef(sizes.rows()).drop_front(known))
    append(smelt_size{size.number, size.kind, size.a, size.b, 0}, bytes);
  for (const WorkRow &row : rows)
    append(row, bytes);
  return bytes;
}

} // namespace smelt::artifact
