// Finds out what works by trying it on memory of its own. A kernel version says little: seccomp filters, sysctls and
// limits decide as much.
#include <fcntl.h>

#include "syscalls.h"

namespace nebula::platform {

namespace {

// A private anonymous range that goes away with the scope.
class Scratch {
 public:
  explicit Scratch(uint64_t bytes, uint64_t align = 0, uint64_t huge_bytes = 0) : bytes_(bytes) {
    status_ = MapAnonymous(AnonymousRequest{bytes, align, huge_bytes, -1}, &address_);
  }
  ~Scratch() {
    if (status_.ok()) Unmap(address_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const Status& status() const { return status_; }
  void* address() const { return address_; }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_;
  void* address_ = nullptr;
  Status status_;
};

Status TryAdvice(Advice advice) {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  *static_cast<volatile char*>(page.address()) = 1;
  return Advise(page.address(), page.bytes(), advice);
}

Status TryCollapse() {
  const uint64_t huge = GetCapabilities().transparent_huge_bytes;
  if (huge == 0) return Fail(Code::kUnsupported, "madvise");
  Scratch range(huge, huge);
  if (!range.status().ok()) return range.status();
  *static_cast<volatile char*>(range.address()) = 1;
  return Advise(range.address(), range.bytes(), Advice::kCollapse);
}

Status TryTransparentHuge() {
  const uint64_t huge = GetCapabilities().transparent_huge_bytes;
  if (huge == 0) return Fail(Code::kUnsupported, "madvise");
  Scratch range(huge, huge);
  if (!range.status().ok()) return range.status();
  return Advise(range.address(), range.bytes(), Advice::kHuge);
}

Status TryMove() {
  const uint64_t page = GetCapabilities().page_bytes;
  Scratch from(page);
  Scratch to(page);
  if (!from.status().ok()) return from.status();
  if (!to.status().ok()) return to.status();
  *static_cast<volatile char*>(from.address()) = 1;
  return MoveKeepingZeros(from.address(), page, to.address());
}

Status TryObject(Status made, File file) {
  if (made.ok()) CloseFile(file);
  return made;
}

Status TrySecret() {
  const uint64_t page = GetCapabilities().page_bytes;
  File file = kNoFile;
  const Status made = CreateSecretObject(page, &file);
  if (!made.ok()) return made;
  void* address = nullptr;
  Status used = MapObject(ObjectRequest{file, 0, page, Sharing::kShared, Access::kReadWrite, 0, nullptr}, &address);
  if (used.ok()) {
    *static_cast<volatile char*>(address) = 1;  // population by advice is refused for secret pages
    Unmap(address, page);
  }
  CloseFile(file);
  return used;
}

Status TryHuge(uint64_t bytes) { return Scratch(bytes, 0, bytes).status(); }

Status TryLock() {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  return LockPages(page.address(), page.bytes(), false);
}

Status TryPolicy(Policy policy, bool with_node) {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  NodeMask nodes;
  uint32_t cpu = 0;
  uint32_t node = 0;
  if (with_node && CurrentProcessor(&cpu, &node).ok()) nodes.Set(static_cast<int>(node));
  return SetPolicy(page.address(), page.bytes(), policy, nodes, false);
}

Status TryQuery() {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  *static_cast<volatile char*>(page.address()) = 1;
  void* pages[1] = {page.address()};
  int nodes[1] = {0};
  return QueryPages(pages, 1, nodes);
}

Status TryPressureTrigger() {
  const int fd = open("/proc/pressure/memory", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemFailure("open", errno);
  // Without privileges the window must be a multiple of two seconds.
  static constexpr char kTrigger[] = "some 150000 2000000";
  const ssize_t wrote = write(fd, kTrigger, sizeof kTrigger);
  const int error = errno;
  close(fd);
  return wrote < 0 ? SystemFailure("write", error) : Ok();
}

Status TryFutex() {
  uint32_t word = 0;
  uint32_t woken = 0;
  return WakeAddress(&word, 1, &woken);
}

Status TryRangeName() {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  return NameRange(page.address(), page.bytes(), "nebula-memory");
}

Status TryNamedObject() {
  // Looking for what cannot be there tells a missing /dev/shm (ENOENT on the folder) only by opening the folder.
  const int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemFailure("open", errno);
  close(fd);
  return Ok();
}

}  // namespace

Status TryFeature(Feature feature) {
  const uint64_t page = GetCapabilities().page_bytes;
  File file = kNoFile;
  switch (feature) {
    case Feature::kMemfd: {
      const Status made = CreateMemoryObject("nebula-probe", page, 0, &file);
      return TryObject(made, file);
    }
    case Feature::kMemfdSecret:
      return TrySecret();
    case Feature::kPopulateWrite:
      return TryAdvice(Advice::kPopulateWrite);
    case Feature::kCollapse:
      return TryCollapse();
    case Feature::kGuardPages:
      return TryAdvice(Advice::kGuard);
    case Feature::kMoveKeepingZeros:
      return TryMove();
    case Feature::kHuge2MiB:
      return TryHuge(uint64_t{2} << 20);
    case Feature::kHuge1GiB:
      return TryHuge(uint64_t{1} << 30);
    case Feature::kTransparentHuge:
      return TryTransparentHuge();
    case Feature::kLock:
      return TryLock();
    case Feature::kNumaPolicy:
      return TryPolicy(Policy::kPreferred, true);
    case Feature::kNumaQuery:
      return TryQuery();
    case Feature::kPreferredMany:
      return TryPolicy(Policy::kPreferredMany, true);
    case Feature::kWeightedInterleave:
      return TryPolicy(Policy::kWeightedInterleave, true);
    case Feature::kNoDump:
      return TryAdvice(Advice::kNoDump);
    case Feature::kWipeOnFork:
      return TryAdvice(Advice::kWipeOnFork);
    case Feature::kCold:
      return TryAdvice(Advice::kCold);
    case Feature::kPageOut:
      return TryAdvice(Advice::kPageOut);
    case Feature::kMergeable:
      return TryAdvice(Advice::kMerge);
    case Feature::kFutex:
      return TryFutex();
    case Feature::kFaultGuard:
      return Ok();
    case Feature::kNamedObjects:
      return TryNamedObject();
    case Feature::kRangeNames:
      return TryRangeName();
    case Feature::kPressureTrigger:
      return TryPressureTrigger();
  }
  return Fail(Code::kInvalid, "probe");
}

}  // namespace nebula::platform
