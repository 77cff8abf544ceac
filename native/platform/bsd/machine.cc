// Facts about the machine, unpredictable bytes, and the lock. There is no table of mappings that could be read cheaply
// and no limit on their number that is known in advance.
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "bsd.h"

namespace nebula::platform {

const Capabilities& GetCapabilities() {
  static constinit Capabilities cached = {};
  static constinit Mutex mutex;
  MutexGuard guard(mutex);
  if (cached.page_bytes == 0) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    // These kernels replace pages under the lock of the address space, so that no moment exists without any.
    cached = Capabilities{page, page, 0, 0, true, false, false, true, "posix"};
  }
  return cached;
}

uint64_t MappingLimit() { return 0; }
uint64_t CountMappings() { return 0; }

Status RandomBytes(void* out, size_t bytes) {
  arc4random_buf(out, bytes);
  return Ok();
}

// Spinning with the processor given away: the threads library would need an initializer, and what these systems
// have for sleeping on a word is private to them.
void Mutex::Lock() {
  for (;;) {
    uint32_t expected = 0;
    if (state_.compare_exchange_weak(expected, 1, std::memory_order_acquire)) return;
    sched_yield();
  }
}

void Mutex::Unlock() { state_.store(0, std::memory_order_release); }

}  // namespace nebula::platform
