// Which pages of private memory are there: advice, population, locking, giving back.
#include <thread>

#include "check.h"

namespace nebula::test {

using namespace platform;

namespace {

void AdviceKeepsItsWord() {
  for (int i = 0; i < kAdviceCount; ++i) {
    const auto advice = static_cast<Advice>(i);
    void* range = nullptr;
    CHECK_OK(Map(8 * Page(), &range));
    Fill(range, 8 * Page(), 0x66);
    const Status advised = Advise(range, 8 * Page(), advice);
    CHECK(advised.ok() || advised.code == Code::kUnsupported || advised.code == Code::kSystem);
    CHECK(advised.ok() || advised.call != nullptr);
    const bool may_drop =
        advice == Advice::kDontNeed || advice == Advice::kFree || advice == Advice::kRemove || advice == Advice::kGuard;
    if (!may_drop || !advised.ok()) CHECK(AllAre(range, 8 * Page(), 0x66));
    if (advice == Advice::kDontNeed && advised.ok()) CHECK(AllAre(range, 8 * Page(), 0));
    if (advice == Advice::kFree && advised.ok()) {
      Fill(range, 8 * Page(), 0x67);
      CHECK(AllAre(range, 8 * Page(), 0x67));
    }
    CHECK_OK(Unmap(range, 8 * Page()));
  }
}

void PopulateMakesPresent() {
  static std::atomic<bool> stop;
  static std::atomic<uint32_t>* word;
  static uint32_t added;
  constexpr uint64_t kPages = 128;
  const uint64_t bytes = kPages * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  stop = false;
  added = 0;
  word = static_cast<std::atomic<uint32_t>*>(range);
  // What another thread writes meanwhile must not get lost.
  std::thread writer([] {
    for (; !stop || added < 1000; ++added) word->fetch_add(1, std::memory_order_relaxed);
  });
  Status status;
  for (int i = 0; i < 50 && status.ok(); ++i) status = Populate(range, bytes, Page());
  stop = true;
  writer.join();
  const uint32_t found = word->load();
  uint8_t resident[kPages] = {};
  const Status asked = Residency(range, bytes, resident);
  const bool rest_zero = AllAre(At(range, 64), bytes - 64, 0);
  CHECK_OK(Unmap(range, bytes));
  NEED(status, "populate");
  CHECK(found == added && rest_zero);
  NEED(asked, "residency");
  for (const uint8_t cell : resident) CHECK((cell & 1) == 1);
}

void PopulateAnswersErrors() {
  void* range = nullptr;
  CHECK_OK(Map(4 * Page(), &range));
  const Status closed = Protect(range, 4 * Page(), Access::kNone);
  const bool refused = IsLacking("populate-errors") || !Populate(range, 4 * Page(), Page()).ok();
  CHECK_OK(Unmap(range, 4 * Page()));
  NEED(closed, "protect");
  CHECK(refused);
}

void LockedStaysResident() {
  constexpr uint64_t kPages = 512;  // more than Windows lets a fresh process lock
  const uint64_t bytes = kPages * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  const Status locked = LockPages(range, bytes, false);
  uint8_t resident[kPages] = {};
  const Status asked = locked.ok() ? Residency(range, bytes, resident) : locked;
  const Status unlocked = locked.ok() ? UnlockPages(range, bytes) : Ok();
  const Status again = locked.ok() ? UnlockPages(range, bytes) : Ok();
  const Status lazy = LockPages(range, bytes, true);
  CHECK_OK(Unmap(range, bytes));
  if (locked.code == Code::kSystem) return NoteHere("refused by the system");
  NEED(locked, "lock");
  CHECK_OK(asked);
  for (const uint8_t cell : resident) CHECK((cell & 1) == 1);
  CHECK_OK(unlocked);
  CHECK_OK(again);
  NEED(lazy, "lock-on-fault");
}

void DecommitReadsZeros() {
  const uint64_t bytes = 300 * Page();
  void* range = nullptr;
  CHECK_OK(Map(bytes, &range));
  Fill(range, bytes, 0x21);
  const Status given = Decommit(At(range, Page()), bytes - Page(), Backing::kAnonymous);
  if (given.ok()) {
    CHECK(AllAre(range, Page(), 0x21) && AllAre(At(range, Page()), bytes - Page(), 0));
    Fill(range, bytes, 0x22);
    CHECK_OK(Protect(range, bytes, Access::kRead));
    CHECK_OK(Decommit(range, bytes, Backing::kAnonymous));
    CHECK(SeenIs(range, Seen::kRead) && AllAre(range, bytes, 0));
  }
  CHECK_OK(Unmap(range, bytes));
  NEED(given, "decommit");
}

void RangeTakesName() {
  void* range = nullptr;
  CHECK_OK(Map(Page(), &range));
  const Status named = NameRange(range, Page(), "nebula-test");
  CHECK_OK(Unmap(range, Page()));
  // Best effort by contract: any kernel may lack it.
  if (named.code == Code::kUnsupported) return NoteHere("name");
  CHECK_OK(named);
}

}  // namespace

const NamedCase kPresenceCases[] = {
    {"advice keeps its word", AdviceKeepsItsWord},
    {"population makes present", PopulateMakesPresent},
    {"population answers errors", PopulateAnswersErrors},
    {"locked memory stays resident", LockedStaysResident},
    {"decommitted memory reads zeros", DecommitReadsZeros},
    {"a range takes a name", RangeTakesName},
    {nullptr, nullptr},
};

}  // namespace nebula::test
