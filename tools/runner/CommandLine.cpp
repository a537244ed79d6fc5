// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/CommandLine.h"

#include "smelt/threads.h"
#include "tools/runner/Error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace smelt::runner {

void CommandLine::addPositional(std::string name, std::string help, std::string &value) {
  positionals_.push_back({std::move(name), "", std::move(help), [&value](const std::string &text) { value = text; }});
}

void CommandLine::addOption(std::string name, std::string placeholder, std::string help, Set set) {
  options_.push_back({std::move(name), std::move(placeholder), std::move(help), std::move(set)});
}

void CommandLine::addText(std::string name, std::string placeholder, std::string help, std::string &value) {
  addOption(std::move(name), std::move(placeholder), std::move(help),
            [&value](const std::string &text) { value = text; });
}

void CommandLine::addFlag(std::string name, std::string help, bool &value) {
  addOption(std::move(name), "", std::move(help), [&value](const std::string &) { value = true; });
}

void CommandLine::usage(const std::string &what) const {
  throw Error(Exit::Usage, what + "; see " + name_ + " --help");
}

void CommandLine::badValue(const std::string &option, const std::string &value, const std::string &wanted) {
  throw Error(Exit::Usage, option + ": wanted " + wanted + ", not " + quoted(value));
}

void CommandLine::printHelp() const {
  constexpr int kColumn = 24; // where the explanations begin
  std::printf("%s\n\nusage: %s", about_.c_str(), name_.c_str());
  for (const Option &positional : positionals_)
    std::printf(" %s", positional.name.c_str());
  std::printf(" [OPTION…]\n\n");
  for (const std::vector<Option> *options : {&positionals_, &options_})
    for (const Option &option : *options) {
      const std::string left = option.name + (option.placeholder.empty() ? "" : " ") + option.placeholder;
      std::printf("  %-*s%s\n", kColumn, left.c_str(), option.help.c_str());
    }
}

const CommandLine::Option &CommandLine::find(const std::string &name) const {
  const auto option =
      std::find_if(options_.begin(), options_.end(), [&](const Option &option) { return option.name == name; });
  if (option == options_.end())
    usage("no option " + quoted(name));
  return *option;
}

bool CommandLine::parse(const std::vector<std::string> &arguments) {
  size_t given = 0; // positionals
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      printHelp();
      return false;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      if (given == positionals_.size())
        usage("one argument too many: " + quoted(argument));
      positionals_[given++].set(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const Option &option = find(argument.substr(0, equals));
    const bool flag = option.placeholder.empty();
    if (flag && equals != std::string::npos)
      usage(option.name + " takes no value");
    if (!flag && equals == std::string::npos && i + 1 == arguments.size())
      usage(option.name + " needs a value");
    option.set(flag ? "" : equals != std::string::npos ? argument.substr(equals + 1) : arguments[++i]);
  }
  if (given < positionals_.size())
    usage(positionals_[given].name + " is missing");
  return true;
}

void CommandLine::require(const std::vector<std::pair<std::string, bool>> &options) const {
  std::string missing;
  bool areSeveral = false;
  for (const auto &[option, given] : options) {
    if (given)
      continue;
    areSeveral = !missing.empty();
    missing += (areSeveral ? " and " : "") + option;
  }
  if (!missing.empty())
    usage(missing + (areSeveral ? " are missing" : " is missing"));
}

unsigned parseThreads(const std::string &text) {
  char *end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || value < 1 || value > SMELT_MAX_THREADS)
    CommandLine::badValue("--threads", text, "a number from 1 to " + std::to_string(SMELT_MAX_THREADS));
  return static_cast<unsigned>(value);
}

double parseSeconds(const std::string &text) {
  constexpr double kMost = 86400;
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || !(value > 0 && value <= kMost))
    CommandLine::badValue("--seconds", text, "a time above 0, at most a day");
  return value;
}

} // namespace smelt::runner
