// Private memory: mapping, reserving, tombstones, moving, protection.
#include <cstring>
#include <thread>

#include "check.h"

namespace nebula::test {

using namespace platform;

namespace {

void AnonymousReadsZeros() {
  const uint64_t bytes = 17 * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  CHECK(reinterpret_cast<uintptr_t>(range) % Page() == 0);
  CHECK(AllAre(range, bytes, 0));
  Fill(range, bytes, 0xa5);
  CHECK(AllAre(range, bytes, 0xa5));
  CHECK_OK(Unmap(range, bytes));
  CHECK(IsLacking("protect") || SeenIs(range, Seen::kNothing));
}

void AnonymousIsAligned() {
  for (uint64_t align = Page(); align <= uint64_t{64} << 20; align *= 4) {
    void* range = nullptr;
    CHECK_OK(MapAnonymous(AnonymousRequest{3 * Page(), align, 0, -1}, &range));
    CHECK(reinterpret_cast<uintptr_t>(range) % align == 0);
    Fill(range, 3 * Page(), 1);
    CHECK_OK(Unmap(range, 3 * Page()));
  }
}

void TooMuchIsRefused() {
  void* range = nullptr;
  const Status huge = Map(uint64_t{1} << 60, &range);
  CHECK(huge.code == Code::kSystem || huge.code == Code::kNoMemory);
  CHECK(huge.call != nullptr && range == nullptr);
  CHECK(!MapAnonymous(AnonymousRequest{UINT64_MAX - Page() + 1, uint64_t{1} << 20, 0, -1}, &range).ok());
}

void HugePagesOrReason() {
  const uint64_t huge = GetCapabilities().default_huge_bytes;
  if (huge == 0) return NoteHere("huge");
  void* range = nullptr;
  const Status mapped = MapAnonymous(AnonymousRequest{huge, 0, huge, -1}, &range);
  if (mapped.code == Code::kSystem) return NoteHere("refused by the system");
  NEED(mapped, "huge");
  CHECK(reinterpret_cast<uintptr_t>(range) % huge == 0);
  Fill(range, huge, 3);
  CHECK_OK(Tombstone(range, huge, Backing::kHuge));
  CHECK(AllAre(range, huge, 0));
  CHECK_OK(Unmap(range, huge));
}

void ReservedIsCommittedInPart() {
  const uint64_t page = Page();
  void* range = nullptr;
  NEED(Reserve(64 * page, &range), "reserve");
  CHECK(SeenIs(range, Seen::kNothing));
  CHECK(SeenIs(At(range, 63 * page), Seen::kNothing));
  CHECK_OK(CommitInto(At(range, page), 8 * page));
  CHECK(AllAre(At(range, page), 8 * page, 0));
  Fill(At(range, page), 8 * page, 9);
  CHECK(SeenIs(range, Seen::kNothing) && SeenIs(At(range, 9 * page), Seen::kNothing));
  // Over what is in use already: fresh again. And across the border of the two.
  CHECK_OK(CommitInto(At(range, 5 * page), 8 * page));
  CHECK(AllAre(At(range, page), 4 * page, 9));
  CHECK(AllAre(At(range, 5 * page), 8 * page, 0));
  CHECK_OK(Protect(At(range, page), 12 * page, Access::kRead));
  CHECK(SeenIs(At(range, 12 * page), Seen::kRead));
  CHECK_OK(Unmap(range, 64 * page));
  CHECK(SeenIs(At(range, page), Seen::kNothing));
}

void TombstoneReadsZeros() {
  constexpr uint64_t kPages = 600;
  const uint64_t bytes = kPages * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  // Over memory that is open, closed, partly read-only, partly locked.
  for (int round = 0; round < 4; ++round) {
    Fill(range, bytes, 0x5a);
    if (round == 1 && !IsLacking("protect")) CHECK_OK(Protect(range, bytes, Access::kNone));
    if (round == 2 && !IsLacking("protect")) CHECK_OK(Protect(At(range, 7 * Page()), 5 * Page(), Access::kRead));
    const bool locked = round == 3 && LockPages(range, 4 * Page(), false).ok();
    CHECK_OK(Tombstone(range, bytes, Backing::kAnonymous));
    static uint8_t resident[kPages];
    if (Residency(range, bytes, resident).ok()) {
      int left = 0;
      for (const uint8_t cell : resident) left += cell & 1;
      if (left != 0) std::printf("# round %d: %d pages resident after the tombstone\n", round, left);
      CHECK(left == 0 || locked);
    }
    CHECK(SeenIs(range, Seen::kReadWrite) && SeenIs(At(range, bytes - 1), Seen::kReadWrite));
    CHECK(AllAre(range, bytes, 0));
  }
  // A part only: the neighbors keep their bytes.
  Fill(range, bytes, 0x33);
  CHECK_OK(Tombstone(At(range, 10 * Page()), 20 * Page(), Backing::kAnonymous));
  CHECK(AllAre(range, 10 * Page(), 0x33) && AllAre(At(range, 10 * Page()), 20 * Page(), 0));
  CHECK(AllAre(At(range, 30 * Page()), bytes - 30 * Page(), 0x33));
  CHECK_OK(Unmap(range, bytes));
}

void TombstoneOfReservation() {
  void* range = nullptr;
  NEED(Reserve(16 * Page(), &range), "reserve");
  CHECK_OK(CommitInto(At(range, Page()), 4 * Page()));
  Fill(At(range, Page()), 4 * Page(), 8);
  CHECK_OK(Tombstone(range, 16 * Page(), Backing::kAnonymous));
  CHECK(AllAre(range, 16 * Page(), 0));
  Fill(range, 16 * Page(), 8);
  CHECK_OK(Unmap(range, 16 * Page()));
}

RACING uint8_t PeekAt(const volatile uint8_t* at) { return *at; }
RACING void PokeAt(volatile uint8_t* at) { *at = 1; }

// Other threads keep on reading and writing; the process must live through it.
void TombstoneUnderAccess() {
  static std::atomic<bool> stop;
  static uint8_t* base;
  stop = false;
  const uint64_t bytes = 64 * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  base = static_cast<uint8_t*>(range);
  std::thread reader([bytes] {
    for (uint64_t i = 0; !stop; i = (i + 509) % bytes) PeekAt(base + i);
  });
  std::thread writer([bytes] {
    for (uint64_t i = 0; !stop; i = (i + 1021) % (bytes / 2)) PokeAt(base + i);
  });
  Status status;
  bool zero = true;
  for (int i = 0; i < 300 && status.ok(); ++i) {
    Fill(base + bytes / 2, bytes / 2, 7);
    status = Tombstone(range, bytes, Backing::kAnonymous);
    zero = zero && AllAre(base + bytes / 2, bytes / 2, 0);
  }
  stop = true;
  reader.join();
  writer.join();
  CHECK_OK(status);
  CHECK(zero);
  CHECK_OK(Unmap(range, bytes));
}

void MoveLeavesZeros() {
  const uint64_t bytes = 8 * Page();
  void* from = nullptr;
  void* to = nullptr;
  NEED(Reserve(bytes, &to), "reserve");
  CHECK_OK(Map(bytes, &from));
  Fill(from, bytes, 0x77);
  const Status moved = MoveKeepingZeros(from, bytes, to);
  if (moved.ok()) {
    CHECK(AllAre(to, bytes, 0x77) && AllAre(from, bytes, 0));
    CHECK(SeenIs(from, Seen::kReadWrite) && SeenIs(to, Seen::kReadWrite));
  } else {
    CHECK(AllAre(from, bytes, 0x77));
  }
  CHECK_OK(Unmap(from, bytes));
  CHECK_OK(Unmap(to, bytes));
  NEED(moved, "move");
}

void ResizeKeepsBytes() {
  void* range = nullptr;
  CHECK_OK(Map(4 * Page(), &range));
  Fill(range, 4 * Page(), 0x11);
  void* grown = nullptr;
  NEED(Resize(range, 4 * Page(), 64 * Page(), &grown), "resize");
  CHECK(AllAre(grown, 4 * Page(), 0x11) && AllAre(At(grown, 4 * Page()), 60 * Page(), 0));
  Fill(grown, 64 * Page(), 0x22);
  void* shrunk = nullptr;
  CHECK_OK(Resize(grown, 64 * Page(), 2 * Page(), &shrunk));
  CHECK(AllAre(shrunk, 2 * Page(), 0x22));
  CHECK_OK(Unmap(shrunk, 2 * Page()));
}

void ProtectionHolds() {
  void* range = nullptr;
  CHECK_OK(Map(4 * Page(), &range));
  Fill(range, 4 * Page(), 0x44);
  const Status closed = Protect(range, 4 * Page(), Access::kNone);
  if (closed.ok()) {
    CHECK(SeenIs(range, Seen::kNothing));
    CHECK_OK(Protect(At(range, Page()), Page(), Access::kRead));
    CHECK(SeenIs(range, Seen::kNothing) && SeenIs(At(range, Page()), Seen::kRead));
    CHECK(AllAre(At(range, Page()), Page(), 0x44));
  }
  CHECK_OK(Protect(range, 4 * Page(), Access::kReadWrite));
  CHECK(SeenIs(range, Seen::kReadWrite) && AllAre(range, 4 * Page(), 0x44));
  CHECK_OK(Unmap(range, 4 * Page()));
  NEED(closed, "protect");
}

}  // namespace

const NamedCase kMemoryCases[] = {
    {"anonymous memory reads zeros", AnonymousReadsZeros},
    {"anonymous memory is aligned", AnonymousIsAligned},
    {"too much is refused", TooMuchIsRefused},
    {"huge pages, or the reason", HugePagesOrReason},
    {"a reservation is committed in part", ReservedIsCommittedInPart},
    {"a tombstone reads zeros", TombstoneReadsZeros},
    {"a tombstone over a reservation", TombstoneOfReservation},
    {"a tombstone under access", TombstoneUnderAccess},
    {"a move leaves zeros", MoveLeavesZeros},
    {"a resize keeps the bytes", ResizeKeepsBytes},
    {"protection holds", ProtectionHolds},
    {nullptr, nullptr},
};

}  // namespace nebula::test
