// Many threads on the same regions. The answers are not known beforehand, but each must be one that the state of some
// other thread explains, and the books must balance afterwards.
#include <cstdlib>
#include <thread>
#include <vector>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

constexpr int kThreads = 4;
constexpr int kSlots = 6;
constexpr uint64_t kBytes = 4096;

struct Shared {
  platform::Mutex lock;
  Id ids[kSlots];
  std::vector<Store> stores;  // finalized by whoever comes
  std::atomic<const char*> wrong{nullptr};
};

bool Among(const Status& status, std::initializer_list<Code> codes) {
  if (status.ok() || status.code == Code::kStale || status.code == Code::kInUse) return true;
  for (const Code code : codes) {
    if (status.code == code) return true;
  }
  return false;
}

// Every thread has bytes of its own in every region, so that only the layer itself can be racing.
class Worker {
 public:
  Worker(Shared* shared, int number) : shared_(shared), number_(number), numbers_(static_cast<uint64_t>(number) + 99) {}

  void Run(int rounds) {
    EnvironmentStarted(Env());
    for (int i = 0; i < rounds; ++i) Step();
    EnvironmentEnded(Env());
  }

 private:
  uint64_t Env() const { return static_cast<uint64_t>(number_) + 10; }
  void Need(bool condition, const char* what) {
    if (!condition) shared_->wrong = what;
  }

  Id Pick(size_t* slot) {
    *slot = numbers_.Below(kSlots);
    platform::MutexGuard guard(shared_->lock);
    return shared_->ids[*slot];
  }

  void Replace(size_t slot) {
    Id fresh;
    const Kind kinds[] = {Kind::kAnonymous, Kind::kShared, Kind::kSecret};
    Need(MakeRegion(kinds[numbers_.Below(3)], kBytes, &fresh, numbers_.Below(2) == 0).ok(), "a region is made");
    Id old;
    {
      platform::MutexGuard guard(shared_->lock);
      old = shared_->ids[slot];
      shared_->ids[slot] = fresh;
    }
    // This holder was the slot's; others may have attached to it.
    const Caller caller{Env(), numbers_.Below(2) == 0};
    if (numbers_.Below(3) == 0) return Collected(old, caller);
    bool corrupted = false;
    Status released;
    do {
      released = Release(old, false, numbers_.Below(2) == 0, caller, &corrupted);
      Need(!corrupted, "the canary is intact");
    } while (released.code == Code::kInUse);
    Need(released.ok(), "the slot's holder is released");
  }

  // Holds the region for a while, as a Region object does.
  void Visit(Id id) {
    if (!Attach(id).ok()) return;
    const Caller caller{Env(), false};
    uint8_t mine[16];
    uint64_t number = 0;
    const uint64_t offset = static_cast<uint64_t>(number_) * 64;
    for (int i = 0; i < 3; ++i) {
      switch (numbers_.Below(12)) {
        case 0:
          Need(Among(WriteBytes(id, offset, mine_, sizeof mine_), {Code::kState}), "a write is explained");
          break;
        case 1:
          Need(Among(ReadBytes(id, offset, mine, sizeof mine), {Code::kState}), "a read is explained");
          break;
        case 2:
          Need(Among(Zero(id, offset, 64), {Code::kState}), "zero is explained");
          break;
        case 3:
          if (Pin(id).ok()) Need(Unpin(id).ok(), "what was pinned is unpinned");
          break;
        case 4: {
          Store store;
          if (!MakeStore(id, offset, 64, &store).ok()) break;
          platform::MutexGuard guard(shared_->lock);
          shared_->stores.push_back(store);
          break;
        }
        case 5:
          Need(Among(ProtectRegion(id, numbers_.Below(2) == 0 ? Access::kRead : Access::kReadWrite, caller), {}),
               "protect is explained");
          break;
        case 6:
          Need(Among(Remap(id, kBytes * (1 + numbers_.Below(3)), caller),
                     {Code::kState, Code::kUnsupported, Code::kSystem}),
               "remap is explained");
          break;
        case 7:
          Need(Among(Lock(id, 0, kBytes, true), {Code::kSystem}), "lock is explained");
          break;
        case 8:
          Need(Among(Unlock(id, 0, kBytes), {Code::kSystem}), "unlock is explained");
          break;
        case 9:
          Need(Among(Decommit(id, offset, 64, &number), {Code::kState}), "decommit is explained");
          break;
        case 10:
          Need(Among(Advise(id, 0, kBytes, platform::Advice::kNoDump), {Code::kSystem}), "advice is explained");
          break;
        default: {
          Info info{};
          const Status read = Describe(id, &info);
          Need(read.ok() && info.holders >= 1 && info.mapped_bytes >= info.bytes, "a held region is described");
        }
      }
    }
    if (numbers_.Below(4) == 0) return Collected(id, caller);
    bool last = false;
    bool corrupted = false;
    Status claimed;
    do {
      claimed = ClaimRelease(id, &last);
    } while (claimed.code == Code::kInUse);
    Need(claimed.ok(), "a holder claims");
    Status released;
    do {
      released = Release(id, last, false, caller, &corrupted);
    } while (released.code == Code::kInUse);
    Need(released.ok() && !corrupted, "a holder lets go");
  }

