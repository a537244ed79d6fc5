// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Rows.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/IRMapping.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::plan {

using Uses = std::optional<SmallVector<RowUse>>;

bool RowUse::operator==(const RowUse &other) const {
  return dim == other.dim && stride == other.stride && low == other.low && window == other.window && tile == other.tile;
}

Rows RowUse::read(Rows rows, int64_t extent) const {
  int64_t count = static_cast<int64_t>(llvm::alignTo(rows.count(), tile));
  int64_t first = rows.first * stride - low, last = (rows.first + count - 1) * stride - low + window;
  return {std::clamp<int64_t>(first, 0, extent), std::clamp<int64_t>(last, 0, extent)};
}

static ArrayRef<int64_t> shapeOf(Value value) { return graph::typeOf(value).getShape(); }
static int64_t rankOf(Value value) { return graph::typeOf(value).getRank(); }

static RowUse same(int64_t dim) { return {dim}; }

/// Elementwise: operands broadcast.
static Uses elementwiseUses(Operation *op, int64_t dim) {
  Value result = op->getResult(0);
  SmallVector<RowUse> uses;
  for (Value operand : op->getOperands()) {
    int64_t own = dim - (rankOf(result) - rankOf(operand));
    bool isRepeated = own < 0 || shapeOf(operand)[own] != shapeOf(result)[dim];
    uses.push_back(isRepeated ? RowUse() : same(own));
  }
  return uses;
}

/// Windows over the image, operand 0; what else is read is read as a whole.
static Uses windowUses(Operation *op, int64_t dim, const RowUse &image) {
  SmallVector<RowUse> uses(op->getNumOperands());
  uses[0] = image;
  uses[0].dim = dim;
  return uses;
}

/// Which spatial dim a dim is of [b…, s…, c].
static std::optional<size_t> spatialDim(Value result, size_t spatial, int64_t dim) {
  int64_t before = rankOf(result) - 1 - static_cast<int64_t>(spatial);
  if (dim < before || dim + 1 >= rankOf(result))
    return std::nullopt;
  return dim - before;
}

static Uses contractUses(kernel::ContractOp op, int64_t dim) {
  std::optional<size_t> number = spatialDim(op.getResult(), op.getWindow().size(), dim);
  if (!number || rankOf(op.getInput()) != rankOf(op.getResult()))
    return std::nullopt;
  int64_t window = (op.getWindow()[*number] - 1) * op.getDilations()[*number] + 1;
  return windowUses(op, dim, {dim, op.getStrides()[*number], 0, window});
}

static Uses winogradUses(kernel::WinogradOp op, int64_t dim) {
  std::optional<size_t> number = spatialDim(op.getResult(), op.getWindow().size(), dim);
  if (!number)
    return std::nullopt;
  int64_t dilation = op.getDilations()[*number], window = (op.getWindow()[*number] - 1) * dilation + 1;
  return windowUses(op, dim, {dim, 1, 0, window, op.getTile()[*number] * dilation});
}

/// The first spatial dim of a convolution or pool is dim 1 or 2.
template <typename OpTy> static std::optional<size_t> spatialDimOf(OpTy op, int64_t dim) {
  int64_t first = op.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
  if (dim < first || dim >= first + static_cast<int64_t>(op.getStrides().size()))
    return std::nullopt;
  return dim - first;
}

static Uses convUses(graph::ConvOp op, int64_t dim) {
  std::optional<size_t> number = spatialDimOf(op, dim);
  if (!number || op.getLow()[*number] != 0 || op.getHigh()[*number] != 0)
    return std::nullopt;
  int64_t filterDim = *number + (op.getLayout() == graph::Layout::ChannelsLast ? 0 : 2);
  int64_t window = (shapeOf(op.getFilter())[filterDim] - 1) * op.getDilations()[*number] + 1;
  return windowUses(op, dim, {dim, op.getStrides()[*number], 0, window});
}

static Uses poolUses(graph::PoolOp op, int64_t dim) {
  std::optional<size_t> number = spatialDimOf(op, dim);
  if (!number)
    return std::nullopt;
  bool isPadded = op.getLow()[*number] != 0 || op.getHigh()[*number] != 0;
  if (isPadded && op.getCountPadding()) // how much of it counts depends on where the tensor ends
    return std::nullopt;
  int64_t window = (op.getWindow()[*number] - 1) * op.getDilations()[*number] + 1;
  return windowUses(op, dim, {dim, op.getStrides()[*number], op.getLow()[*number], window});
}

