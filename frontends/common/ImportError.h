// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_IMPORTERROR_H
#define SMELT_FRONTENDS_COMMON_IMPORTERROR_H

#include "llvm/Support/Error.h"
#include <string>

namespace smelt::frontend {

/// Why a model could not be imported. The message is one line, `FILE: node 'NAME' (OP): what is wrong; what to do`,
/// with nothing in it that a terminal would obey.
class ImportError : public llvm::ErrorInfo<ImportError> {
public:
  enum class Kind {
    Usage = 2,       // an option does not fit the model, such as --shape
    Malformed = 3,   // no reader of the format would accept the file
    Unsupported = 4, // valid, but Smelt lacks something that it needs; everything lacking is listed
    Environment = 5  // the file cannot be read
  };

  static char ID;

  ImportError(Kind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  Kind kind() const { return kind_; }
  std::string message() const override { return message_; }
  /// Of the program that reports this error.
  int exitCode() const { return static_cast<int>(kind_); }

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

private:
  Kind kind_;
  std::string message_;
};

/// `text` with control characters and bytes that are not UTF-8 escaped, cut to `most` bytes: names from files go
/// through it before they are printed.
std::string printable(llvm::StringRef text, size_t most = 120);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_IMPORTERROR_H
