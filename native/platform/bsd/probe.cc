// Finds out what works by trying it on memory of its own.
#include "bsd.h"

namespace nebula::platform {

namespace {

// Runs `attempt` on a page that has been written to.
template <typename Attempt>
Status OnPage(Attempt attempt) {
  const uint64_t page = GetCapabilities().page_bytes;
  void* address = nullptr;
  const Status mapped = MapAnonymous(AnonymousRequest{page, 0, 0, -1}, &address);
  if (!mapped.ok()) return mapped;
  *static_cast<volatile char*>(address) = 1;
  const Status tried = attempt(address, page);
  Unmap(address, page);  // unlocks too
  return tried;
}

Status TryAdvice(Advice advice) {
  return OnPage([advice](void* address, uint64_t bytes) { return Advise(address, bytes, advice); });
}

Status TryLock() {
  return OnPage([](void* address, uint64_t bytes) { return LockPages(address, bytes, false); });
}

Status TryObject() {
  File file = kNoFile;
  const Status made = CreateMemoryObject("", GetCapabilities().page_bytes, 0, &file);
  if (made.ok()) CloseFile(file);
  return made;
}

}  // namespace

Status TryFeature(Feature feature) {
  switch (feature) {
    case Feature::kMemfd:
    case Feature::kNamedObjects:
      return TryObject();  // one mechanism
    case Feature::kLock:
      return TryLock();
    case Feature::kNoDump:
      return TryAdvice(Advice::kNoDump);
    case Feature::kWipeOnFork:
      return TryAdvice(Advice::kWipeOnFork);
    case Feature::kFaultGuard:
      return Ok();
    default:
      break;
  }
  return Fail(Code::kUnsupported, "probe");
}

}  // namespace nebula::platform
