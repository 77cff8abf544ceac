// Memory with a descriptor: POSIX shared memory, whose name is removed at once where none is wanted, and mappings of
// it and of files. macOS takes names of at most 30 characters, ours included, and answers ENAMETOOLONG for longer.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>

#include "bsd.h"

namespace nebula::platform {

namespace {

constexpr char kPrefix[] = "/nebula-";
constexpr size_t kPathCapacity = 256;

// post: true when the path fits; `out` is terminated then.
bool FullName(const char* name, char* out) {
  size_t used = 0;
  for (const char* part : {static_cast<const char*>(kPrefix), name}) {
    for (; *part != '\0'; ++part) {
      if (used + 1 >= kPathCapacity) return false;
      out[used++] = *part;
    }
  }
  out[used] = '\0';
  return true;
}

Status OpenSized(const char* path, uint64_t bytes, File* out) {
  const int fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return SystemFailure("shm_open", errno);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  const Status sized = ResizeFile(fd, bytes);
  if (!sized.ok()) {
    close(fd);
    shm_unlink(path);
    return sized;
  }
  *out = fd;
  return Ok();
}

}  // namespace

Status StatFile(File file, FileInfo* out) {
  struct stat found = {};
  if (fstat(static_cast<int>(file), &found) != 0) return SystemFailure("fstat", errno);
  *out = FileInfo{static_cast<uint64_t>(found.st_size), static_cast<uint64_t>(found.st_ino), S_ISREG(found.st_mode),
                  S_ISDIR(found.st_mode)};
  return Ok();
}

Status AllocateFile(File, uint64_t) { return Fail(Code::kUnsupported, "posix_fallocate"); }

Status CreateMemoryObject(const char*, uint64_t bytes, uint64_t huge_bytes, File* out) {
  if (huge_bytes != 0) return Fail(Code::kUnsupported, "shm_open", huge_bytes);
  for (int tries = 0;; ++tries) {
    uint8_t chosen[8];
    const Status random = RandomBytes(chosen, sizeof chosen);
    if (!random.ok()) return random;
    char name[2 * sizeof chosen + 1] = {};
    for (size_t i = 0; i < sizeof chosen; ++i) {
      name[2 * i] = "0123456789abcdef"[chosen[i] >> 4];
      name[2 * i + 1] = "0123456789abcdef"[chosen[i] & 15];
    }
    char path[kPathCapacity];
    FullName(name, path);
    const Status made = OpenSized(path, bytes, out);
    if (made.ok()) shm_unlink(path);
    if (made.ok() || made.error != EEXIST || tries == 8) return made;
  }
}

Status CreateSecretObject(uint64_t, File*) { return Fail(Code::kUnsupported, "memfd_secret"); }

Status OpenNamedObject(const char* name, bool create, uint64_t bytes, File* out) {
  char path[kPathCapacity];
  if (!FullName(name, path)) return Fail(Code::kInvalid, "shm_open");
  if (create) return OpenSized(path, bytes, out);
  const int fd = shm_open(path, O_RDWR, 0600);
  if (fd < 0) return SystemFailure("shm_open", errno);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  *out = fd;
  return Ok();
}

Status UnlinkNamedObject(const char* name) {
  char path[kPathCapacity];
  if (!FullName(name, path)) return Fail(Code::kInvalid, "shm_unlink");
  return shm_unlink(path) == 0 ? Ok() : SystemFailure("shm_unlink", errno);
}

Status OpenRemoteObject(uint64_t, uint64_t, File*) { return Fail(Code::kUnsupported, "open"); }

Status MapObject(const ObjectRequest& request, void** out) {
  if (request.sharing == Sharing::kSharedSync || request.huge_bytes != 0) return Fail(Code::kUnsupported, "mmap");
  int flags = request.sharing == Sharing::kCopyOnWrite ? MAP_PRIVATE : MAP_SHARED;
  if (request.at != nullptr) flags |= MAP_FIXED;
  return posix::MapRange(request.at, request.bytes, posix::ProtectionOf(request.access), flags,
                         static_cast<int>(request.file), request.offset, out);
}

}  // namespace nebula::platform