  void FinalizeOne() {
    Store store;
    {
      platform::MutexGuard guard(shared_->lock);
      if (shared_->stores.empty()) return;
      const size_t index = numbers_.Below(shared_->stores.size());
      store = shared_->stores[index];
      shared_->stores[index] = shared_->stores.back();
      shared_->stores.pop_back();
    }
    EndStore(store);
  }

  void Step() {
    size_t slot = 0;
    const Id id = Pick(&slot);
    switch (numbers_.Below(8)) {
      case 0:
        return Replace(slot);
      case 1:
      case 2:
        return FinalizeOne();
      case 3: {
        DrainQuarantine(Caller{Env(), true}, numbers_.Below(2) == 0);
        double pairs[8];
        ListRanges(pairs, 4);
        const Totals totals = Books();
        Need(totals.regions < 1000 && totals.retired_bytes < uint64_t{1} << 40, "the totals make sense");
        return;
      }
      default:
        return Visit(id);
    }
  }

  Shared* shared_;
  int number_;
  Numbers numbers_;
  const uint8_t mine_[16] = {1, 2, 3};
};

void ManyThreadsOnTheSameRegions() {
  Shared shared;
  ConfigureQuarantine(QuarantineTimes{1, 5});
  for (Id& id : shared.ids) CHECK_OK(MakeAnonymous(kBytes, &id));
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(
        [&shared, i] { Worker(&shared, i).Run(std::getenv("NEBULA_TEST_UNDER") == nullptr ? 4000 : 400); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Id id : shared.ids) CHECK_OK(Free(id));
  for (const Store& store : shared.stores) EndStore(store);
  ConfigureQuarantine(QuarantineTimes{});
  if (shared.wrong != nullptr) FailHere(__FILE__, __LINE__, shared.wrong, nullptr);
}

// The moment a region goes: one thread releases, the others read, make stores and finalize them.
void OneReleasesWhileOthersWork() {
  std::atomic<const char*> wrong{nullptr};
  for (int round = 0; round < 300; ++round) {
    Id id;
    CHECK_OK(MakeRegion(round % 2 == 0 ? Kind::kAnonymous : Kind::kShared, kBytes, &id));
    std::atomic<int> ready{0};
    const auto start = [&ready] {
      ready.fetch_add(1);
      while (ready.load() < 3) {
      }
    };
    std::thread reader([&] {
      start();
      uint8_t byte = 7;
      Status read;
      while ((read = ReadBytes(id, 5, &byte, 1)).ok() || read.code == Code::kInUse) {
        if (read.ok() && byte != 0) wrong = "a read saw other bytes than the region's";
      }
      if (read.code != Code::kStale) wrong = "a read ended otherwise than stale";
    });
    std::thread maker([&] {
      start();
      Store store;
      Status made;
      while ((made = MakeStore(id, 0, 16, &store)).ok() || made.code == Code::kInUse) {
        if (made.ok()) EndStore(store);
      }
    });
    start();
    while (Free(id, round % 3 == 0).code == Code::kInUse) {
    }
    reader.join();
    maker.join();
  }
  if (wrong != nullptr) FailHere(__FILE__, __LINE__, wrong, nullptr);
}

void OneProcessToken() {
  uint64_t tokens[kThreads] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&tokens, i] { tokens[i] = ProcessToken(); });
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t token : tokens) CHECK(token != 0 && token == tokens[0] && token <= kMaxSafeInteger);
}

}  // namespace

const NamedCase kThreadCases[] = {
    {"many threads on the same regions", ManyThreadsOnTheSameRegions},
    {"one releases while others work", OneReleasesWhileOthersWork},
    {"one process token", OneProcessToken},
    {nullptr, nullptr},
};

}  // namespace nebula::test
