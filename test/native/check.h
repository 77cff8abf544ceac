// The few words that the tests of the native core are written in. A case is a function that returns when a check fails;
// RunCases() prints one line a case. kUnsupported counts as passed only for what the platform is known to lack.
#pragma once

#include <cstdint>
#include <cstdio>

#include "../../native/platform/platform.h"

// For an access that races on purpose, as JavaScript's accesses may: TSan is not to watch it.
#if defined(__GNUC__) && !defined(_WIN32)
#define RACING __attribute__((no_sanitize("thread"), noinline))
#else
#define RACING
#endif

namespace nebula::test {

struct NamedCase {
  const char* name;
  void (*run)();
};

// The lists of the files of cases; each ends with a null name.
extern const NamedCase kMachineCases[];
extern const NamedCase kMemoryCases[];
extern const NamedCase kPresenceCases[];
extern const NamedCase kObjectCases[];
extern const NamedCase kFileCases[];

// Runs the cases whose name contains `only` (null: all) and prints a line each; what a main() returns. `around`, when
// not null, is called before and after each case; false afterwards fails it.
int RunCases(const NamedCase* const* lists, size_t count, const char* only, bool (*around)(bool before));

// Fails the running case; `status`, when not null, says what was answered.
void FailHere(const char* file, int line, const char* what, const Status* status);
// Some of the case was left out. Passed, but the line says why.
void NoteHere(const char* note);

// True when the platform under test is known to lack `thing`.
bool IsLacking(const char* thing);

// True: go on. False: leave the case (failed, or noted as something that the platform lacks).
bool Works(const Status& status, const char* thing, const char* file, int line);

// What an access to the byte would meet, found without risking a fault.
enum class Seen : uint8_t { kNothing, kRead, kReadWrite, kUnknown };
Seen AccessAt(void* address);
bool SeenIs(void* address, Seen wanted);  // true as well where it cannot be found out

// A file name in the folder of temporary files. The result lives until the next call.
const char* ScratchPath(const char* name);
void RemoveFile(const char* path);

bool AllAre(const void* address, uint64_t bytes, uint8_t value);
void Fill(void* address, uint64_t bytes, uint8_t value);

inline uint64_t Page() { return platform::GetCapabilities().page_bytes; }
inline uint64_t Grain() { return platform::GetCapabilities().granularity_bytes; }
inline char* At(void* base, uint64_t offset) { return static_cast<char*>(base) + offset; }

inline Status Map(uint64_t bytes, void** out) {
  return platform::MapAnonymous(platform::AnonymousRequest{bytes, 0, 0, -1}, out);
}
inline Status MapAll(platform::File file, uint64_t bytes, platform::Sharing sharing, platform::Access access,
                     void** out) {
  return platform::MapObject(platform::ObjectRequest{file, 0, bytes, sharing, access, 0, nullptr}, out);
}

}  // namespace nebula::test

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) {                                                \
      nebula::test::FailHere(__FILE__, __LINE__, #condition, nullptr); \
      return;                                                          \
    }                                                                  \
  } while (false)

#define CHECK_OK(expression)                                                     \
  do {                                                                           \
    const nebula::Status status_of_check = (expression);                         \
    if (!status_of_check.ok()) {                                                 \
      nebula::test::FailHere(__FILE__, __LINE__, #expression, &status_of_check); \
      return;                                                                    \
    }                                                                            \
  } while (false)

// Leaves the case when the platform lacks `thing` and says so with kUnsupported.
#define NEED(expression, thing)                                                \
  do {                                                                         \
    if (!nebula::test::Works((expression), thing, __FILE__, __LINE__)) return; \
  } while (false)
