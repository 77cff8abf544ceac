// Holders, pins, uses and claims: who may enter a region and when it goes.
#include <cstring>
#include <thread>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

void OneHolderComesAndGoes() {
  Id id;
  CHECK_OK(MakeAnonymous(10000, &id));
  Info info{};
  CHECK_OK(Describe(id, &info));
  CHECK(info.bytes == 10000 && info.mapped_bytes % Page() == 0 && info.mapped_bytes >= 10000);
  CHECK(info.holders == 1 && info.pins == 0 && info.stores == 0 && !info.exposed && info.file == -1);
  CHECK(AllAre(reinterpret_cast<void*>(info.address), info.mapped_bytes, 0));
  CHECK_OK(Free(id));
  CHECK(SeenIs(reinterpret_cast<void*>(info.address), Seen::kNothing));
  CHECK_CODE(Describe(id, &info), kStale);
}

void StaleIdsAreRefusedEverywhere() {
  Id id;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(Free(id));
  Id next;
  CHECK_OK(MakeAnonymous(Page(), &next));
  CHECK(next.slot == id.slot && next.generation != id.generation);
  uint8_t byte = 0;
  uint64_t number = 0;
  int node = 0;
  bool flag = false;
  Store store;
  platform::WaitOutcome outcome;
  uint32_t woken = 0;
  const Id wrong[] = {id, Id{id.slot, id.generation + 1}, Id{0xffffffff, 1}, Id{id.slot + 1, 1}, Id{0, 0}};
  for (const Id gone : wrong) {
    CHECK_CODE(Attach(gone), kStale);
    CHECK_CODE(Pin(gone), kStale);
    CHECK_CODE(Unpin(gone), kStale);
    CHECK_CODE(ClaimRelease(gone, &flag), kStale);
    CHECK_CODE(Free(gone), kStale);
    CHECK_CODE(MakeStore(gone, 0, 1, &store), kStale);
    CHECK_CODE(region::Advise(gone, 0, 1, platform::Advice::kNormal), kStale);
    CHECK_CODE(region::Populate(gone, 0, 1), kStale);
    CHECK_CODE(Lock(gone, 0, 1, false), kStale);
    CHECK_CODE(Unlock(gone, 0, 1), kStale);
    CHECK_CODE(region::Decommit(gone, 0, 1, &number), kStale);
    CHECK_CODE(Zero(gone, 0, 1), kStale);
    CHECK_CODE(Flush(gone, 0, 1, true), kStale);
    CHECK_CODE(region::Residency(gone, 0, 1, &byte, 1, &number), kStale);
    CHECK_CODE(ReadBytes(gone, 0, &byte, 1), kStale);
    CHECK_CODE(WriteBytes(gone, 0, &byte, 1), kStale);
    CHECK_CODE(NameRegion(gone, "x"), kStale);
    CHECK_CODE(ProtectRegion(gone, Access::kRead, kBusy), kStale);
    CHECK_CODE(Remap(gone, 1, kBusy), kStale);
    CHECK_CODE(region::SetPolicy(gone, 0, 1, platform::Policy::kDefault, platform::NodeMask{}, false), kStale);
    CHECK_CODE(QueryNodes(gone, 0, 1, &node, 1, &number), kStale);
    CHECK_CODE(Migrate(gone, 0, 1, 0, &number), kStale);
    CHECK_CODE(Wait(gone, 0, 0, 0, &outcome), kStale);
    CHECK_CODE(Notify(gone, 0, 1, &woken), kStale);
    Collected(gone, kBusy);
  }
  CHECK_OK(Free(next));
}

// Every order in which three holders can leave, each by one of three ways.
void HoldersLeaveInAnyOrder() {
  for (int ways = 0; ways < 27; ++ways) {
    Id id;
    CHECK_OK(MakeAnonymous(Page() * 2, &id));
    CHECK_OK(Attach(id));
    CHECK_OK(Attach(id));
    int rest = ways;
    for (int left = 3; left > 0; --left, rest /= 3) {
      Info info{};
      CHECK_OK(Describe(id, &info));
      CHECK(info.holders == static_cast<uint64_t>(left));
      uint8_t byte = 1;
      CHECK_OK(WriteBytes(id, Page(), &byte, 1));
      if (rest % 3 == 0) CHECK_OK(Free(id, left == 2));
      if (rest % 3 == 1) Collected(id, kBusy);
      if (rest % 3 == 2) {
        bool last = false;
        bool corrupted = false;
        CHECK_OK(ClaimRelease(id, &last));
        CHECK(last == (left == 1));
        CHECK_OK(Release(id, last, false, kIdle, &corrupted));
        CHECK(!corrupted);
      }
    }
    CHECK_CODE(Attach(id), kStale);
    Drain(true);
  }
}

void PinsKeepTheLastHolder() {
  Id id;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(Pin(id));
  CHECK_OK(Pin(id));
  bool last = false;
  CHECK_CODE(ClaimRelease(id, &last), kInUse);
  CHECK_CODE(Free(id), kInUse);
  CHECK_CODE(ProtectRegion(id, Access::kRead, kBusy), kInUse);
  CHECK_CODE(Remap(id, 2 * Page(), kBusy), kInUse);
  CHECK_OK(Attach(id));
  CHECK_OK(Free(id));  // not the last
  CHECK_OK(Unpin(id));
  CHECK_CODE(Free(id), kInUse);
  CHECK_OK(Unpin(id));
  CHECK_CODE(Unpin(id), kState);
  CHECK_OK(Free(id));
}

