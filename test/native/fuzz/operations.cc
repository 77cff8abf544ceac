// libFuzzer: bytes become operations on the region layer, whose answers and bytes a model checks. A finding is repeated
// with the program and the file that the fuzzer wrote.
#include <cstdio>
#include <cstdlib>

#include "../region/model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size_t at = 0;
  const char* wrong = nebula::test::PlayOperations(data, size, &at);
  if (wrong == nullptr) return 0;
  std::fprintf(stderr, "not as the model: %s, after %zu of %zu bytes\n", wrong, at, size);
  std::abort();
}
