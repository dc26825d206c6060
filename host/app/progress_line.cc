// SPDX-License-Identifier: Apache-2.0
#include "app/progress_line.h"

#include <algorithm>
#include <ostream>

namespace millrace::app {
namespace {

constexpr int64_t kBarCells = 20;
constexpr const char* kEraseLine = "\r\x1b[K";

std::string Percent(int64_t percent) {
  std::string text = std::to_string(percent);
  return std::string(3 - std::min<size_t>(3, text.size()), ' ') + text + "%";
}

std::string Duration(int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string((seconds + 59) / 60) + " min";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

}  // namespace

std::string ProgressText(int64_t done, int64_t total, Millis elapsed) {
  // Divided first: offsets may be large.
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  const auto filled = static_cast<int64_t>(share * kBarCells);
  std::string text = "[" + std::string(static_cast<size_t>(filled), '#') +
                     std::string(static_cast<size_t>(kBarCells - filled), '.') + "] " +
                     Percent(static_cast<int64_t>(share * 100)) + " " + std::to_string(done) +
                     " of " + std::to_string(total) + " events";
  if (elapsed.count() <= 0 || done <= 0) return text;
  const double rate = static_cast<double>(done) * 1000.0 / static_cast<double>(elapsed.count());
  text += ", " + std::to_string(static_cast<int64_t>(rate)) + "/s";
  if (done >= total) return text;
  return text + ", " + Duration(static_cast<int64_t>(static_cast<double>(total - done) / rate)) +
         " left";
}

void ProgressLine::Show(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (kind_ == Kind::kTerminal) {
    if (text == shown_) return;
    *out_ << kEraseLine << text << std::flush;
    shown_ = text;
    return;
  }
  const SteadyTime now = clock_->Now();
  if (!written_at_) written_at_ = now;
  written_ = written_ && text == shown_;
  shown_ = text;
  if (written_ || now < *written_at_ + kLineInterval) return;
  *out_ << text << std::endl;
  written_ = true;
  written_at_ = now;
}

void ProgressLine::End() {
  const std::lock_guard lock(mutex_);
  if (shown_.empty()) return;
  if (kind_ == Kind::kTerminal) {
    *out_ << "\n" << std::flush;
  } else if (!written_) {
    *out_ << shown_ << std::endl;
  }
  shown_.clear();
  written_ = true;
}

void ProgressLine::Log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(mutex_);
  const bool shows = kind_ == Kind::kTerminal && !shown_.empty();
  if (shows) *out_ << kEraseLine << std::flush;
  log_->Log(level, message);
  if (shows) *out_ << shown_ << std::flush;
}

}  // namespace millrace::app
