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

/// Characters that a message may not hold, from first to last: terminals obey them, they end a line, or they show what
/// follows in another order.
struct Controls {
  unsigned first, last;
};
constexpr Controls kControls[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x200e, 0x200f},
                                  {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};

/// Of one legal sequence of UTF-8.
static unsigned codePoint(StringRef character) {
  auto lead = static_cast<unsigned char>(character.front());
  unsigned code = character.size() == 1 ? lead : lead & (0xffu >> (character.size() + 1));
  for (char next : character.drop_front())
    code = code << 6 | (static_cast<unsigned char>(next) & 0x3f);
  return code;
}

static bool isControl(StringRef character) {
  unsigned code = codePoint(character);
  return any_of(kControls, [&](const Controls &range) { return range.first <= code && code <= range.last; });
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
