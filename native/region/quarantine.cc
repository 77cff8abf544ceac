// Addresses whose views were detached wait here. A job in another thread (zlib, crypto, fs) holds a bare pointer that
// detaching does not take away, so the addresses keep reading as zeros until no such job can be left: the event loop
// that owned the view was seen without a request in flight after the detach, or has ended, and a grace time is over.
#include "range.h"

namespace nebula::region {

namespace {

struct Waiting {
  Range* range;
};

struct Environment {
  uint64_t serial;  // 0 = free
  uint64_t idle_seen_ms;
};

// As many as there can be ranges, so that nothing has to leave early; pages of it are touched as it fills.
constexpr uint32_t kCapacity = Slab<Range>::kChunks * Slab<Range>::kChunkEntries;
constexpr uint32_t kMaxEnvironments = 4096;

struct State {
  Waiting* ring;
  uint32_t head, count;
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

bool MayGo(const Range* range, uint64_t now_ms) {
  const State& state = GetState();
  const uint64_t waited = now_ms - range->since_ms;
  if (waited < state.times.idle_ms) return false;
  if (range->idle || waited >= state.times.busy_ms) return true;
  const Environment* environment = Find(range->env);
  return environment == nullptr || environment->idle_seen_ms > range->since_ms;
}

uint64_t ReleaseAt(uint32_t position) {
  State& state = GetState();
  Range* range = state.ring[position % kCapacity].range;
  const uint64_t bytes = range->bytes.load();
  range->bytes.store(0, std::memory_order_release);
  void* outer = reinterpret_cast<void*>(range->outer);
  if (range->backing == platform::Backing::kObject) {
    platform::UnmapObject(outer, range->outer_bytes);
  } else {
    platform::Unmap(outer, range->outer_bytes);
  }
  DropRange(range);
  state.bytes -= bytes;
  return bytes;
}

uint64_t Drain(uint64_t now_ms, bool all) {
  State& state = GetState();
  uint64_t given = 0;
  // One pass: what must stay moves up and keeps its order.
  uint32_t kept = 0;
  const uint32_t total = state.count;
  for (uint32_t i = 0; i < total; ++i) {
    const uint32_t position = state.head + i;
    Range* range = state.ring[position % kCapacity].range;
    if (all || MayGo(range, now_ms)) {
      given += ReleaseAt(position);
    } else {
      state.ring[(state.head + kept) % kCapacity].range = range;
      kept += 1;
    }
  }
  state.count = kept;
  return given;
}

}  // namespace

void Quarantine(Range* range) {
  State& state = GetState();
  if (state.ring == nullptr) {
    void* memory = nullptr;
    uint64_t bytes = 0;
    AlignUp(sizeof(Waiting) * kCapacity, platform::GetCapabilities().granularity_bytes, &bytes);
    if (!platform::MapAnonymous(platform::AnonymousRequest{bytes, 0, 0, -1}, &memory).ok()) return;  // never given back
    state.ring = static_cast<Waiting*>(memory);
  }
  state.ring[(state.head + state.count) % kCapacity].range = range;
  state.count += 1;
  state.bytes += range->bytes.load();
}

bool DrainWaiting() { return Drain(platform::MonotonicMs(), false) != 0; }

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
  return Drain(now_ms, all);
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
