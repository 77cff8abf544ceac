// What the region tests share: short ways to make regions, stores with their range, and the books.
#pragma once

#include "../../../native/region/region.h"
#include "../check.h"

namespace nebula::test {

extern const NamedCase kLifeCases[];
extern const NamedCase kStoreCases[];
extern const NamedCase kMoveCases[];
extern const NamedCase kLimitCases[];
extern const NamedCase kFaultCases[];
extern const NamedCase kRandomCases[];
extern const NamedCase kThreadCases[];

inline constexpr region::Caller kBusy{1, false};
inline constexpr region::Caller kIdle{1, true};

struct Store {
  uint8_t* at = nullptr;
  region::Range* range = nullptr;
};

inline Status MakeRegion(region::Kind kind, uint64_t bytes, region::Id* out, bool guard = false) {
  region::Spec spec;
  spec.kind = kind;
  spec.bytes = bytes;
  spec.guard = guard || kind == region::Kind::kSecret;
  return region::Create(spec, out);
}
inline Status MakeAnonymous(uint64_t bytes, region::Id* out, bool guard = false) {
  return MakeRegion(region::Kind::kAnonymous, bytes, out, guard);
}

inline Status MakeStore(region::Id id, uint64_t offset, uint64_t length, Store* out) {
  void* at = nullptr;
  const Status made = region::StoreCreated(id, offset, length, &at, &out->range);
  out->at = static_cast<uint8_t*>(at);
  return made;
}
// `user`: the store's user may have emptied it under a job.
inline void EndStore(const Store& store, const region::Caller* user = nullptr) {
  region::StoreFinalized(store.range, false, user);
}

// Releases without a claim of its own.
inline Status Free(region::Id id, bool detached = false, const region::Caller& caller = kBusy) {
  bool corrupted = false;
  return region::Release(id, false, detached, caller, &corrupted);
}

inline region::Totals Books() {
  region::Totals totals{};
  region::ReadTotals(&totals);
  return totals;
}
inline uint64_t Drain(bool all, const region::Caller& caller = kBusy) { return region::DrainQuarantine(caller, all); }

// A deterministic source of numbers (splitmix64).
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

}  // namespace nebula::test

#define CHECK_CODE(expression, wanted)                                           \
  do {                                                                           \
    const nebula::Status status_of_check = (expression);                         \
    if (status_of_check.code != nebula::Code::wanted) {                          \
      nebula::test::FailHere(__FILE__, __LINE__, #expression, &status_of_check); \
      return;                                                                    \
    }                                                                            \
  } while (false)