/// Rows that are the same dim before and after, with the same elements before it.
static Uses reshapeUses(graph::ReshapeOp op, int64_t dim) {
  ArrayRef<int64_t> from = shapeOf(op.getInput()), to = shapeOf(op.getResult());
  int64_t before = 1, outer = 1;
  for (int64_t extent : to.take_front(dim))
    outer *= extent;
  for (auto [own, extent] : llvm::enumerate(from)) {
    if (before == outer && extent == to[dim])
      return SmallVector<RowUse>{same(own)};
    before *= extent;
  }
  return std::nullopt;
}

static Uses viewUses(Operation *op, int64_t dim) {
  return llvm::TypeSwitch<Operation *, Uses>(op)
      .Case([&](graph::PadOp pad) -> Uses {
        std::optional<int64_t> low = pad.getLow()[dim].asNumber();
        if (!low)
          return std::nullopt;
        return windowUses(op, dim, {dim, 1, *low});
      })
      .Case([&](graph::SliceOp slice) -> Uses {
        std::optional<int64_t> start = slice.getStarts()[dim].asNumber(), step = slice.getSteps()[dim].asNumber();
        if (!start || !step || *step < 1)
          return std::nullopt;
        return SmallVector<RowUse>{{dim, *step, -*start}};
      })
      .Case([&](graph::ConcatOp concat) -> Uses {
        if (static_cast<int64_t>(concat.getAxis()) == dim)
          return std::nullopt;
        return SmallVector<RowUse>(op->getNumOperands(), same(dim));
      })
      .Case([&](graph::TransposeOp transpose) -> Uses {
        return SmallVector<RowUse>{same(transpose.getPermutation()[dim])};
      })
      .Case([&](graph::ReshapeOp reshape) { return reshapeUses(reshape, dim); })
      .Case([&](graph::BroadcastOp) { return elementwiseUses(op, dim); })
      .Default([](Operation *) { return std::nullopt; });
}

/// The same of an op in a dispatch.
static Uses innerUses(Operation *op, int64_t dim) {
  if (isa<graph::ScalarInterface>(op))
    return elementwiseUses(op, dim);
  return llvm::TypeSwitch<Operation *, Uses>(op)
      .Case([&](kernel::ContractOp contract) { return contractUses(contract, dim); })
      .Case([&](kernel::WinogradOp winograd) { return winogradUses(winograd, dim); })
      .Case([&](graph::ConvOp conv) { return convUses(conv, dim); })
      .Case([&](graph::PoolOp pool) { return poolUses(pool, dim); })
      .Default([](Operation *) { return std::nullopt; });
}

namespace {
/// What is known of a dispatch's body: which dim of a value are the rows, and how its arguments are read.
struct BodyRows {
  llvm::DenseMap<Value, int64_t> dims; // none for constants
  SmallVector<std::optional<RowUse>> arguments;
};
} // namespace

/// Notes that a value is read so; false where that contradicts what is known, or is not possible.
static bool note(BodyRows &rows, Value value, const RowUse &use) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    std::optional<RowUse> &known = rows.arguments[argument.getArgNumber()];
    if (known && !(*known == use))
      return false;
    known = use;
    return true;
  }
  if (use.isWhole())
    return isa<graph::ConstantOp>(value.getDefiningOp());
  return use.isSame() && rows.dims.try_emplace(value, use.dim).first->second == use.dim;
}

static std::optional<BodyRows> bodyRows(kernel::DispatchOp dispatch, int64_t dim) {
  BodyRows rows;
  rows.arguments.resize(dispatch.getInputs().size());
  Block &body = dispatch.getBody().front();
  for (Value value : body.getTerminator()->getOperands())
    if (isa<BlockArgument>(value) || !note(rows, value, same(dim)))
      return std::nullopt;
  for (Operation &op : llvm::reverse(body.without_terminator())) {
    if (isa<graph::ConstantOp>(op)) {
      if (rows.dims.count(op.getResult(0)))
        return std::nullopt;
      continue;
    }
    auto found = op.getNumResults() == 1 ? rows.dims.find(op.getResult(0)) : rows.dims.end();
    Uses uses = found == rows.dims.end() ? std::nullopt : innerUses(&op, found->second);
    if (!uses)
      return std::nullopt;
    for (auto [operand, use] : llvm::zip_equal(op.getOperands(), *uses))
      if (!note(rows, operand, use))
        return std::nullopt;
  }
  return rows;
}

