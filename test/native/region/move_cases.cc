// Protection and resizing, with and without stores, of every kind of region.
#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

constexpr Kind kKinds[] = {Kind::kAnonymous, Kind::kShared, Kind::kSecret};

Status AddressOf(Id id, uint8_t** out) {
  Info info{};
  const Status read = Describe(id, &info);
  *out = reinterpret_cast<uint8_t*>(info.address);
  return read;
}

void ProtectionInPlace() {
  for (const Kind kind : kKinds) {
    Id id;
    uint8_t* at = nullptr;
    uint8_t* again = nullptr;
    CHECK_OK(MakeRegion(kind, 3 * Page() - 100, &id));
    CHECK_OK(AddressOf(id, &at));
    Fill(at, 3 * Page() - 100, 0x31);
    uint8_t byte = 0;
    CHECK_OK(ProtectRegion(id, Access::kRead, kBusy));
    CHECK_OK(ReadBytes(id, 5, &byte, 1));
    CHECK(byte == 0x31);
    CHECK_CODE(WriteBytes(id, 5, &byte, 1), kState);
    CHECK_CODE(Zero(id, 5, 1), kState);
    CHECK_CODE(Populate(id, 5, 1), kState);
    CHECK_OK(ProtectRegion(id, Access::kNone, kBusy));
    CHECK_CODE(ReadBytes(id, 5, &byte, 1), kState);
    CHECK(Remap(id, Page(), kBusy).code == (kind == Kind::kSecret ? Code::kUnsupported : Code::kState));
    CHECK(SeenIs(at, Seen::kNothing));
    CHECK_OK(ProtectRegion(id, Access::kReadWrite, kBusy));
    CHECK_OK(AddressOf(id, &again));
    CHECK(again == at && AllAre(at, 3 * Page() - 100, 0x31));
    bool corrupted = true;
    CHECK_OK(Release(id, false, false, kBusy, &corrupted));
    CHECK(!corrupted);
  }
}

// With a view over them the pages move, and the view reads zeros from then on.
void ProtectionUnderAView() {
  for (const Kind kind : kKinds) {
    for (const Access access : {Access::kRead, Access::kNone}) {
      Id id;
      Store store;
      uint8_t* moved = nullptr;
      CHECK_OK(MakeRegion(kind, 2 * Page(), &id));
      CHECK_OK(MakeStore(id, 0, 2 * Page(), &store));
      Fill(store.at, 2 * Page(), 0x61);
      CHECK_OK(ProtectRegion(id, access, kBusy));
      CHECK(AllAre(store.at, 2 * Page(), 0));
      store.at[7] = 1;
      CHECK_OK(AddressOf(id, &moved));
      CHECK(moved != store.at);
      CHECK(SeenIs(moved, access == Access::kRead ? Seen::kRead : Seen::kNothing));
      CHECK_OK(ProtectRegion(id, Access::kReadWrite, kBusy));
      CHECK(AllAre(moved, 2 * Page(), 0x61));
      CHECK(store.at[7] == 1);
      EndStore(store);
      bool corrupted = true;
      CHECK_OK(Release(id, false, false, kBusy, &corrupted));
      CHECK(!corrupted);
    }
  }
}

void ProtectionNeedsToBeAlone() {
  Id id;
  CHECK_OK(MakeAnonymous(Page(), &id));
  CHECK_OK(Attach(id));
  CHECK_CODE(ProtectRegion(id, Access::kRead, kBusy), kInUse);
  CHECK_CODE(Remap(id, 2 * Page(), kBusy), kInUse);
  CHECK_OK(ProtectRegion(id, Access::kReadWrite, kBusy));
  CHECK_OK(Free(id));
  CHECK_OK(ProtectRegion(id, Access::kRead, kBusy));
  CHECK_OK(Free(id));
}

void RemapKeepsBytes() {
  for (const Kind kind : {Kind::kAnonymous, Kind::kShared}) {
    for (const bool guard : {false, true}) {
      for (const bool view : {false, true}) {
        for (const uint64_t pages : {1, 3, 4, 9}) {
          Id id;
          Store store;
          uint8_t* at = nullptr;
          CHECK_OK(MakeRegion(kind, 3 * Page(), &id, guard));
          CHECK_OK(AddressOf(id, &at));
          Fill(at, 3 * Page(), 0x17);
          if (view) CHECK_OK(MakeStore(id, 0, 3 * Page(), &store));
          CHECK_OK(Remap(id, pages * Page(), kBusy));
          Info info{};
          CHECK_OK(Describe(id, &info));
          CHECK(info.bytes == pages * Page() && info.mapped_bytes == pages * Page() && info.guarded == guard);
          at = reinterpret_cast<uint8_t*>(info.address);
          const uint64_t kept = pages < 3 ? pages : 3;
          CHECK(AllAre(at, kept * Page(), 0x17) && AllAre(at + kept * Page(), (pages - kept) * Page(), 0));
          CHECK(!guard || (SeenIs(at - 1, Seen::kNothing) && SeenIs(at + pages * Page(), Seen::kNothing)));
          if (view) {
            CHECK(at != store.at && AllAre(store.at, 3 * Page(), 0));
            EndStore(store);
          }
          CHECK_OK(Free(id));
        }
      }
    }
  }
}

