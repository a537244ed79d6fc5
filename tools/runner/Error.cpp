// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Error.h"

namespace smelt::runner {

std::string quoted(std::string_view text, size_t most) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "'";
  for (char c : text.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(c);
    // Bytes of UTF-8 beyond ASCII stay, but for those that could begin a control character (U+0080 to U+009F).
    if (byte >= 0x20 && byte != 0x7f && byte != 0xc2)
      out += c;
    else
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out + (text.size() > most ? "…'" : "'");
}

} // namespace smelt::runner
