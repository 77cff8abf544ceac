// Files, and the mappings made of them. Sizes and identities come from lseek() and a stat of our own making, because
// struct stat is bound to one C library and this file serves several.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "posix.h"

namespace nebula::platform {

int PortableErrno(int error) { return error; }

namespace {

int OpenAgain(const char* path, int flags) {
  int fd = -1;
  do {
    fd = open(path, flags, 0600);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

Status OpenFile(const OpenRequest& request, File* out, bool* created) {
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;  // non-blocking: opening a FIFO must not hang the process
  flags |= request.write ? O_RDWR : O_RDONLY;
  // Exclusively first, which tells whether it was there.
  int fd = OpenAgain(request.path, request.create ? flags | O_CREAT | O_EXCL : flags);
  if (created != nullptr) *created = request.create && fd >= 0;
  if (fd < 0 && errno == EEXIST && !request.exclusive) fd = OpenAgain(request.path, flags | O_CREAT);
  if (fd < 0) return SystemFailure("open", errno);
  *out = fd;
  return Ok();
}

Status RemoveFile(const char* path) {
  if (unlink(path) != 0) return SystemFailure("unlink", errno);
  return Ok();
}

void CloseFile(File file) {
  if (file != kNoFile) close(static_cast<int>(file));
}

Status ResizeFile(File file, uint64_t bytes) {
  int result = 0;
  do {
    result = ftruncate(static_cast<int>(file), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return SystemFailure("ftruncate", errno);
  return Ok();
}

Status FlushObject(File, void* address, uint64_t bytes, bool wait) {
  if (msync(address, bytes, wait ? MS_SYNC : MS_ASYNC) != 0) return SystemFailure("msync", errno);
  return Ok();
}

uint64_t FileBytesInSignal(File file) {
  if (file == kNoFile) return UINT64_MAX;
  const int saved = errno;
  const off_t end = lseek(static_cast<int>(file), 0, SEEK_END);  // nobody reads through our descriptors
  errno = saved;
  return end < 0 ? UINT64_MAX : static_cast<uint64_t>(end);
}

}  // namespace nebula::platform
