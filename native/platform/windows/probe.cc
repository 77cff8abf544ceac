// Finds out what works by trying it on memory of its own: rights of the account decide as much as the version.
#include "windows.h"

namespace nebula::platform {

namespace {

// A private range that goes away with the scope.
class Scratch {
 public:
  explicit Scratch(uint64_t bytes, uint64_t huge_bytes = 0) : bytes_(bytes) {
    status_ = MapAnonymous(AnonymousRequest{bytes, 0, huge_bytes, -1}, &address_);
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

// Runs `attempt` on a page that has been written to.
template <typename Attempt>
Status OnPage(Attempt attempt) {
  Scratch page(GetCapabilities().page_bytes);
  if (!page.status().ok()) return page.status();
  *static_cast<volatile char*>(page.address()) = 1;
  return attempt(page.address(), page.bytes());
}

Status TryAdvice(Advice advice) {
  return OnPage([advice](void* address, uint64_t bytes) { return Advise(address, bytes, advice); });
}

Status TryObject(Status made, File file) {
  if (made.ok()) CloseFile(file);
  return made;
}

Status TryLock() {
  return OnPage([](void* address, uint64_t bytes) {
    const Status locked = LockPages(address, bytes, false);
    if (locked.ok()) UnlockPages(address, bytes);
    return locked;
  });
}

Status TryQuery() {
  return OnPage([](void* address, uint64_t) {
    void* pages[1] = {address};
    int nodes[1] = {0};
    return QueryPages(pages, 1, nodes);
  });
}

Status TryFutex() {
  uint32_t word = 1;
  WaitOutcome outcome = WaitOutcome::kWoken;
  return WaitOnAddress(&word, 0, 0, &outcome);
}

// Two processes that try at the same time must not meet, hence the number in the name.
Status TryNamedObject() {
  char name[32] = "probe-";
  size_t used = 6;
  for (uint64_t left = ProcessId(); left != 0; left /= 10) name[used++] = static_cast<char>('0' + left % 10);
  File file = kNoFile;
  const Status made = OpenNamedObject(name, true, GetCapabilities().page_bytes, &file);
  if (made.error == ERROR_ALREADY_EXISTS) return Ok();  // another thread of ours is trying right now
  return TryObject(made, file);
}

}  // namespace

Status TryFeature(Feature feature) {
  const uint64_t page = GetCapabilities().page_bytes;
  switch (feature) {
    case Feature::kMemfd: {
      File file = kNoFile;
      const Status made = CreateMemoryObject("nebula-probe", page, 0, &file);
      return TryObject(made, file);
    }
    case Feature::kHuge2MiB:
      return Scratch(uint64_t{2} << 20, uint64_t{2} << 20).status();
    case Feature::kHuge1GiB:
      return Scratch(uint64_t{1} << 30, uint64_t{1} << 30).status();
    case Feature::kLock:
      return TryLock();
    case Feature::kNumaQuery:
      return TryQuery();
    case Feature::kFutex:
      return TryFutex();
    case Feature::kNamedObjects:
      return TryNamedObject();
    case Feature::kPopulateWrite:
      return TryAdvice(Advice::kPopulateWrite);
    case Feature::kNoDump:
      return TryAdvice(Advice::kNoDump);
    case Feature::kCold:
      return TryAdvice(Advice::kCold);
    case Feature::kPageOut:
      return TryAdvice(Advice::kPageOut);
    case Feature::kMemfdSecret:
      return Fail(Code::kUnsupported, "memfd_secret");
    case Feature::kCollapse:
    case Feature::kGuardPages:
    case Feature::kTransparentHuge:
    case Feature::kWipeOnFork:
    case Feature::kMergeable:
      return Fail(Code::kUnsupported, "madvise");
    case Feature::kMoveKeepingZeros:
      return Fail(Code::kUnsupported, "mremap");
    case Feature::kNumaPolicy:
    case Feature::kPreferredMany:
    case Feature::kWeightedInterleave:
      return Fail(Code::kUnsupported, "mbind");
    case Feature::kFaultGuard:
      return Fail(Code::kUnsupported, "AddVectoredExceptionHandler");
    case Feature::kRangeNames:
      return Fail(Code::kUnsupported, "prctl");
    case Feature::kPressureTrigger:
      return Fail(Code::kUnsupported, "open");
  }
  return Fail(Code::kInvalid, "probe");
}

}  // namespace nebula::platform
