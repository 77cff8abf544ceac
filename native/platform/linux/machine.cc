// Facts about the machine and the process: page sizes, the mapping count, time's neighbors.
#include <fcntl.h>

#include "syscalls.h"

namespace nebula::platform {

namespace linux_os {

size_t ReadSmallFile(const char* path, char* out, size_t capacity) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t used = 0;
  while (used < capacity) {
    const ssize_t got = read(fd, out + used, capacity - used);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  close(fd);
  return used;
}

uint64_t ReadNumber(const char* path, uint64_t otherwise) {
  char text[64];
  const size_t length = ReadSmallFile(path, text, sizeof text);
  uint64_t value = 0;
  bool any = false;
  for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && value < (UINT64_MAX / 10) - 1; ++i) {
    value = value * 10 + static_cast<uint64_t>(text[i] - '0');
    any = true;
  }
  return any ? value : otherwise;
}

namespace {

// "Hugepagesize:    2048 kB" of /proc/meminfo, in bytes; 0 when the kernel has no hugetlb.
uint64_t DefaultHugeBytes() {
  static constexpr char kKey[] = "Hugepagesize:";
  char text[8192];
  const size_t length = ReadSmallFile("/proc/meminfo", text, sizeof text);
  for (size_t i = 0; i + sizeof kKey < length; ++i) {
    if (i != 0 && text[i - 1] != '\n') continue;
    size_t k = 0;
    while (k < sizeof kKey - 1 && text[i + k] == kKey[k]) ++k;
    if (k != sizeof kKey - 1) continue;
    size_t at = i + k;
    while (at < length && text[at] == ' ') ++at;
    uint64_t kib = 0;
    while (at < length && text[at] >= '0' && text[at] <= '9') kib = kib * 10 + static_cast<uint64_t>(text[at++] - '0');
    return kib * 1024;
  }
  return 0;
}

Capabilities ReadCapabilities() {
  Capabilities found{};
  found.page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  found.granularity_bytes = found.page_bytes;
  found.default_huge_bytes = DefaultHugeBytes();
  found.transparent_huge_bytes = ReadNumber("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", 0);
  found.atomic_tombstone = true;
  int mode = 0;
  found.numa = syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0) == 0 || errno != ENOSYS;
  found.shared_futex = true;
  found.fault_guard = true;
  found.name = "linux";
  return found;
}

}  // namespace

}  // namespace linux_os

const Capabilities& GetCapabilities() {
  static Capabilities cached{};
  static Mutex mutex;
  MutexGuard guard(mutex);
  if (cached.page_bytes == 0) cached = linux_os::ReadCapabilities();
  return cached;
}

uint64_t MappingLimit() { return linux_os::ReadNumber("/proc/sys/vm/max_map_count", 65530); }

uint64_t CountMappings() {
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[16384];
  uint64_t lines = 0;
  for (;;) {
    const ssize_t got = read(fd, text, sizeof text);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (ssize_t i = 0; i < got; ++i) lines += text[i] == '\n';
  }
  close(fd);
  return lines;
}

Status RandomBytes(void* out, size_t bytes) {
  auto* at = static_cast<uint8_t*>(out);
  while (bytes > 0) {
    const long got = syscall(SYS_getrandom, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return SystemFailure("getrandom", errno);
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return Ok();
}

}  // namespace nebula::platform
