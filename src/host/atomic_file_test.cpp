// SPDX-License-Identifier: Apache-2.0
// Files appear whole or not at all, and what cannot be a file is refused.
#include "host/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("atomic_file_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  long files() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator()); }

  fs::path folder_;
};

TEST_F(AtomicFile, ReadsBackWhatWasWrittenAndReplaces) {
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file_atomically(folder_ / "x", std::string_view("old and longer"));
  write_file_atomically(folder_ / "x", bytes);
  EXPECT_EQ(read_file(folder_ / "x"), bytes);
  write_file_atomically(folder_ / "x", std::string_view());
  EXPECT_EQ(read_file(folder_ / "x"), "");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, LeavesNothingBehindOnFailure) {
  fs::create_directory(folder_ / "x");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder_ / "x", std::string_view("text")); }),
            (folder_ / "x").string() + ": cannot be written: it exists and is not a regular file; choose another name");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder_ / "none" / "y", std::string_view("text")); }),
            (folder_ / "none/y").string() + ": cannot be written: No such file or directory");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, DoesNotReplaceADevice) {
  EXPECT_NE(error_of([] { write_file_atomically("/dev/null", std::string_view("text")); }), "no error");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(AtomicFile, RemovesWhatKilledProgramsLeft) {
  const std::string own = "a.png.tmp-" + std::to_string(getpid()) + "-0";
  for (const std::string& name :
       {std::string("a.png.tmp-999999999-0"), own, std::string("a.tmp-9"), std::string("notes.tmp-x-1")})
    write_file_atomically(folder_ / name, "x");
  remove_torn_files(folder_);
  EXPECT_FALSE(fs::exists(folder_ / "a.png.tmp-999999999-0"));
  EXPECT_TRUE(fs::exists(folder_ / own));
  EXPECT_EQ(files(), 3);
  remove_torn_files(folder_ / "missing");
}

TEST_F(AtomicFile, RemovesWhatAProcessLeftThatNobodyHasWaitedFor) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  const auto left = folder_ / ("a.png.tmp-" + std::to_string(child) + "-0");
  write_file_atomically(left, "x");
  remove_torn_files(folder_);
  EXPECT_FALSE(fs::exists(left));
  waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED);
}

TEST_F(AtomicFile, ReadsOnlyRegularFiles) {
  EXPECT_EQ(error_of([&] { read_file(folder_); }), folder_.string() + ": is a folder; give a file");
  EXPECT_EQ(error_of([&] { read_file(folder_ / "none"); }),
            (folder_ / "none").string() + ": cannot be opened: No such file or directory");
  EXPECT_EQ(error_of([&] { read_file("/dev/zero"); }), "/dev/zero: is not a regular file; give a file");
}

}  // namespace
}  // namespace slimpilot
