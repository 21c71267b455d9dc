// SPDX-License-Identifier: Apache-2.0
// Writing through a temporary file and rename; reading through InputFile.
#include "host/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "base/error.h"
#include "host/input_file.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_write(const fs::path& path, int reason) {
  throw Error(path.string() + ": cannot be written: " + std::strerror(reason));
}

constexpr const char* kTemporary = ".tmp-";  // and process-number

/// Whether a process may still write; one that was killed and that its parent has not asked about yet (Z) does not.
bool runs(pid_t process) {
  if (process <= 0 || (kill(process, 0) != 0 && errno == ESRCH)) return false;
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text.compare(name_end, 3, ") Z") != 0;
}

/// The process in "name.tmp-PROCESS-NUMBER"; none for other names.
std::optional<pid_t> writer_of(const std::string& name) {
  const size_t mark = name.rfind(kTemporary);
  pid_t process = 0;
  unsigned number = 0;
  char rest = 0;
  if (mark == std::string::npos || std::sscanf(name.c_str() + mark, ".tmp-%d-%u%c", &process, &number, &rest) != 2)
    return std::nullopt;
  return process;
}

/// A new file beside the target, removed again unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target) {
    static std::atomic<unsigned> counter{0};
    do {  // a killed run with the same process number may have left its file
      path_ = target;
      path_ += kTemporary + std::to_string(getpid()) + "-" + std::to_string(counter++);
      descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) fail_to_write(target_, errno);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(path_.c_str());
  }

  void write_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_to_write(target_, errno);
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
  }

  void rename_to_target(Durability durability) {
    if (durability == Durability::disk && fsync(descriptor_) != 0) fail_to_write(target_, errno);
    const int closed = close(descriptor_);
    descriptor_ = -1;
    if (closed != 0 || rename(path_.c_str(), target_.c_str()) != 0) fail_to_write(target_, errno);
    renamed_ = true;
  }

 private:
  fs::path target_, path_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

}  // namespace

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes, Durability durability) {
  std::error_code unknown;
  const fs::file_status status = fs::status(path, unknown);
  // rename() would replace even a device such as /dev/null.
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw Error(path.string() + ": cannot be written: it exists and is not a regular file; choose another name");
  }
  TemporaryFile file(path);
  file.write_all(bytes);
  file.rename_to_target(durability);
}

void remove_torn_files(const fs::path& folder) {
  std::error_code failure;
  std::vector<fs::path> torn;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const std::optional<pid_t> writer = writer_of(entry.path().filename().string());
    if (writer && !runs(*writer) && entry.is_regular_file(failure)) torn.push_back(entry.path());
  }
  for (const fs::path& file : torn) fs::remove(file, failure);
}

std::string read_file(const fs::path& path) {
  const InputFile file(path);
  std::string bytes(file.size(), '\0');
  bytes.resize(file.read_at(0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}));
  return bytes;
}

}  // namespace slimpilot
