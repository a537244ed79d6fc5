// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Masks.h"
#include "frontends/pt2/Ops/Operands.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

// softmax(scale · Q · Kᵀ + mask) · V

namespace {
class AttentionBuilder {
public:
  explicit AttentionBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}

  Value build(Value mask, bool isCausal, bool sharesHeads);

private:
  void readOperands(bool sharesHeads);
  void addBias(Value bias) { bias_ = bias_ ? b_.make<graph::AddOp>(bias_, bias) : bias; }
  void addCausal();

  NodeReader &node_;
  GraphBuilder &b_;
  Value query_, key_, value_; // [.., length, size]
  Value bias_;                // null where there is none
  int64_t shared_ = 1;        // heads of queries that have one of keys
  Extent queryLength_, keyLength_;
};
} // namespace

void AttentionBuilder::readOperands(bool sharesHeads) {
  query_ = node_.tensor("query");
  key_ = node_.tensor("key");
  value_ = node_.tensor("value");
  const int64_t rank = rankOf(query_);
  if (rank < 2 || rankOf(key_) < 2 || rankOf(value_) < 2)
    malformed("needs queries, keys and values of two dims or more");
  queryLength_ = extentsOf(query_)[rank - 2];
  keyLength_ = extentsOf(key_)[rankOf(key_) - 2];
  value_ = b_.withDim(value_, rankOf(value_) - 2, keyLength_);
  if (!sharesHeads)
    return;
  int64_t heads = rank < 3 ? 1 : fixedDim(query_, rank - 3), keyHeads = rank < 3 ? 1 : fixedDim(key_, rank - 3);
  if (keyHeads < 1 || heads % keyHeads != 0 || rank != rankOf(key_))
    malformed("has " + Twine(heads) + " heads of queries for " + Twine(keyHeads) + " of keys");
  shared_ = heads / keyHeads;
}

/// A query sees the keys up to its own place.
void AttentionBuilder::addCausal() {
  Value queries = b_.countAlong(Extents{queryLength_, 1}, 0), keys = b_.countAlong(Extents{1, keyLength_}, 1);
  addBias(biasWhere(b_, b_.make<graph::LessEqualOp>(keys, queries), query_));
}

Value AttentionBuilder::build(Value mask, bool isCausal, bool sharesHeads) {
  readOperands(sharesHeads);
  const int64_t rank = rankOf(query_);
  std::optional<double> stated = node_.optionalNumber("scale");
  double scale = stated ? *stated : 1 / std::sqrt(static_cast<double>(fixedDim(query_, rank - 1)));
  if (!(scale >= 0))
    unsupported("has a scale of " + Twine(std::to_string(scale)));
  // Half of the scale each, as PyTorch and ONNX have it: no product grows too large.
  Value factor = b_.scalarLike(query_, std::sqrt(scale));
  Value q = b_.make<graph::MulOp>(query_, factor), k = b_.make<graph::MulOp>(key_, factor);
  Extents rows = extentsOf(query_), shape = rows;
  if (shared_ > 1) { // the heads that share keys are rows of one product
    rows[rank - 3] = dividedBy(rows[rank - 3], shared_);
    rows[rank - 2] *= shared_;
    q = b_.reshape(q, rows);
  }
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(k)));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  Value scores = b_.matMul(q, b_.transpose(k, order));
  const Extents grouped = extentsOf(scores);
  shape.back() = keyLength_;
  if (shared_ > 1)
    scores = b_.reshape(scores, shape);
  if (mask)
    addBias(b_.alignedTo(elementOf(mask).isInteger(1) ? biasWhere(b_, mask, query_) : b_.cast(mask, elementOf(query_)),
                         extentsOf(scores)));
  if (isCausal)
    addCausal();
  if (bias_)
    scores = b_.make<graph::AddOp>(scores, bias_);
  Value weights = b_.make<graph::SoftmaxOp>(scores, rankOf(scores) - 1);
  if (bias_)
    weights = withoutMaskedRows(b_, weights, bias_, rankOf(bias_) - 1);
  if (shared_ > 1)
    weights = b_.reshape(weights, grouped);
  Value result = b_.matMul(weights, value_);
  if (shared_ == 1)
    return result;
  shape.back() = extentsOf(value_).back();
  return b_.reshape(result, shape);
}

static void refuseDropout(NodeReader &node) {
  if (node.number("dropout_p") != 0)
    unsupported(kTrainingDropout);
}

static Value scaledDotProduct(NodeReader &node) {
  refuseDropout(node);
  return AttentionBuilder(node).build(node.optionalTensor("attn_mask"), node.flag("is_causal"),
                                      node.flag("enable_gqa"));
}

/// What is behind the result is for gradients.
static Values flashForCpu(NodeReader &node) {
  refuseDropout(node);
  return {AttentionBuilder(node).build(node.optionalTensor("attn_mask"), node.flag("is_causal"), false)};
}

static constexpr Operator kOperators[] = {
    {"aten._scaled_dot_product_flash_attention_for_cpu.default", flashForCpu},
    {"aten.scaled_dot_product_attention.default", scaledDotProduct},
};

ArrayRef<Operator> attentionOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