Uses rowUses(Operation *op, int64_t dim) {
  auto isStatic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  };
  if (!llvm::all_of(op->getOperandTypes(), isStatic) || !llvm::all_of(op->getResultTypes(), isStatic))
    return std::nullopt;
  for (Value result : op->getResults())
    if (dim >= rankOf(result) || shapeOf(result) != shapeOf(op->getResult(0)))
      return std::nullopt;
  if (isView(op))
    return viewUses(op, dim);
  auto dispatch = dyn_cast<kernel::DispatchOp>(op);
  std::optional<BodyRows> rows = dispatch ? bodyRows(dispatch, dim) : std::nullopt;
  if (!rows)
    return std::nullopt;
  return llvm::map_to_vector(rows->arguments, [](const std::optional<RowUse> &use) { return use.value_or(RowUse()); });
}

static RankedTensorType withRows(Type type, int64_t dim, int64_t count) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[dim] = count;
  return RankedTensorType::get(shape, tensor.getElementType());
}

/// What of the windows of `rows` lies outside of an operand of so many rows, before and after.
static std::pair<int64_t, int64_t> paddingOf(const RowUse &use, Rows rows, int64_t extent) {
  int64_t first = rows.first * use.stride - use.low, last = (rows.last - 1) * use.stride - use.low + use.window;
  return {std::max<int64_t>(0, -first), std::max<int64_t>(0, last - extent)};
}

static void setPadding(graph::PoolOp pool, graph::PoolOp whole, int64_t dim, Rows rows) {
  size_t number = *spatialDimOf(whole, dim);
  SmallVector<int64_t> low(whole.getLow()), high(whole.getHigh()), declared(whole.getDeclaredHigh());
  RowUse use = (*poolUses(whole, dim))[0];
  std::tie(low[number], high[number]) = paddingOf(use, rows, shapeOf(whole.getInput())[dim]);
  declared[number] = std::min(declared[number], high[number]);
  pool.setLow(low);
  pool.setHigh(high);
  pool.setDeclaredHigh(declared);
}

static Operation *cloneDispatch(OpBuilder &builder, kernel::DispatchOp whole, int64_t dim, Rows rows,
                                ValueRange operands) {
  BodyRows known = *bodyRows(whole, dim);
  SmallVector<Type> types =
      llvm::map_to_vector(whole.getResultTypes(), [&](Type type) -> Type { return withRows(type, dim, rows.count()); });
  auto dispatch = kernel::DispatchOp::create(builder, whole.getLoc(), types, operands);
  dispatch->setDiscardableAttrs(whole->getDiscardableAttrDictionary());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&dispatch.getBody());
  IRMapping mapping;
  for (auto [argument, operand] : llvm::zip_equal(whole.getBody().front().getArguments(), operands))
    mapping.map(argument, body->addArgument(operand.getType(), argument.getLoc()));
  for (Operation &op : whole.getBody().front()) {
    Operation *part = builder.clone(op, mapping);
    for (auto [from, to] : llvm::zip_equal(op.getResults(), part->getResults()))
      if (auto found = known.dims.find(from); found != known.dims.end())
        to.setType(withRows(from.getType(), found->second, rows.count()));
    if (auto pool = dyn_cast<graph::PoolOp>(op))
      setPadding(cast<graph::PoolOp>(part), pool, known.dims.lookup(pool.getResult()), rows);
  }
  return dispatch;
}

Operation *cloneRows(OpBuilder &builder, Operation *op, int64_t dim, Rows rows, ValueRange operands) {
  if (auto dispatch = dyn_cast<kernel::DispatchOp>(op))
    return cloneDispatch(builder, dispatch, dim, rows, operands);
  Operation *part = builder.clone(*op);
  part->setOperands(operands);
  for (Value result : part->getResults())
    result.setType(withRows(result.getType(), dim, rows.count()));
  if (auto pad = dyn_cast<graph::PadOp>(part)) {
    graph::Extents low(pad.getLow()), high(pad.getHigh());
    RowUse use = (*viewUses(op, dim))[0];
    auto [before, after] = paddingOf(use, rows, shapeOf(op->getOperand(0))[dim]);
    low[dim] = before;
    high[dim] = after;
    pad.setLow(low);
    pad.setHigh(high);
  }
  if (auto slice = dyn_cast<graph::SliceOp>(part)) {
    graph::Extents starts(slice.getStarts());
    starts[dim] = 0;
    slice.setStarts(starts);
  }
  return part;
}

std::optional<int64_t> rowDimOf(Operation *op) {
  constexpr int64_t kRows = 1; // [n, h, w, c]
  if (op->getNumResults() == 0 || !isa<RankedTensorType>(op->getResult(0).getType()) || rankOf(op->getResult(0)) < 3)
    return std::nullopt;
  if (auto transpose = dyn_cast<graph::TransposeOp>(op))
    return llvm::find(transpose.getPermutation(), kRows) - transpose.getPermutation().begin();
  return kRows;
}

} // namespace smelt::plan
