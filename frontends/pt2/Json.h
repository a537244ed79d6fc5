// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_JSON_H
#define SMELT_FRONTENDS_PT2_JSON_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/JSON.h"

namespace smelt::frontend::pt2 {

/// A JSON text as a value. Refuses what nests too deeply for a recursive parser or is made of too many parts before it
/// is parsed, and what is no JSON.
llvm::json::Value parseJson(llvm::StringRef text, const llvm::Twine &name);

// Parts of an object that must be there and of one kind; `where` begins the message that refuses others.
const llvm::json::Object &objectIn(const llvm::json::Object &object, llvm::StringRef key);
const llvm::json::Array &arrayIn(const llvm::json::Object &object, llvm::StringRef key);
llvm::StringRef stringIn(const llvm::json::Object &object, llvm::StringRef key);
int64_t integerIn(const llvm::json::Object &object, llvm::StringRef key);
/// What a graph states of a tensor; null where it states nothing.
const llvm::json::Object *statedTensor(const llvm::json::Object &graph, llvm::StringRef name);
bool flagIn(const llvm::json::Object &object, llvm::StringRef key, bool fallback);
/// A value that must be an object.
const llvm::json::Object &asObject(const llvm::json::Value &value, llvm::StringRef what);

/// The one member of an object that stands for one of several kinds: {"as_int": 3}.
struct Union {
  llvm::StringRef kind;
  const llvm::json::Value *value;
};
Union unionOf(const llvm::json::Value &value);

/// A number, which may be "Infinity", "-Infinity" or "NaN".
std::optional<double> numberOf(const llvm::json::Value &value);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_JSON_H
