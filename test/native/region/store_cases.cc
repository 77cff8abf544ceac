// Backing stores and the ranges below them: made and finalized in every order relative to the region's end, tombstones,
// quarantine, and addresses that are never given back.
#include <thread>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

enum class End { kRelease, kReleaseDetached, kCollect };

// Two stores and the region's end in all six orders, by each way to end. What a store sees must stay mapped until it is
// finalized, and (after a detach) until the quarantine is drained.
void StoresOutliveTheRegion() {
  static constexpr int kOrders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const End end : {End::kRelease, End::kReleaseDetached, End::kCollect}) {
    for (const auto& order : kOrders) {
      for (const bool guard : {false, true}) {
        Id id;
        Store stores[2];
        CHECK_OK(MakeAnonymous(3 * Page(), &id, guard));
        CHECK_OK(MakeStore(id, 0, 3 * Page(), &stores[0]));
        CHECK_OK(MakeStore(id, Page(), Page(), &stores[1]));
        CHECK(stores[1].at == stores[0].at + Page() && stores[0].range == stores[1].range);
        uint8_t* const base = stores[0].at;
        Fill(base, 3 * Page(), 0x42);
        bool ended = false;
        int alive = 2;
        for (const int step : order) {
          if (step == 2) {
            if (end == End::kCollect) {
              Collected(id, kBusy);
            } else {
              CHECK_OK(Free(id, end == End::kReleaseDetached));
            }
            ended = true;
          } else {
            EndStore(stores[step]);
            alive -= 1;
          }
          const bool waits = end == End::kReleaseDetached;
          if (ended && alive == 0 && !waits) break;  // the addresses may belong to somebody else now
          const bool zeros = ended && end != End::kCollect;
          CHECK(AllAre(base, 3 * Page(), zeros ? 0 : 0x42));
          if (zeros) base[2 * Page()] = 0;  // harmless
        }
        const Totals now = Books();
        CHECK(now.quarantined_ranges == (end == End::kReleaseDetached ? 1 : 0));
        CHECK(SeenIs(base, end == End::kReleaseDetached ? Seen::kReadWrite : Seen::kNothing));
        Drain(true);
        CHECK(SeenIs(base, Seen::kNothing));
      }
    }
  }
}

void QuarantineWaitsItsTime() {
  EnvironmentStarted(1);
  struct {
    Caller caller;
    bool ends, idle_later, goes;
  } const table[] = {
      {kIdle, false, false, true},              // nothing was in flight
      {kBusy, false, false, false},             // something was, and was never seen to end
      {kBusy, false, true, true},               // ... and the loop was idle later
      {kBusy, true, false, true},               // ... and its environment ended
      {Caller{77, false}, false, false, true},  // an environment that nobody knows
  };
  for (const auto& row : table) {
    Id id;
    Store store;
    ConfigureQuarantine(QuarantineTimes{3600000, 3600000});
    CHECK_OK(MakeAnonymous(Page(), &id));
    CHECK_OK(MakeStore(id, 0, Page(), &store));
    CHECK_OK(Free(id, true, row.caller));
    EndStore(store);
    CHECK(Drain(false, kBusy) == 0);  // too early for all of them
    CHECK(Books().quarantined_bytes == Page());
    // An hour until here: however long this thread was held up, it was too early.
    ConfigureQuarantine(QuarantineTimes{30, 3600000});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (row.ends) EnvironmentEnded(1);
    const uint64_t given = Drain(false, row.idle_later ? kIdle : kBusy);
    if (row.ends) EnvironmentStarted(1);
    CHECK(given == (row.goes ? Page() : 0));
    CHECK(Drain(true) == (row.goes ? 0 : Page()));
  }
  ConfigureQuarantine(QuarantineTimes{});
  EnvironmentEnded(1);
}

