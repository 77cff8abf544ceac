// What macOS and the BSDs do not offer to a process at all, or only through interfaces that are not public: placement
// on nodes, processors by number, and sleeping on a word of memory.
#include "bsd.h"

namespace nebula::platform {

Status SetPolicy(void*, uint64_t, Policy, const NodeMask&, bool) { return Fail(Code::kUnsupported, "mbind"); }
Status QueryPages(void* const*, uint64_t, int*) { return Fail(Code::kUnsupported, "move_pages"); }
Status MovePages(void* const*, const int*, uint64_t, int*) { return Fail(Code::kUnsupported, "move_pages"); }
Status CurrentProcessor(uint32_t*, uint32_t*) { return Fail(Code::kUnsupported, "getcpu"); }
Status RunOnProcessors(const uint32_t*, uint64_t) { return Fail(Code::kUnsupported, "sched_setaffinity"); }
Status WaitOnAddress(void*, uint32_t, uint64_t, WaitOutcome*) { return Fail(Code::kUnsupported, "futex"); }
Status WakeAddress(void*, uint32_t, uint32_t*) { return Fail(Code::kUnsupported, "futex"); }

}  // namespace nebula::platform
