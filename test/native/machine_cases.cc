// Facts, time, the lock, placement and waiting.
#include <thread>

#include "check.h"

namespace nebula::test {

using namespace platform;

namespace {

void CapabilitiesAreSane() {
  const Capabilities& machine = GetCapabilities();
  CHECK(IsPowerOfTwo(machine.page_bytes) && machine.page_bytes >= 512);
  CHECK(IsPowerOfTwo(machine.granularity_bytes) && machine.granularity_bytes >= machine.page_bytes);
  CHECK(machine.default_huge_bytes == 0 || IsPowerOfTwo(machine.default_huge_bytes));
  CHECK(machine.transparent_huge_bytes == 0 || IsPowerOfTwo(machine.transparent_huge_bytes));
  CHECK(machine.name != nullptr);
  CHECK(&machine == &GetCapabilities());
}

void MappingsAreCounted() {
  const uint64_t before = CountMappings();
  if (before == 0) return NoteHere("count");
  CHECK(MappingLimit() == 0 || before < MappingLimit());
  void* range = nullptr;
  CHECK_OK(Map(3 * Page(), &range));
  CHECK_OK(Protect(At(range, Page()), Page(), Access::kRead));
  const uint64_t split = CountMappings();
  CHECK_OK(Unmap(range, 3 * Page()));
  CHECK(split > before);
}

void ClockRunsForward() {
  const uint64_t start = MonotonicMs();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const uint64_t passed = MonotonicMs() - start;
  CHECK(passed >= 20 && passed < 20000);
}

void RandomBytesDiffer() {
  uint8_t one[64] = {};
  uint8_t two[64] = {};
  NEED(RandomBytes(one, sizeof one), "random");
  CHECK_OK(RandomBytes(two, sizeof two));
  int equal = 0;
  for (size_t i = 0; i < sizeof one; ++i) equal += one[i] == two[i];
  CHECK(equal < 16);
  static uint8_t many[5 << 20];
  CHECK_OK(RandomBytes(many, sizeof many));
  CHECK(!AllAre(many + sizeof many - 64, 64, 0));
}

void ProcessHasNumber() { CHECK(ProcessId() == ProcessId()); }

void MutexExcludes() {
  static Mutex mutex;
  static volatile uint64_t counter;
  counter = 0;
  constexpr uint64_t kEach = 20000;
  std::thread threads[4];
  for (std::thread& thread : threads) {
    thread = std::thread([] {
      for (uint64_t i = 0; i < kEach; ++i) {
        MutexGuard guard(mutex);
        const uint64_t seen = counter;
        if (i % 1024 == 0) std::this_thread::yield();
        counter = seen + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counter == 4 * kEach);
}

void ProcessorIsKnown() {
  uint32_t cpu = UINT32_MAX;
  uint32_t node = UINT32_MAX;
  NEED(CurrentProcessor(&cpu, &node), "processor");
  CHECK(cpu < 8192 && node < kMaxNodes);
}

void ThreadStaysOnProcessor() {
  static Status status;
  static uint32_t wanted;
  static uint32_t got;
  uint32_t node = 0;
  NEED(CurrentProcessor(&wanted, &node), "processor");
  std::thread thread([] {
    uint32_t lies = 0;
    status = RunOnProcessors(&wanted, 1);
    std::this_thread::yield();
    CurrentProcessor(&got, &lies);
  });
  thread.join();
  NEED(status, "affinity");
  CHECK(got == wanted);
}

void PagesTellTheirNode() {
  void* range = nullptr;
  CHECK_OK(Map(2 * Page(), &range));
  *static_cast<volatile char*>(range) = 1;
  void* const pages[2] = {range, At(range, Page())};
  int nodes[2] = {-100, -100};
  const Status asked = QueryPages(pages, 2, nodes);
  CHECK_OK(Unmap(range, 2 * Page()));
  NEED(asked, "query-pages");
  CHECK(nodes[0] >= 0 && nodes[0] < kMaxNodes);
  CHECK(nodes[1] == -2);
}

void PolicyIsAccepted() {
  uint32_t cpu = 0;
  uint32_t node = 0;
  NEED(CurrentProcessor(&cpu, &node), "processor");
  NodeMask nodes;
  nodes.Set(static_cast<int>(node));
  void* range = nullptr;
  CHECK_OK(MapAnonymous(AnonymousRequest{Page(), 0, 0, static_cast<int>(node)}, &range));
  const Status preferred = SetPolicy(range, Page(), Policy::kPreferred, nodes, false);
  *static_cast<volatile char*>(range) = 1;
  void* const pages[1] = {range};
  const int target = static_cast<int>(node);
  int result = -100;
  const Status moved = MovePages(pages, &target, 1, &result);
  CHECK_OK(Unmap(range, Page()));
  NEED(preferred, "policy");
  NEED(moved, "move-pages");
  CHECK(result == target);
}

void WaitSeesOtherValue() {
  alignas(4) uint32_t word = 7;
  WaitOutcome outcome = WaitOutcome::kWoken;
  NEED(WaitOnAddress(&word, 8, 1000000000, &outcome), "wait");
  CHECK(outcome == WaitOutcome::kNotEqual);
}

void WaitTimesOut() {
  alignas(4) uint32_t word = 7;
  WaitOutcome outcome = WaitOutcome::kWoken;
  const uint64_t start = MonotonicMs();
  NEED(WaitOnAddress(&word, 7, 40000000, &outcome), "wait");
  CHECK(outcome == WaitOutcome::kTimedOut);
  CHECK(MonotonicMs() - start >= 30);
  CHECK_OK(WaitOnAddress(&word, 7, 0, &outcome));
  CHECK(outcome == WaitOutcome::kTimedOut);
}

void WakeCountsWaiters() {
  alignas(4) static std::atomic<uint32_t> word{1};
  static std::atomic<uint32_t> done{0};
  uint32_t woken = 77;
  NEED(WakeAddress(&word, 100, &woken), "wait");
  CHECK(woken == 0);
  std::thread threads[3];
  for (std::thread& thread : threads) {
    thread = std::thread([] {
      WaitOutcome outcome = WaitOutcome::kTimedOut;
      if (WaitOnAddress(&word, 1, 300000000000, &outcome).ok() && outcome == WaitOutcome::kWoken) ++done;
    });
  }
  uint32_t total = 0;
  bool in_bounds = true;
  for (int tries = 0; tries < 50000 && total < 3; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (!WakeAddress(&word, 1, &woken).ok()) break;
    in_bounds = in_bounds && woken <= 1;
    total += woken;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(in_bounds);
  CHECK(total == 3 && done == 3);
}

void FeaturesAnswer() {
  for (int i = 0; i < kFeatureCount; ++i) {
    const Status tried = TryFeature(static_cast<Feature>(i));
    CHECK(tried.ok() || tried.call != nullptr);
    CHECK(tried.ok() || tried.code == Code::kUnsupported || tried.code == Code::kSystem);
    std::printf("# feature %d: code %d error %d %s\n", i, static_cast<int>(tried.code), tried.error,
                tried.ok() ? "" : tried.call);
  }
  CHECK(TryFeature(Feature::kFaultGuard).ok() == GetCapabilities().fault_guard);
}

}  // namespace

const NamedCase kMachineCases[] = {
    {"capabilities are sane", CapabilitiesAreSane},
    {"mappings are counted", MappingsAreCounted},
    {"the clock runs forward", ClockRunsForward},
    {"random bytes differ", RandomBytesDiffer},
    {"the process has one number", ProcessHasNumber},
    {"the mutex excludes", MutexExcludes},
    {"the processor is known", ProcessorIsKnown},
    {"a thread stays on its processor", ThreadStaysOnProcessor},
    {"pages tell their node", PagesTellTheirNode},
    {"a policy is accepted", PolicyIsAccepted},
    {"a wait sees another value", WaitSeesOtherValue},
    {"a wait times out", WaitTimesOut},
    {"a wake counts waiters", WakeCountsWaiters},
    {"features answer", FeaturesAnswer},
    {nullptr, nullptr},
};

}  // namespace nebula::test