// Many wait, the middle ones may go: order and books survive.
void QuarantineKeepsOrder() {
  ConfigureQuarantine(QuarantineTimes{0, 3600000});
  EnvironmentStarted(1);
  constexpr int kMany = 300;
  for (int i = 0; i < kMany; ++i) {
    Id id;
    Store store;
    CHECK_OK(MakeAnonymous(Page() * (1 + i % 3), &id));
    CHECK_OK(MakeStore(id, 0, 1, &store));
    CHECK_OK(Free(id, true, i % 3 == 1 ? kIdle : kBusy));
    EndStore(store);
  }
  CHECK(Books().quarantined_ranges == kMany);
  CHECK(Drain(false, Caller{2, false}) == kMany / 3 * 2 * Page());
  CHECK(Books().quarantined_ranges == kMany - kMany / 3);
  CHECK(Drain(true) == kMany / 3 * 4 * Page());
  ConfigureQuarantine(QuarantineTimes{});
  EnvironmentEnded(1);
}

// A holder whose views were detached leaves before the last one does: the addresses still wait.
void ADetachIsRememberedByTheRange() {
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(Attach(id));
  CHECK_OK(MakeStore(id, 0, Page(), &store));
  CHECK_OK(Free(id, true));
  EndStore(store);
  CHECK_OK(Free(id, false));
  CHECK(Books().quarantined_ranges == 1);
}

// A user who can transfer a buffer can empty it under a job, and the region goes later.
void AStoreThatItsUserEmptied() {
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(MakeStore(id, 0, Page(), &store));
  EndStore(store, &kBusy);
  CHECK_OK(Free(id, false, kIdle));
  CHECK(Books().quarantined_ranges == 1 && AllAre(store.at, Page(), 0));
  CHECK(Drain(false, kIdle) == 0);
}

// A store whose end is in doubt (its environment went down) may live on elsewhere: the addresses are never reused.
void DoubtIsForEver() {
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(2 * Page(), &id));
  CHECK_OK(MakeStore(id, 0, Page(), &store));
  store.at[0] = 9;
  StoreFinalized(store.range, true, nullptr);
  const Totals before = Books();
  CHECK_OK(Free(id));
  const Totals after = Books();
  CHECK(after.abandoned_ranges == before.abandoned_ranges + 1);
  CHECK(after.abandoned_bytes == before.abandoned_bytes + 2 * Page());
  Drain(true);
  CHECK(AllAre(store.at, 2 * Page(), 0));
}

void RangesAreListed() {
  const uint64_t before = ListRanges(nullptr, 0);
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(3 * Page(), &id));
  CHECK_OK(MakeStore(id, 0, 1, &store));
  const uint64_t count = ListRanges(nullptr, 0);
  CHECK(count == before + 1);
  static double pairs[4096];
  CHECK(ListRanges(pairs, 2048) == count && count <= 2048);
  bool found = false;
  for (uint64_t i = 0; i < count; ++i) {
    found = found || (pairs[2 * i] == static_cast<double>(reinterpret_cast<uintptr_t>(store.at)) &&
                      pairs[2 * i + 1] == static_cast<double>(3 * Page()));
  }
  CHECK(found);
  CHECK_OK(Free(id));
  CHECK(ListRanges(nullptr, 0) == count);  // tombstones included
  EndStore(store);
  CHECK(ListRanges(nullptr, 0) == before);
}

void AStoreNeedsOpenPages() {
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(Page(), &id));
  for (const Access access : {Access::kRead, Access::kNone}) {
    CHECK_OK(ProtectRegion(id, access, kBusy));
    CHECK_CODE(MakeStore(id, 0, 1, &store), kState);
  }
  CHECK_OK(ProtectRegion(id, Access::kReadWrite, kBusy));
  CHECK_OK(MakeStore(id, Page(), 0, &store));
  EndStore(store);
  CHECK_OK(Free(id));
}

}  // namespace

const NamedCase kStoreCases[] = {
    {"stores outlive the region", StoresOutliveTheRegion},
    {"quarantine waits its time", QuarantineWaitsItsTime},
    {"quarantine keeps its order", QuarantineKeepsOrder},
    {"a detach is remembered by the range", ADetachIsRememberedByTheRange},
    {"a store that its user emptied", AStoreThatItsUserEmptied},
    {"doubt is for ever", DoubtIsForEver},
    {"ranges are listed", RangesAreListed},
    {"a store needs open pages", AStoreNeedsOpenPages},
    {nullptr, nullptr},
};

}  // namespace nebula::test
