// Waiting. The lock of the portable layers, and waits on a word of a region, both over the system's WaitOnAddress(),
// which knows threads of one process only and addresses as they stand: two views of one section do not meet.
// The system does not say how many threads it woke, so the waiters are kept in queues here, one lock a queue.
#include "windows.h"

namespace nebula::platform {

namespace {

using WaitFunction = BOOL WINAPI(volatile void*, void*, SIZE_T, DWORD);
using WakeFunction = void WINAPI(void*);
constinit windows_os::Late<WaitFunction> late_wait{L"kernelbase.dll", "WaitOnAddress"};
constinit windows_os::Late<WakeFunction> late_wake{L"kernelbase.dll", "WakeByAddressSingle"};

// Sleeps while *word is `expected`, at most `ms`; may return early. Without the system's call: sleeps a little.
void Sleep32(std::atomic<uint32_t>* word, uint32_t expected, DWORD ms) {
  auto* wait = late_wait.Get();
  if (wait != nullptr) {
    wait(word, &expected, sizeof expected, ms);
  } else {
    Sleep(ms < 1 ? ms : 1);
  }
}

void Wake32(std::atomic<uint32_t>* word) {
  if (auto* wake = late_wake.Get()) wake(word);
}

struct Waiter {
  void* address;
  Waiter* next;
  std::atomic<uint32_t> woken;
};

// First come, first woken.
struct Queue {
  Mutex mutex;
  Waiter* first;
};
constexpr size_t kQueues = 64;
constinit Queue g_queues[kQueues] = {};

Queue& QueueOf(void* address) {
  const auto mixed = (reinterpret_cast<uintptr_t>(address) >> 2) * uintptr_t{0x9e3779b97f4a7c15};
  return g_queues[mixed >> 58];
}

void Append(Queue& queue, Waiter* waiter) {
  Waiter** end = &queue.first;
  while (*end != nullptr) end = &(*end)->next;
  *end = waiter;
}

void Remove(Queue& queue, Waiter* waiter) {
  Waiter** at = &queue.first;
  while (*at != nullptr && *at != waiter) at = &(*at)->next;
  if (*at != nullptr) *at = waiter->next;
}

}  // namespace

// States: 0 free, 1 held, 2 held with somebody waiting.
void Mutex::Lock() {
  for (int spins = 0; spins < 64; ++spins) {
    uint32_t expected = 0;
    if (state_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) return;
    YieldProcessor();
  }
  while (state_.exchange(2, std::memory_order_acquire) != 0) Sleep32(&state_, 2, INFINITE);
}

void Mutex::Unlock() {
  if (state_.exchange(0, std::memory_order_release) == 2) Wake32(&state_);
}

Status WaitOnAddress(void* address, uint32_t expected, uint64_t timeout_ns, WaitOutcome* out) {
  Queue& queue = QueueOf(address);
  Waiter self = {address, nullptr, {0}};
  {
    MutexGuard guard(queue.mutex);
    if (std::atomic_ref<uint32_t>(*static_cast<uint32_t*>(address)).load() != expected) {
      *out = WaitOutcome::kNotEqual;
      return Ok();
    }
    Append(queue, &self);
  }
  const uint64_t started = MonotonicMs();
  const uint64_t span = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
  for (;;) {
    const uint64_t passed = MonotonicMs() - started;
    const bool woken = self.woken.load(std::memory_order_acquire) != 0;
    if (woken || passed >= span) break;
    constexpr uint64_t kSlice = 0x7fffffff;
    const uint64_t left = span - passed;
    Sleep32(&self.woken, 0, static_cast<DWORD>(left < kSlice ? left : kSlice));
  }
  MutexGuard guard(queue.mutex);
  const bool woken = self.woken.load(std::memory_order_acquire) != 0;
  if (!woken) Remove(queue, &self);
  *out = woken ? WaitOutcome::kWoken : WaitOutcome::kTimedOut;
  return Ok();
}

Status WakeAddress(void* address, uint32_t count, uint32_t* woken) {
  Queue& queue = QueueOf(address);
  uint32_t done = 0;
  // Waking under the lock: a waiter leaves only through the same lock, so it still stands on its stack.
  MutexGuard guard(queue.mutex);
  for (Waiter** at = &queue.first; *at != nullptr && done < count;) {
    Waiter* waiter = *at;
    if (waiter->address != address) {
      at = &waiter->next;
      continue;
    }
    *at = waiter->next;
    waiter->woken.store(1, std::memory_order_release);
    Wake32(&waiter->woken);
    ++done;
  }
  *woken = done;
  return Ok();
}

}  // namespace nebula::platform
