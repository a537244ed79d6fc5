// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Programs of sizes, as artefacts hold them, on any dims: every row has the value that arithmetic without bounds gives
// it, or the shapes are refused.

#include "smelt/smelt.h"
#include "test/fuzz/Fuzz.h"
#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

using smelt::fuzz::require;

namespace {
constexpr uint32_t kDims = 4; // of the one input

/// Takes numbers from the front of the bytes; zeros when they end.
struct Bytes {
  const uint8_t *data;
  size_t size;

  template <typename T> T take() {
    T value = {};
    const size_t bytes = std::min(size, sizeof value);
    if (bytes > 0)
      std::memcpy(&value, data, bytes);
    data += bytes;
    size -= bytes;
    return value;
  }
};
} // namespace

/// Rows that refer to rows before them, as every artefact's do.
static std::vector<smelt_size> programOf(Bytes &bytes) {
  std::vector<smelt_size> rows = {{0, SMELT_SIZE_DIM, 0, 0, 0}, {7, SMELT_SIZE_NUMBER, 0, 0, 0}};
  while (bytes.size > 0 && rows.size() < 256) {
    smelt_size row = {};
    row.kind = bytes.take<uint8_t>() % (SMELT_SIZE_EQUAL + 2); // those that shapes alone tell, and one that is none
    if (row.kind > SMELT_SIZE_EQUAL)
      row.kind = SMELT_SIZE_STATE + 1;
    const auto before = static_cast<uint32_t>(rows.size());
    row.a = row.kind == SMELT_SIZE_DIM ? 0 : bytes.take<uint8_t>() % before;
    row.b = bytes.take<uint8_t>() % (row.kind == SMELT_SIZE_DIM ? kDims : before);
    if (row.kind == SMELT_SIZE_NUMBER)
      row.number = bytes.take<int64_t>();
    rows.push_back(row);
  }
  return rows;
}

using Wide = __int128;

static std::optional<Wide> combined(uint32_t kind, Wide a, Wide b) {
  switch (kind) {
  case SMELT_SIZE_ADD:
    return a + b;
  case SMELT_SIZE_MULTIPLY:
    return a * b;
  case SMELT_SIZE_DIVIDE:
    return b <= 0 ? std::nullopt : std::optional(a / b - (a % b < 0 ? 1 : 0));
  case SMELT_SIZE_MIN:
    return std::min(a, b);
  case SMELT_SIZE_MAX:
    return std::max(a, b);
  case SMELT_SIZE_BROADCAST:
    return a == b || b == 1 ? std::optional(a) : a == 1 ? std::optional(b) : std::nullopt;
  case SMELT_SIZE_EQUAL:
    return a == b ? std::optional(a) : std::nullopt;
  default:
    return std::nullopt;
  }
}

static std::optional<std::vector<int64_t>> valuesOf(const std::vector<smelt_size> &rows, const int64_t *dims) {
  std::vector<int64_t> values;
  for (const smelt_size &row : rows) {
    std::optional<Wide> value;
    if (row.kind == SMELT_SIZE_NUMBER)
      value = row.number;
    else if (row.kind == SMELT_SIZE_DIM)
      value = dims[row.b] >= 0 ? std::optional<Wide>(dims[row.b]) : std::nullopt;
    else
      value = combined(row.kind, values[row.a], values[row.b]);
    if (!value || *value < INT64_MIN || *value > INT64_MAX)
      return std::nullopt;
    values.push_back(static_cast<int64_t>(*value));
  }
  return values;
}

/// y has the extents of the last rows, x the dims as given.
static void check(const std::vector<smelt_size> &rows, const int64_t *dims) {
  const int64_t open[kDims] = {-1, -1, -1, -1};
  uint32_t given[kDims], last[kDims];
  std::vector<smelt_size> all = rows;
  for (uint32_t dim = 0; dim < kDims; ++dim) {
    given[dim] = static_cast<uint32_t>(all.size());
    all.push_back({0, SMELT_SIZE_DIM, 0, dim, 0});
    last[dim] = static_cast<uint32_t>(rows.size() - 1 - dim % rows.size());
  }
  const smelt_tensor_info x = {"x", open, 0, kDims, SMELT_F32, given, nullptr, nullptr},
                          y = {"y", open, 0, kDims, SMELT_I4, last, nullptr, nullptr};
  smelt_model model = {};
  model.abi_version = SMELT_ABI_VERSION;
  model.input_count = model.output_count = 1;
  model.name = model.target = "fuzz";
  model.inputs = &x;
  model.outputs = &y;
  model.sizes = all.data();
  model.size_count = static_cast<uint32_t>(all.size());
  model.shape_sizes = model.size_count;
  model.arena_size = static_cast<uint32_t>(rows.size() - 1);

  const int64_t *shapes[] = {dims};
  uint64_t bytes = 0;
  const smelt_status status = smelt_arena_bytes(&model, shapes, &bytes);
  const std::optional<std::vector<int64_t>> want = valuesOf(all, dims);
  require(want || status == SMELT_ERROR_SHAPE, "shapes without sizes are refused");
  if (status != SMELT_OK)
    return;
  alignas(SMELT_ALIGNMENT) static unsigned char arena[1 << 16];
  smelt_instance instance;
  if (smelt_init(&instance, &model, arena, sizeof arena) != SMELT_OK)
    return;
  const smelt_status fits = smelt_set_shapes(&instance, shapes);
  require(fits == (bytes <= sizeof arena ? SMELT_OK : SMELT_ERROR_ARENA), "an arena of enough bytes fits");
  if (fits != SMELT_OK)
    return;
  for (uint32_t dim = 0; dim < kDims; ++dim) {
    require(smelt_tensor_extent(&instance, &x, dim) == dims[dim], "the input's dims");
    require(smelt_tensor_extent(&instance, &y, dim) == (*want)[last[dim]], "the output's dims");
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Bytes bytes = {data, size};
  int64_t dims[kDims];
  for (int64_t &dim : dims)
    dim = bytes.take<uint8_t>() % 2 ? bytes.take<uint8_t>() : bytes.take<int64_t>();
  check(programOf(bytes), dims);
  return 0;
}
