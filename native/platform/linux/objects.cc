// Memory with a descriptor: memfd, memfd_secret, named objects in /dev/shm, and mappings of them and of files.
#include <fcntl.h>

#include <initializer_list>

#include "syscalls.h"

namespace nebula::platform {

namespace {

constexpr char kSharedFolder[] = "/dev/shm/nebula-";

// post: true when the path fits; `out` is terminated then.
bool Join(char* out, size_t capacity, const char* head, const char* tail) {
  size_t used = 0;
  for (const char* part : {head, tail}) {
    for (; *part != '\0'; ++part) {
      if (used + 1 >= capacity) return false;
      out[used++] = *part;
    }
  }
  out[used] = '\0';
  return true;
}

size_t AppendNumber(char* out, uint64_t value) {
  char digits[24];
  size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (size_t i = 0; i < count; ++i) out[i] = digits[count - 1 - i];
  return count;
}

Status Sized(int fd, uint64_t bytes, File* out) {
  const Status sized = ResizeFile(fd, bytes);
  if (!sized.ok()) {
    close(fd);
    return sized;
  }
  *out = fd;
  return Ok();
}

}  // namespace

namespace {

// The kernel's own layouts; the C library's struct stat is bound to it.
#if defined(__x86_64__)
struct KernelStat {
  uint64_t device, inode, links;
  uint32_t mode, uid, gid, pad;
  uint64_t special, bytes;
  uint64_t rest[11];
};
#else
struct KernelStat {
  uint64_t device, inode;
  uint32_t mode, links, uid, gid;
  uint64_t special, pad, bytes;
  uint64_t rest[9];
};
#endif

void Fill(uint32_t mode, uint64_t inode, uint64_t bytes, FileInfo* out) {
  out->bytes = bytes;
  out->identity = inode;
  out->regular = (mode & 0170000) == 0100000;
  out->directory = (mode & 0170000) == 0040000;
}

}  // namespace

Status StatFile(File file, FileInfo* out) {
  // statx has one layout on every architecture and C library.
  struct {
    uint32_t mask, block_bytes;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, pad;
    uint64_t inode, bytes;
    uint64_t rest[26];
  } found = {};
  constexpr int kEmptyPath = 0x1000;
  constexpr unsigned kBasic = 0x7ff;
  if (syscall(SYS_statx, static_cast<int>(file), "", kEmptyPath, kBasic, &found) == 0) {
    Fill(found.mode, found.inode, found.bytes, out);
    return Ok();
  }
  // Containers' filters from before 2018 refuse a call that they do not know.
  if (errno != EPERM && errno != ENOSYS) return SystemFailure("statx", errno);
  KernelStat older = {};
  if (syscall(SYS_fstat, static_cast<int>(file), &older) != 0) return SystemFailure("fstat", errno);
  Fill(older.mode, older.inode, older.bytes, out);
  return Ok();
}

Status AllocateFile(File file, uint64_t bytes) {
  const long result = syscall(SYS_fallocate, static_cast<int>(file), 0, 0L, bytes);
  if (result == 0) return Ok();
  if (errno == EOPNOTSUPP || errno == ENOSYS) return Fail(Code::kUnsupported, "fallocate");
  return SystemFailure("fallocate", errno);
}

Status CreateMemoryObject(const char* label, uint64_t bytes, uint64_t huge_bytes, File* out) {
  unsigned flags = linux_os::kMfdCloexec | linux_os::kMfdAllowSealing;
  if (huge_bytes != 0) flags |= linux_os::kMfdHugetlb | static_cast<unsigned>(linux_os::HugeFlag(huge_bytes));
  const long fd = syscall(SYS_memfd_create, label, flags);
  if (fd < 0) return SystemFailure("memfd_create", errno);
  const Status sized = Sized(static_cast<int>(fd), bytes, out);
  if (!sized.ok()) return sized;
  // Nobody may shrink it below the views: that is where bus errors come from.
  constexpr int kAddSeals = 1033;
  constexpr int kSealShrink = 0x2;
  syscall(SYS_fcntl, fd, kAddSeals, kSealShrink);
  return Ok();
}

Status CreateSecretObject(uint64_t bytes, File* out) {
  const long fd = syscall(SYS_memfd_secret, O_CLOEXEC);
  if (fd < 0) return SystemFailure("memfd_secret", errno);
  return Sized(static_cast<int>(fd), bytes, out);
}

Status OpenNamedObject(const char* name, bool create, uint64_t bytes, File* out) {
  char path[256];
  if (!Join(path, sizeof path, kSharedFolder, name)) return Fail(Code::kInvalid, "open");
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT | O_EXCL : 0);
  const int fd = open(path, flags, 0600);
  if (fd < 0) return SystemFailure("open", errno);
  if (!create) {
    *out = fd;
    return Ok();
  }
  const Status sized = Sized(fd, bytes, out);
  if (!sized.ok()) unlink(path);
  return sized;
}

Status UnlinkNamedObject(const char* name) {
  char path[256];
  if (!Join(path, sizeof path, kSharedFolder, name)) return Fail(Code::kInvalid, "unlink");
  if (unlink(path) != 0) return SystemFailure("unlink", errno);
  return Ok();
}

Status OpenRemoteObject(uint64_t process_id, uint64_t descriptor, File* out) {
  char path[80] = "/proc/";
  size_t used = sizeof "/proc/" - 1;
  used += AppendNumber(path + used, process_id);
  for (const char* part = "/fd/"; *part != '\0'; ++part) path[used++] = *part;
  used += AppendNumber(path + used, descriptor);
  path[used] = '\0';
  return OpenFile(OpenRequest{path, true, false, false}, out);
}

Status MapObject(const ObjectRequest& request, void** out) {
  int flags = MAP_SHARED;
  if (request.sharing == Sharing::kCopyOnWrite) flags = MAP_PRIVATE;
  if (request.sharing == Sharing::kSharedSync) flags = linux_os::kMapSharedValidate | linux_os::kMapSync;
  if (request.at != nullptr) flags |= MAP_FIXED;
  return posix::MapRange(request.at, request.bytes, posix::ProtectionOf(request.access), flags,
                         static_cast<int>(request.file), request.offset, out);
}

}  // namespace nebula::platform
