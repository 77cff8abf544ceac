// Runs every primitive of native/platform/platform.h against what the header promises, on whatever platform it is
// linked with. Prints "ok NAME" or "not ok NAME" and ends with 1 when a case failed. An argument picks the cases
// whose name contains it. Build and run: test/native/run-platform.sh linux|windows|fallback.
#include "check.h"

int main(int argc, char** argv) {
  using namespace nebula::test;
  const NamedCase* const lists[] = {kMachineCases, kMemoryCases, kPresenceCases, kObjectCases, kFileCases};
  return RunCases(lists, sizeof lists / sizeof *lists, argc > 1 ? argv[1] : nullptr, nullptr);
}
