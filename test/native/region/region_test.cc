// Runs the region layer (native/region) without Node: one line a case, ends with 1 when a case failed. After every case
// the books must be what they were before it. An argument picks the cases whose name contains it; NEBULA_TEST_SEED and
// NEBULA_TEST_ROUNDS steer the random ones. Built by test/native/run.mjs and CMakeLists.txt.
#include "support.h"

namespace nebula::test {

namespace {

region::Totals g_before;

bool SameBooks(bool before) {
  Drain(true);
  if (before) {
    g_before = Books();
    return true;
  }
  const region::Totals now = Books();
  const bool same = now.regions == g_before.regions && now.mapped_bytes == g_before.mapped_bytes &&
                    now.retired_ranges == g_before.retired_ranges && now.retired_bytes == g_before.retired_bytes &&
                    now.quarantined_ranges == 0 && now.quarantined_bytes == 0;
  // What was abandoned stays charged for good: a mapping for each range.
  const uint64_t abandoned = now.abandoned_ranges - g_before.abandoned_ranges;
  if (same && now.mappings == g_before.mappings + abandoned) return true;
  std::printf("# regions %lld, retired %lld, quarantined %llu, mappings %lld, abandoned %llu\n",
              static_cast<long long>(now.regions - g_before.regions),
              static_cast<long long>(now.retired_ranges - g_before.retired_ranges),
              static_cast<unsigned long long>(now.quarantined_ranges),
              static_cast<long long>(now.mappings - g_before.mappings), static_cast<unsigned long long>(abandoned));
  return false;
}

}  // namespace

}  // namespace nebula::test

int main(int argc, char** argv) {
  using namespace nebula::test;
  const NamedCase* const lists[] = {kLifeCases,  kStoreCases,  kMoveCases,  kLimitCases,
                                    kFaultCases, kRandomCases, kThreadCases};
  return RunCases(lists, sizeof lists / sizeof *lists, argc > 1 ? argv[1] : nullptr, &SameBooks);
}
