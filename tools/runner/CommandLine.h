// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Options of the programs that must stay small: CLI11 and the streams it uses would double the memory of a small
// model's run. The others use CLI11.

#ifndef SMELT_TOOLS_RUNNER_COMMANDLINE_H
#define SMELT_TOOLS_RUNNER_COMMANDLINE_H

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace smelt::runner {

class CommandLine {
public:
  using Set = std::function<void(const std::string &value)>;

  /// `name` as the user types it, e.g. "smelt run".
  CommandLine(std::string name, std::string about) : name_(std::move(name)), about_(std::move(about)) {}

  /// An argument without a name; all are required.
  void addPositional(std::string name, std::string help, std::string &value);
  /// "--threads N": `set` may throw a Usage error of badValue().
  void addOption(std::string name, std::string placeholder, std::string help, Set set);
  void addText(std::string name, std::string placeholder, std::string help, std::string &value);
  /// "--json"
  void addFlag(std::string name, std::string help, bool &value);

  /// Takes `--name value` and `--name=value`. False when the help was asked for and printed.
  /// Throws Usage that names the argument.
  bool parse(const std::vector<std::string> &arguments);
  /// After parse(): complains about options that must be there and were not given, each a name and whether it was.
  void require(const std::vector<std::pair<std::string, bool>> &options) const;

  /// Says what a value should have been.
  [[noreturn]] static void badValue(const std::string &option, const std::string &value, const std::string &wanted);

private:
  struct Option {
    std::string name, placeholder, help; // no placeholder: a flag
    Set set;
  };

  void printHelp() const;
  const Option &find(const std::string &name) const;
  [[noreturn]] void usage(const std::string &what) const;

  std::string name_, about_;
  std::vector<Option> positionals_, options_;
};

/// The values of --threads and --seconds, checked.
unsigned parseThreads(const std::string &text);
double parseSeconds(const std::string &text);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_COMMANDLINE_H