void RemapRefusesAndChangesNothing() {
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(2 * Page(), &id));
  CHECK_OK(MakeStore(id, 0, 2 * Page(), &store));
  Fill(store.at, 2 * Page(), 5);
  CHECK_CODE(Remap(id, 0, kBusy), kInvalid);
  CHECK_CODE(Remap(id, UINT64_MAX, kBusy), kInvalid);
  CHECK(!Remap(id, kMaxSafeInteger, kBusy).ok());
  CHECK(AllAre(store.at, 2 * Page(), 5));
  if (Lock(id, 0, 2 * Page(), false).ok()) {
    CHECK_CODE(Remap(id, 4 * Page(), kBusy), kState);
    uint64_t given = 0;
    CHECK_CODE(Decommit(id, 0, Page(), &given), kState);
    CHECK_OK(Unlock(id, 0, 2 * Page()));
  }
  CHECK(AllAre(store.at, 2 * Page(), 5));
  EndStore(store);
  CHECK(!Remap(id, kMaxSafeInteger, kBusy).ok());
  CHECK_OK(Free(id));
}

// An attribute on a part splits the mapping, and some kernels move or grow one mapping at a time only.
void SplitPagesMoveAndGrow() {
  if (IsLacking("move")) return NoteHere("move");
  for (const bool guard : {false, true}) {
    for (const bool view : {false, true}) {
      for (const uint64_t pages : {3, 8, 20}) {
        Id id;
        Store store;
        uint8_t* at = nullptr;
        CHECK_OK(MakeAnonymous(8 * Page(), &id, guard));
        CHECK_OK(AddressOf(id, &at));
        Fill(at, 8 * Page(), 0x29);
        CHECK_OK(Advise(id, 2 * Page(), Page(), platform::Advice::kNoDump));
        CHECK_OK(Advise(id, 6 * Page(), Page(), platform::Advice::kNoDump));
        if (view) CHECK_OK(MakeStore(id, 0, 8 * Page(), &store));
        CHECK_OK(Remap(id, pages * Page(), kBusy));
        CHECK_OK(AddressOf(id, &at));
        const uint64_t kept = pages < 8 ? pages : 8;
        CHECK(AllAre(at, kept * Page(), 0x29) && AllAre(at + kept * Page(), (pages - kept) * Page(), 0));
        CHECK(!guard || (SeenIs(at - 1, Seen::kNothing) && SeenIs(at + pages * Page(), Seen::kNothing)));
        CHECK(!view || AllAre(store.at, 8 * Page(), 0));
        if (view) EndStore(store);
        CHECK_OK(Free(id));
      }
    }
  }
}

// Moving to and fro must not charge more and more mappings for the same region.
void MovesDoNotAddUp() {
  Id id;
  CHECK_OK(MakeAnonymous(2 * Page(), &id));
  uint64_t after_first = 0;
  for (int i = 0; i < 50; ++i) {
    Store store;
    CHECK_OK(MakeStore(id, 0, Page(), &store));
    CHECK_OK(ProtectRegion(id, Access::kRead, kIdle));
    CHECK_OK(ProtectRegion(id, Access::kReadWrite, kIdle));
    EndStore(store);
    Drain(true);
    if (i == 0) after_first = Books().mappings;
  }
  CHECK(Books().mappings <= after_first + 2);
  CHECK_OK(Free(id));
}

void DecommitRoundsInwards() {
  for (const Kind kind : {Kind::kAnonymous, Kind::kShared}) {
    Id id;
    uint8_t* at = nullptr;
    CHECK_OK(MakeRegion(kind, 5 * Page() - 10, &id));
    CHECK_OK(AddressOf(id, &at));
    Fill(at, 5 * Page() - 10, 3);
    uint64_t given = 1;
    CHECK_OK(Decommit(id, 1, Page(), &given));
    CHECK(given == 0 && AllAre(at, 5 * Page() - 10, 3));
    CHECK_OK(Decommit(id, 1, 2 * Page(), &given));
    CHECK(given == Page() && AllAre(at + Page(), Page(), 0) && at[Page() - 1] == 3 && at[2 * Page()] == 3);
    CHECK_OK(Decommit(id, 3 * Page() + 1, 2 * Page() - 11, &given));
    CHECK(given == Page() && AllAre(at + 4 * Page(), Page() - 10, 0) && at[4 * Page() - 1] == 3);
    CHECK_OK(Free(id));
  }
}

// Found by the fuzzer: a call on no bytes in the middle of a page took the whole page.
void NoBytesAreNoPage() {
  Id id;
  uint8_t* at = nullptr;
  CHECK_OK(MakeAnonymous(2 * Page(), &id));
  CHECK_OK(AddressOf(id, &at));
  Fill(at, 2 * Page(), 7);
  CHECK_OK(Advise(id, 100, 0, platform::Advice::kDontNeed));
  CHECK_OK(Lock(id, 100, 0, false));
  CHECK_OK(Populate(id, 100, 0));
  Info info{};
  CHECK_OK(Describe(id, &info));
  CHECK(!info.locked && AllAre(at, 2 * Page(), 7));
  uint64_t pages = 1;
  CHECK_OK(Residency(id, 100, 0, nullptr, 0, &pages));
  CHECK(pages == 0);
  CHECK_OK(Free(id));
}

}  // namespace

const NamedCase kMoveCases[] = {
    {"protection in place", ProtectionInPlace},
    {"protection under a view", ProtectionUnderAView},
    {"protection needs to be alone", ProtectionNeedsToBeAlone},
    {"remap keeps the bytes", RemapKeepsBytes},
    {"remap refuses and changes nothing", RemapRefusesAndChangesNothing},
    {"split pages move and grow", SplitPagesMoveAndGrow},
    {"moves do not add up", MovesDoNotAddUp},
    {"decommit rounds inwards", DecommitRoundsInwards},
    {"no bytes are no page", NoBytesAreNoPage},
    {nullptr, nullptr},
};

}  // namespace nebula::test
