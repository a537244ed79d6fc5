// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/States.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

constexpr llvm::StringLiteral kStates = "graph.states"; // {argument, result} of main in turns; see passes/plan/States.h
constexpr llvm::StringLiteral kHasBegun = "has_begun";

Value StateKeeper::addArgument(StringRef name, Type type) {
  const unsigned number = main_.getNumArguments();
  OpBuilder &builder = b_.builder();
  auto attributes = builder.getDictionaryAttr(builder.getNamedAttr("graph.name", builder.getStringAttr(name)));
  if (states_.contains(name.str()) || failed(main_.insertArgument(number, type, attributes, b_.location())))
    malformed("has two buffers '" + printable(name) + "'");
  states_.insert({name.str(), State{number, nullptr}});
  return main_.getArgument(number);
}

static bool isZero(Value value) {
  std::optional<graph::HostTensor> known = graph::constantOf(value);
  return known && llvm::all_of(known->bytes(), [](char byte) { return byte == 0; });
}

Value StateKeeper::add(StringRef name, Value initial) {
  Value state = addArgument(name, initial.getType());
  if (isZero(initial))
    return state;
  if (!hasBegun_)
    hasBegun_ = addArgument(kHasBegun, RankedTensorType::get({}, b_.builder().getI1Type()));
  return b_.make<graph::SelectOp>(hasBegun_, state, initial);
}

void StateKeeper::set(StringRef name, Value next) {
  auto state = states_.find(name.str());
  if (state == states_.end() || !next)
    malformed("changes a buffer '" + printable(name) + "' that it does not have");
  Value argument = main_.getArgument(state->second.argument);
  if (next.getType() != argument.getType())
    malformed("changes the buffer '" + printable(name) + "' from " + inWords(argument.getType()) + " to " +
              inWords(next.getType()));
  state->second.next = next;
}

bool StateKeeper::lacks(StringRef name) const {
  auto state = states_.find(name.str());
  return state != states_.end() && !state->second.next;
}

void StateKeeper::finish(Results &results) {
  SmallVector<int64_t> pairs;
  if (hasBegun_)
    set(kHasBegun, b_.scalar(b_.builder().getI1Type(), graph::Scalar::ofBool(true)));
  for (const auto &[name, state] : states_) {
    pairs.append({static_cast<int64_t>(state.argument), static_cast<int64_t>(results.size())});
    results.emplace_back(name + ".next", state.next);
  }
  if (!pairs.empty())
    main_->getParentOp()->setAttr(kStates, b_.builder().getDenseI64ArrayAttr(pairs));
}

} // namespace smelt::frontend::pt2
