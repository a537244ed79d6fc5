// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

namespace smelt::artifact {

char WriteError::ID = 0;

int WriteError::exitCode() const {
  switch (kind_) {
  case Kind::Usage:
    return 2;
  case Kind::Environment:
    return 5;
  case Kind::Unsupported:
    return 4;
  case Kind::Defect:
    break;
  }
  return 70;
}

void WriteError::log(llvm::raw_ostream &os) const { os << message_; }

std::error_code WriteError::convertToErrorCode() const { return llvm::inconvertibleErrorCode(); }

llvm::Error usageError(const llvm::Twine &message) {
  return llvm::make_error<WriteError>(WriteError::Kind::Usage, message.str());
}

llvm::Error unsupportedError(const llvm::Twine &message) {
  return llvm::make_error<WriteError>(WriteError::Kind::Unsupported, message.str());
}

llvm::Error environmentError(const llvm::Twine &message) {
  return llvm::make_error<WriteError>(WriteError::Kind::Environment, message.str());
}

llvm::Error defect(const llvm::Twine &message) {
  return llvm::make_error<WriteError>(WriteError::Kind::Defect, message.str());
}

} // namespace smelt::artifact
