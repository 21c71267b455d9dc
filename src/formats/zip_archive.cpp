// SPDX-License-Identifier: Apache-2.0
// The only file that includes libzip. Entries may be stored (as torch.save and Keras do) or deflated.
#include "formats/zip_archive.h"

#include <zip.h>

#include "base/error.h"

namespace slimpilot {

uint64_t unpacked_limit(uint64_t file_size) { return 16 * file_size + (uint64_t{1} << 20); }

void ZipArchive::Close::operator()(zip* archive) const { zip_discard(archive); }

ZipArchive::ZipArchive(std::string_view file) : left_(unpacked_limit(file.size())) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (source != nullptr) {
    archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (!archive_) zip_source_free(source);
  }
  const std::string reason = archive_ ? "" : zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!archive_) throw Error("the zip archive cannot be read (" + reason + "); the file is cut off or damaged");
}

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive_.get(), 0); ++i) {
    const char* name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    names.emplace_back(name == nullptr ? "" : name);
  }
  return names;
}

bool ZipArchive::has(const std::string& name) const {
  return zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW) >= 0;
}

std::string ZipArchive::read(const std::string& name) {
  const auto fail = [&](const std::string& what) { throw Error("entry '" + name + "' " + what); };
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW, &status) != 0 || (status.valid & ZIP_STAT_SIZE) == 0)
    fail("is missing; the file is damaged");
  if (status.size > left_) fail("makes the file unpack to more than 16 times its size; save the model again");
  left_ -= status.size;
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> entry(zip_fopen_index(archive_.get(), status.index, 0), zip_fclose);
  if (!entry) fail(std::string("cannot be read: ") + zip_strerror(archive_.get()));
  std::string bytes(status.size, '\0');
  // One byte more than there should be, so that libzip reaches the end and compares the checksum.
  char beyond = 0;
  const bool complete = zip_fread(entry.get(), bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size());
  if (!complete || zip_fread(entry.get(), &beyond, 1) != 0) fail(std::string("is damaged: ") + zip_file_strerror(entry.get()));
  return bytes;
}

}  // namespace slimpilot
