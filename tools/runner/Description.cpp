// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Description.h"

#include "smelt/smelt.h"
#include "tools/runner/Artifact.h"
#include "tools/runner/ElfFile.h"
#include "tools/runner/Error.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace smelt::runner {

// Descriptors of all targets are laid out alike: little-endian, with pointers of 64 bits.
static_assert(sizeof(void *) == 8);

namespace {
/// Follows pointers in a file.
class Reader {
public:
  explicit Reader(const std::string &path) : file_(path, ElfFile::Machine::Any), pointers_(file_.pointers()) {}

  Description run();

private:
  /// The structure at an address. Its pointers mean nothing: pointerAt() says where they point to.
  template <typename T> T at(uint64_t address) const {
    T value;
    file_.read(address, &value, sizeof value);
    return value;
  }
  uint64_t pointerAt(uint64_t address) const {
    const auto known = pointers_.find(address);
    return known == pointers_.end() ? damaged() : known->second;
  }
  std::string textOf(uint64_t address, size_t field) const { return file_.textAt(pointerAt(address + field)); }
  /// Where the pointer is null: "".
  std::string textOrNothing(uint64_t address, size_t field) const;
  Description::Tensor tensor(uint64_t address) const;
  std::vector<Description::Tensor> tensors(uint64_t field, uint32_t count) const;
  std::vector<Description::State> states(uint64_t field, uint32_t count) const;
  std::vector<Description::Step> steps(uint64_t field, uint32_t count) const;
  [[noreturn]] uint64_t damaged() const {
    throw Error(Exit::Malformed, file_.path() + ": not a shared artefact of Smelt: its descriptor is damaged");
  }

  ElfFile file_;
  std::map<uint64_t, uint64_t> pointers_;
};
} // namespace

std::vector<std::string> partsOf(const std::string &text) {
  std::vector<std::string> parts{""};
  int depth = 0;
  for (char c : text) {
    depth += (c == '(') - (c == ')');
    if (c == ',' && depth == 0)
      parts.emplace_back();
    else if (c != ' ' || !parts.back().empty())
      parts.back() += c;
  }
  return parts;
}

std::string Symbol::inWords() const {
  return std::to_string(least) + ".." + (most == INT64_MAX ? "" : std::to_string(most));
}

Symbol symbolOf(const std::string &text) {
  Symbol symbol;
  const size_t colon = text.find(':'), dots = text.find("..", colon == std::string::npos ? 0 : colon);
  symbol.name = text.substr(0, colon);
  if (colon == std::string::npos || dots == std::string::npos)
    return symbol;
  symbol.least = std::strtoll(text.c_str() + colon + 1, nullptr, 10);
  if (dots + 2 < text.size())
    symbol.most = std::strtoll(text.c_str() + dots + 2, nullptr, 10);
  return symbol;
}

std::string Reader::textOrNothing(uint64_t address, size_t field) const {
  const auto known = pointers_.find(address + field);
  return known == pointers_.end() ? "" : file_.textAt(known->second);
}

Description::Tensor Reader::tensor(uint64_t address) const {
  const auto info = at<smelt_tensor_info>(address);
  if (info.rank > kMostRank)
    damaged();
  std::vector<int64_t> shape(info.rank);
  if (info.rank > 0)
    file_.read(pointerAt(address + offsetof(smelt_tensor_info, shape)), shape.data(), info.rank * sizeof(int64_t));
  std::vector<std::string> extents;
  if (const std::string dims = textOrNothing(address, offsetof(smelt_tensor_info, dims)); !dims.empty())
    extents = partsOf(dims);
  if (!extents.empty() && extents.size() != shape.size())
    damaged();
  return {textOf(address, offsetof(smelt_tensor_info, name)), shape, extents, info.bytes, info.dtype};
}

std::vector<Description::Tensor> Reader::tensors(uint64_t field, uint32_t count) const {
  std::vector<Description::Tensor> tensors;
  for (uint32_t i = 0; i < count; ++i)
    tensors.push_back(tensor(pointerAt(field) + i * sizeof(smelt_tensor_info)));
  return tensors;
}

std::vector<Description::State> Reader::states(uint64_t field, uint32_t count) const {
  std::vector<Description::State> states;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t address = pointerAt(field) + i * sizeof(smelt_state);
    states.push_back({tensor(address + offsetof(smelt_state, input)), tensor(address + offsetof(smelt_state, output))});
  }
  return states;
}

std::vector<Description::Step> Reader::steps(uint64_t field, uint32_t count) const {
  std::vector<Description::Step> steps;
  std::map<uint64_t, std::string> kernels; // many steps share one
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t address = pointerAt(field) + i * sizeof(smelt_step);
    const auto step = at<smelt_step>(address);
    if (step.kind == SMELT_STEP_DEVICE)
      steps.push_back({textOf(address, offsetof(smelt_step, name)), "device kernel " + std::to_string(step.first),
                       step.tiles, ~static_cast<uint64_t>(step.first)});
    if (step.kind != SMELT_STEP_KERNEL)
      continue; // sizes that are computed, jumps
    const uint64_t kernel = pointerAt(address + offsetof(smelt_step, kernel));
    const auto [name, isNew] = kernels.try_emplace(kernel);
    if (isNew)
      name->second = file_.functionAt(kernel);
    steps.push_back({textOf(address, offsetof(smelt_step, name)), name->second, step.tiles, kernel});
  }
  return steps;
}

Description Reader::run() {
  const std::optional<uint64_t> place = file_.addressOf("smelt_model", sizeof(smelt_model));
  if (!place)
    throw Error(Exit::Malformed, file_.path() + ": not a shared artefact of Smelt: it exports no smelt_model");
  const auto model = at<smelt_model>(*place);
  checkVersion(file_.path(), model.abi_version);
  Description description;
  description.name = textOf(*place, offsetof(smelt_model, name));
  description.target = textOf(*place, offsetof(smelt_model, target));
  description.cpuFeatures = model.cpu_features;
  description.arenaBytes = model.arena_bytes;
  description.weightsBytes = model.weights_bytes;
  description.fileBytes = file_.size();
  description.inputs = tensors(*place + offsetof(smelt_model, inputs), model.input_count);
  description.outputs = tensors(*place + offsetof(smelt_model, outputs), model.output_count);
  description.states = states(*place + offsetof(smelt_model, states), model.state_count);
  if (const std::string symbols = textOrNothing(*place, offsetof(smelt_model, symbols)); !symbols.empty())
    for (const std::string &symbol : partsOf(symbols))
      description.symbols.push_back(symbolOf(symbol));
  std::istringstream forms(textOrNothing(*place, offsetof(smelt_model, forms)));
  for (std::string line; std::getline(forms, line);)
    description.forms.push_back(line);
  description.isSymbolic = !description.symbols.empty();
  description.steps = steps(*place + offsetof(smelt_model, steps), model.step_count);
  return description;
}

Description describe(const std::string &path) { return Reader(path).run(); }

} // namespace smelt::runner
