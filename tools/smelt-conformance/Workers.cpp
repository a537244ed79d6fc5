// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt-conformance/Workers.h"
#include "tools/runner/Error.h"
#include "tools/runner/File.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace smelt::conformance {

using Clock = std::chrono::steady_clock;
using runner::Descriptor;

constexpr size_t kMostAnswerBytes = 1 << 14;
constexpr size_t kMostLastWords = 400;
constexpr char kAlive = '+'; // begins each answer: an empty message would look like a closed socket

[[noreturn]] static void cannot(const char *what) {
  throw runner::Error(runner::Exit::Environment, std::string(what) + ": " + std::strerror(errno));
}

namespace {
/// One child, which answers each number that it is sent, in one message.
class Worker {
public:
  Worker(const std::function<std::string(size_t)> &work, unsigned seconds);
  Worker(Worker &&) = delete;
  Worker &operator=(Worker &&) = delete;
  ~Worker();

  void start(size_t task);
  bool isBusy() const { return task_.has_value(); }
  size_t task() const { return *task_; }
  int socket() const { return socket_.number(); }
  int millisecondsLeft() const;
  /// After its socket became readable, or its time was up: whether it lives on. Fills the answer.
  bool collect(Answer &answer);

private:
  std::string lastWords() const;
  std::string causeOfDeath();

  unsigned seconds_;
  Descriptor socket_, errors_; // what it writes to stderr
  pid_t process_ = -1;
  std::optional<size_t> task_;
  Clock::time_point deadline_;
};
} // namespace

/// The child's life.
[[noreturn]] static void serve(int socket, int errors, const std::function<std::string(size_t)> &work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(errors, STDERR_FILENO);
  size_t task;
  while (recv(socket, &task, sizeof task, 0) == sizeof task) {
    (void)!ftruncate(errors, 0);
    lseek(errors, 0, SEEK_SET);
    const std::string answer = kAlive + work(task).substr(0, kMostAnswerBytes);
    if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
      break;
  }
  _exit(0); // what was made here is the parent's as well: it cleans up
}

Worker::Worker(const std::function<std::string(size_t)> &work, unsigned seconds)
    : seconds_(seconds), errors_(memfd_create("smelt-conformance-stderr", MFD_CLOEXEC)) {
  int ends[2];
  if (errors_.number() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    cannot("no process can be started");
  socket_ = Descriptor(ends[0]);
  const Descriptor childEnd(ends[1]);
  process_ = fork();
  if (process_ < 0)
    cannot("no process can be started");
  if (process_ == 0)
    serve(childEnd.number(), errors_.number(), work);
}

Worker::~Worker() {
  if (process_ < 0)
    return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void Worker::start(size_t task) {
  task_ = task;
  deadline_ = Clock::now() + std::chrono::seconds(seconds_);
  (void)!send(socket(), &task, sizeof task, MSG_NOSIGNAL); // a dead one is noticed by collect()
}

int Worker::millisecondsLeft() const {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left + 1, 0));
}

bool Worker::collect(Answer &answer) {
  std::string text(1 + kMostAnswerBytes, '\0');
  const ssize_t count = recv(socket(), text.data(), text.size(), MSG_DONTWAIT);
  if (count > 0) {
    answer = {false, text.substr(1, static_cast<size_t>(count) - 1)};
    task_.reset();
    return true;
  }
  answer = {true, causeOfDeath()};
  task_.reset();
  return false;
}

/// The last line that it wrote, in one line.
std::string Worker::lastWords() const {
  char text[kMostLastWords];
  const off_t end = lseek(errors_.number(), 0, SEEK_END);
  const off_t start = std::max<off_t>(end - static_cast<off_t>(sizeof text), 0);
  const ssize_t count = end > 0 ? pread(errors_.number(), text, sizeof text, start) : 0;
  std::string words(text, count > 0 ? static_cast<size_t>(count) : 0);
  while (!words.empty() && words.back() == '\n')
    words.pop_back();
  return words.substr(words.rfind('\n') + 1); // npos + 1 is 0
}

std::string Worker::causeOfDeath() {
  const bool late = Clock::now() >= deadline_;
  if (late)
    kill(process_, SIGKILL);
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  const std::string words = lastWords();
  std::string cause;
  if (late)
    cause = "no end after " + std::to_string(seconds_) + " s";
  else if (WIFSIGNALED(status))
    cause = std::string("crashed: ") + strsignal(WTERMSIG(status));
  else
    cause = "ended with exit code " + std::to_string(WEXITSTATUS(status));
  return cause + (words.empty() ? "" : ": " + words);
}

void runInWorkers(size_t count, unsigned jobs, unsigned seconds, const std::function<std::string(size_t)> &work,
                  const std::function<void(size_t, const Answer &)> &finished) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < std::min<size_t>(jobs, count); ++i)
    workers.push_back(std::make_unique<Worker>(work, seconds));
  size_t next = 0, open = count;
  while (open > 0) {
    std::vector<pollfd> sockets;
    int wait = -1; // milliseconds; without end
    for (const auto &worker : workers) {
      if (!worker->isBusy() && next < count)
        worker->start(next++);
      sockets.push_back({worker->socket(), static_cast<short>(worker->isBusy() ? POLLIN : 0), 0});
      if (worker->isBusy())
        wait = wait < 0 ? worker->millisecondsLeft() : std::min(wait, worker->millisecondsLeft());
    }
    if (poll(sockets.data(), sockets.size(), wait) < 0 && errno != EINTR)
      cannot("the workers cannot be waited for");
    for (size_t i = 0; i < workers.size(); ++i) {
      if (!workers[i]->isBusy() || (!sockets[i].revents && workers[i]->millisecondsLeft() > 0))
        continue;
      const size_t task = workers[i]->task();
      Answer answer;
      const bool alive = workers[i]->collect(answer);
      finished(task, answer);
      --open;
      if (!alive)
        workers[i] = std::make_unique<Worker>(work, seconds);
    }
  }
}

} // namespace smelt::conformance
