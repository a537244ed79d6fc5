// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_WRITEERROR_H
#define SMELT_CODEGEN_ARTIFACT_WRITEERROR_H

#include "llvm/Support/Error.h"
#include <string>

namespace smelt::artifact {

/// Why an artefact could not be written.
class WriteError : public llvm::ErrorInfo<WriteError> {
public:
  enum class Kind {
    Usage,       // a file that an option names, or what it holds
    Environment, // a disk, a folder, the linker: the user can help
    Unsupported, // the model is valid, and cannot be written as it is
    Defect       // the plan or the kernels are wrong: nothing that a user gave could be the reason
  };

  static char ID;

  WriteError(Kind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  Kind kind() const { return kind_; }
  /// Of the program that reports this error.
  int exitCode() const;

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

private:
  Kind kind_;
  std::string message_;
};

llvm::Error usageError(const llvm::Twine &message);
llvm::Error unsupportedError(const llvm::Twine &message);
llvm::Error environmentError(const llvm::Twine &message);
llvm::Error defect(const llvm::Twine &message);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_WRITEERROR_H