void AClaimKeepsEverybodyOut() {
  Id id;
  CHECK_OK(MakeAnonymous(Page(), &id));
  bool last = false;
  CHECK_OK(ClaimRelease(id, &last));
  CHECK(last);
  uint8_t byte = 0;
  Store store;
  CHECK_CODE(ClaimRelease(id, &last), kInUse);
  CHECK_CODE(Attach(id), kInUse);
  CHECK_CODE(Pin(id), kInUse);
  CHECK_CODE(MakeStore(id, 0, 1, &store), kInUse);
  CHECK_CODE(ReadBytes(id, 0, &byte, 1), kInUse);
  CHECK_CODE(Zero(id, 0, 1), kInUse);
  CHECK_CODE(ProtectRegion(id, Access::kRead, kBusy), kInUse);
  CHECK_CODE(Remap(id, Page() * 2, kBusy), kInUse);
  CHECK_CODE(Free(id), kInUse);
  bool corrupted = false;
  CHECK_OK(Release(id, true, false, kBusy, &corrupted));
}

// A use of another thread (a wait on a word) keeps release, remap and protect out, and lets everything else in.
void AUseOfAnotherThreadHolds() {
  Id id;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(Attach(id));
  std::thread waiter([id] {
    platform::WaitOutcome outcome = platform::WaitOutcome::kNotEqual;
    // A claim of the main thread, in the moment before this one is inside, is no reason to give up.
    while (outcome != platform::WaitOutcome::kWoken) {
      const Status waited = Wait(id, 8, 0, 60000000000, &outcome);
      if (!waited.ok() && waited.code != Code::kInUse) return;
    }
  });
  Status seen;
  const uint64_t until = platform::MonotonicMs() + 5000;
  do {
    seen = ProtectRegion(id, Access::kReadWrite, kBusy);
  } while (seen.code != Code::kInUse && platform::MonotonicMs() < until);
  const Status remapped = Remap(id, 2 * Page(), kBusy);
  const Status first = Free(id);
  const Status second = Free(id);
  uint32_t woken = 0;
  while (woken == 0 && platform::MonotonicMs() < until) Notify(id, 8, 1, &woken);
  waiter.join();
  CHECK(seen.code == Code::kInUse && remapped.code == Code::kInUse);
  CHECK_OK(first);
  CHECK(second.code == Code::kInUse && woken == 1);
  CHECK_OK(Free(id));
}

void BoundsAreChecked() {
  Id id;
  CHECK_OK(MakeAnonymous(10000, &id));
  uint8_t byte = 0;
  Store store;
  uint64_t number = 0;
  struct {
    uint64_t offset, length;
  } const outside[] = {{10000, 1},
                       {9999, 2},
                       {0, 10001},
                       {10001, 0},
                       {UINT64_MAX, 1},
                       {1, UINT64_MAX},
                       {UINT64_MAX, UINT64_MAX},
                       {kMaxSafeInteger, kMaxSafeInteger}};
  for (const auto& span : outside) {
    CHECK_CODE(ReadBytes(id, span.offset, &byte, span.length), kRange);
    CHECK_CODE(WriteBytes(id, span.offset, &byte, span.length), kRange);
    CHECK_CODE(Zero(id, span.offset, span.length), kRange);
    CHECK_CODE(region::Decommit(id, span.offset, span.length, &number), kRange);
    CHECK_CODE(region::Populate(id, span.offset, span.length), kRange);
    CHECK_CODE(Lock(id, span.offset, span.length, false), kRange);
    CHECK_CODE(region::Advise(id, span.offset, span.length, platform::Advice::kNormal), kRange);
    CHECK_CODE(Migrate(id, span.offset, span.length, 0, &number), kRange);
    CHECK_CODE(MakeStore(id, span.offset, span.length, &store), kRange);
  }
  CHECK_CODE(Wait(id, 2, 0, 0, nullptr), kInvalid);
  CHECK_CODE(Wait(id, 9998, 0, 0, nullptr), kRange);
  uint8_t cell[2];
  CHECK_CODE(region::Residency(id, 0, 10000, cell, 2, &number), kInvalid);
  int nodes[2];
  CHECK_CODE(QueryNodes(id, 0, 10000, nodes, 2, &number), kInvalid);
  CHECK_OK(Free(id));
}

void WhatCannotBeMade() {
  Id id;
  Spec spec;
  CHECK_CODE(Create(spec, &id), kInvalid);  // no bytes
  for (const uint64_t bytes : {kMaxSafeInteger, uint64_t{1} << 60, UINT64_MAX - 1, UINT64_MAX}) {
    for (const Kind kind : {Kind::kAnonymous, Kind::kShared, Kind::kSecret}) {
      spec = Spec{};
      spec.kind = kind;
      spec.bytes = bytes;
      CHECK(!Create(spec, &id).ok());
    }
  }
  spec = Spec{};
  spec.kind = Kind::kFile;
  spec.path = "/nowhere/at/all";
  CHECK_CODE(Create(spec, &id), kSystem);
  spec.path = "/";
  CHECK(!Create(spec, &id).ok());
}

}  // namespace

const NamedCase kLifeCases[] = {
    {"one holder comes and goes", OneHolderComesAndGoes},
    {"stale ids are refused everywhere", StaleIdsAreRefusedEverywhere},
    {"holders leave in any order", HoldersLeaveInAnyOrder},
    {"pins keep the last holder", PinsKeepTheLastHolder},
    {"a claim keeps everybody out", AClaimKeepsEverybodyOut},
    {"a use of another thread holds", AUseOfAnotherThreadHolds},
    {"bounds are checked", BoundsAreChecked},
    {"what cannot be made", WhatCannotBeMade},
    {nullptr, nullptr},
};

}  // namespace nebula::test
