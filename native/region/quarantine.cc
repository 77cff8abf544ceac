// Addresses whose views were detached wait here. A job in another thread (zlib, crypto, fs) holds a bare pointer that
// detaching does not take away, so the addresses keep reading as zeros until no such job can be left: the event loop
// that owned the view was seen without a request in flight after the detach, or has ended, and a grace time is over.
#include "range.h"

namespace nebula::region {

namespace {

struct Environment {
  uint64_t serial;  // 0 = free
  uint64_t idle_seen_ms;
};

constexpr uint32_t kMaxEnvironments = 4096;

struct State {
  Range* first;  // a list through the ranges themselves, oldest first: waiting needs no memory that could be refused
  Range* last;
  uint64_t count;
  uint64_t bytes;
  Environment environments[kMaxEnvironments];
  bool configured;
  QuarantineTimes times;
};

State& GetState() {
  static State state;  // zeroed memory
  if (!state.configured) {
    state.configured = true;
    state.times = QuarantineTimes{};
  }
  return state;
}

Environment* Find(uint64_t serial) {
  State& state = GetState();
  for (Environment& candidate : state.environments) {
    if (candidate.serial == serial) return &candidate;
  }
  return nullptr;
}

constexpr uint64_t kLeastMs = 1000;

// `pressed`: no room for a mapping is left, so the shortest wait that is still safe for jobs of libuv has to do.
bool MayGo(const Range* range, uint64_t now_ms, bool pressed) {
  const State& state = GetState();
  const uint64_t waited = now_ms - range->since_ms;
  const uint64_t least = pressed && state.times.idle_ms > kLeastMs ? kLeastMs : state.times.idle_ms;
  if (waited < least) return false;
  if (range->idle || waited >= state.times.busy_ms) return true;
  const Environment* environment = Find(range->env);
  return environment == nullptr || environment->idle_seen_ms > range->since_ms;
}

uint64_t GiveBack(Range* range) {
  const uint64_t bytes = range->bytes.load();
  range->bytes.store(0, std::memory_order_release);
  void* outer = reinterpret_cast<void*>(range->outer);
  if (range->backing == platform::Backing::kObject) {
    platform::UnmapObject(outer, range->outer_bytes);
  } else {
    platform::Unmap(outer, range->outer_bytes);
  }
  DropRange(range);
  return bytes;
}

void Append(Range* range) {
  State& state = GetState();
  range->next_waiting = nullptr;
  (state.last == nullptr ? state.first : state.last->next_waiting) = range;
  state.last = range;
  state.count += 1;
  state.bytes += range->bytes.load();
}

uint64_t Drain(uint64_t now_ms, bool all, bool pressed) {
  State& state = GetState();
  uint64_t given = 0;
  Range* next = state.first;
  state.first = state.last = nullptr;
  state.count = 0;
  state.bytes = 0;
  while (next != nullptr) {
    Range* range = next;
    next = range->next_waiting;
    if (all || MayGo(range, now_ms, pressed)) {
      given += GiveBack(range);
    } else {
      Append(range);  // in the same order
    }
  }
  return given;
}

}  // namespace

void Quarantine(Range* range) { Append(range); }

bool DrainWaiting() { return Drain(platform::MonotonicMs(), false, true) != 0; }

void ReadQuarantine(Totals* out) {
  const State& state = GetState();
  out->quarantined_ranges = state.count;
  out->quarantined_bytes = state.bytes;
}

void ConfigureQuarantine(const QuarantineTimes& times) {
  platform::MutexGuard guard(GetTable().lock);
  GetState().times = times;
}

uint64_t DrainQuarantine(const Caller& caller, bool all) {
  platform::MutexGuard guard(GetTable().lock);
  const uint64_t now_ms = platform::MonotonicMs();
  if (caller.idle) {
    Environment* environment = Find(caller.env);
    if (environment != nullptr) environment->idle_seen_ms = now_ms;
  }
  return Drain(now_ms, all, false);
}

void EnvironmentStarted(uint64_t env) {
  platform::MutexGuard guard(GetTable().lock);
  Environment* free_entry = Find(0);
  if (free_entry != nullptr) *free_entry = Environment{env, 0};
}

void EnvironmentEnded(uint64_t env) {
  platform::MutexGuard guard(GetTable().lock);
  Environment* environment = Find(env);
  if (environment != nullptr) *environment = Environment{0, 0};
}

}  // namespace nebula::region
