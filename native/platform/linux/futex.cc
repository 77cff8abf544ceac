// Waiting: the lock that the portable layers use, and waits on a word of a shared region. Both are futexes; the
// region's are not private, so that processes that map the same object meet in them.
#include <linux/futex.h>
#include <time.h>

#include "syscalls.h"

namespace nebula::platform {

// States: 0 free, 1 held, 2 held with somebody waiting.
void Mutex::Lock() {
  uint32_t expected = 0;
  if (state_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) return;
  while (state_.exchange(2, std::memory_order_acquire) != 0) {
    syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, 2, nullptr, nullptr, 0);
  }
}

void Mutex::Unlock() {
  if (state_.exchange(0, std::memory_order_release) == 2) {
    syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
}

Status WaitOnAddress(void* address, uint32_t expected, uint64_t timeout_ns, WaitOutcome* out) {
  // The kernel's own layout on 64-bit systems, whatever the C library calls it.
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } relative = {static_cast<int64_t>(timeout_ns / 1000000000), static_cast<int64_t>(timeout_ns % 1000000000)};
  if (syscall(SYS_futex, address, FUTEX_WAIT, expected, &relative, nullptr, 0) == 0) {
    *out = WaitOutcome::kWoken;
    return Ok();
  }
  if (errno == EAGAIN) {
    *out = WaitOutcome::kNotEqual;
    return Ok();
  }
  if (errno == ETIMEDOUT || errno == EINTR) {
    *out = WaitOutcome::kTimedOut;  // a signal ends this slice early; the caller counts time by its own clock
    return Ok();
  }
  return SystemFailure("futex", errno);
}

Status WakeAddress(void* address, uint32_t count, uint32_t* woken) {
  const uint32_t at_most = count > 0x7fffffff ? 0x7fffffff : count;
  const long got = syscall(SYS_futex, address, FUTEX_WAKE, at_most, nullptr, nullptr, 0);
  if (got < 0) return SystemFailure("futex", errno);
  *woken = static_cast<uint32_t>(got);
  return Ok();
}

}  // namespace nebula::platform
