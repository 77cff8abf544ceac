// Plays a string of bytes as operations on the region layer and compares every answer and every byte with a plain
// model. The random test makes the strings from a seed, the fuzzer from coverage.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nebula::test {

// Plays until the bytes end, then lets everything go. Null, or what was wrong (`*at` = how many bytes were read).
const char* PlayOperations(const uint8_t* bytes, size_t length, size_t* at);

}  // namespace nebula::test
