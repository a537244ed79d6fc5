// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_REFUSAL_H
#define SMELT_FRONTENDS_COMMON_REFUSAL_H

#include "frontends/common/ImportError.h"
#include "llvm/ADT/Twine.h"

namespace smelt::frontend {

/// How a frontend gives up, however deep in it: an exception that nothing catches but importModel and summariseModel,
/// which return it as an ImportError. A file is checked in hundreds of places, and none has anything else to do about
/// what it finds. Not to be thrown across frames of a library (a callback of MLIR or protobuf).
struct Refusal {
  ImportError::Kind kind;
  std::string message; // without the name of the file
  bool namesNode = false;
};

[[noreturn]] inline void refuse(ImportError::Kind kind, const llvm::Twine &message) {
  throw Refusal{kind, message.str(), /*namesNode=*/false};
}
[[noreturn]] inline void malformed(const llvm::Twine &message) { refuse(ImportError::Kind::Malformed, message); }
[[noreturn]] inline void unsupported(const llvm::Twine &message) { refuse(ImportError::Kind::Unsupported, message); }

/// Calls `function`; a Refusal's message comes out with `where: ` before it.
template <typename Function> auto within(const llvm::Twine &where, Function function) {
  try {
    return function();
  } catch (Refusal &refusal) {
    refusal.message = (where + ": " + refusal.message).str();
    throw;
  }
}

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_REFUSAL_H
