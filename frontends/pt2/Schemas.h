// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_SCHEMAS_H
#define SMELT_FRONTENDS_PT2_SCHEMAS_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <optional>

namespace smelt::frontend::pt2 {

/// What torch declares of one operator. Files leave trailing arguments out that have their defaults.
struct Schema {
  struct Argument {
    std::string name;
    std::optional<llvm::json::Value> fallback; // as a file would state it: {"as_int": 1}
    bool isWritten = false;                    // Tensor(a!): changed in place
    bool isAliased = false;                    // Tensor(a): a result may be a view of it
  };
  std::vector<Argument> arguments;
  bool returnsView = false;

  const Argument *find(llvm::StringRef name) const;
};

/// The schemas of schemas.txt by the names that files use: "aten.conv2d.default".
class Schemas {
public:
  Schemas();
  /// Null where there is none.
  const Schema *find(llvm::StringRef name) const;

private:
  llvm::StringMap<Schema> byName_;
};

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_SCHEMAS_H
