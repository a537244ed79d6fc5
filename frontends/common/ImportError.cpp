// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/ImportError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace smelt::frontend {

char ImportError::ID = 0;

void ImportError::log(raw_ostream &os) const { os << message_; }

std::error_code ImportError::convertToErrorCode() const { return inconvertibleErrorCode(); }

/// The bytes of the UTF-8 sequence that `text` begins with; 0 where there is none.
static size_t utf8Length(StringRef text) {
  const auto *bytes = reinterpret_cast<const UTF8 *>(text.data());
  size_t length = getNumBytesForUTF8(bytes[0]);
  return length <= text.size() && isLegalUTF8Sequence(bytes, bytes + length) ? length : 0;
}

/// Control characters of one byte, and those of two bytes that terminals obey as well (U+0080 to U+009F).
static bool isControl(StringRef character) {
  auto lead = static_cast<unsigned char>(character[0]);
  return lead < 0x20 || lead == 0x7f || (lead == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

std::string printable(StringRef text, size_t most) {
  std::string result;
  while (!text.empty()) {
    if (result.size() >= most)
      return result + "...";
    size_t length = utf8Length(text);
    if (length > 0 && !isControl(text.take_front(length))) {
      result += text.take_front(length);
    } else {
      length = std::max<size_t>(length, 1);
      for (unsigned char byte : text.take_front(length))
        result += "\\x" + toHex(ArrayRef<uint8_t>(byte), /*LowerCase=*/true);
    }
    text = text.drop_front(length);
  }
  return result;
}

} // namespace smelt::frontend
