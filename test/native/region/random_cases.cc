// Random sequences of operations against a model. NEBULA_TEST_SEED repeats one, NEBULA_TEST_ROUNDS sets how many.
#include <cstdlib>
#include <vector>

#include "model.h"
#include "support.h"

namespace nebula::test {

namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void RandomSequencesAgreeWithTheModel() {
  const uint64_t first = FromEnvironment("NEBULA_TEST_SEED", 1);
  const uint64_t rounds = FromEnvironment("NEBULA_TEST_ROUNDS", 200);
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    Numbers numbers(seed);
    std::vector<uint8_t> bytes(200 + numbers.Below(3000));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(numbers.Next());
    size_t at = 0;
    const char* wrong = PlayOperations(bytes.data(), bytes.size(), &at);
    if (wrong == nullptr) continue;
    std::printf("# NEBULA_TEST_SEED=%llu, byte %zu of %zu\n", static_cast<unsigned long long>(seed), at, bytes.size());
    return FailHere(__FILE__, __LINE__, wrong, nullptr);
  }
}

}  // namespace

const NamedCase kRandomCases[] = {
    {"random sequences agree with the model", RandomSequencesAgreeWithTheModel},
    {nullptr, nullptr},
};

}  // namespace nebula::test
