// What every test program of the native core is made of: how a case fails, what a platform lacks, and the loop that
// runs cases and prints a line each.
#include <cstdlib>
#include <cstring>

#include "check.h"

namespace nebula::test {

namespace {

bool g_failed = false;
const char* g_note = nullptr;

// What each platform lacks for good; anything else that answers kUnsupported is a failure.
struct Lack {
  const char* platform;
  const char* things;  // separated and surrounded by blanks
};
constexpr Lack kLacks[] = {
    {"linux", " "},
    {"valgrind", " move secret fault-guard populate-errors "},  // its own view of the kernel's calls
    {"windows",
     " move tombstone-object decommit-copy name secret unlink policy move-pages fault-guard lock-on-fault huge at "},
    {"posix",
     " move resize name huge secret remote policy query-pages move-pages affinity processor wait lock-on-fault "
     "populate-errors "},
    {"fallback",
     " random reserve protect decommit residency lock populate move name files objects named secret policy query-pages "
     "move-pages affinity processor wait fault-guard huge "},
};

}  // namespace

bool IsLacking(const char* thing) {
  const char* under = std::getenv("NEBULA_TEST_UNDER");
  const bool checked = under != nullptr && std::strcmp(under, "valgrind") == 0;
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, " %s ", thing);
  for (const Lack& lack : kLacks) {
    const bool here = std::strcmp(lack.platform, platform::GetCapabilities().name) == 0 ||
                      (checked && std::strcmp(lack.platform, "valgrind") == 0);
    if (here && std::strstr(lack.things, wanted) != nullptr) return true;
  }
  return false;
}

void FailHere(const char* file, int line, const char* what, const Status* status) {
  g_failed = true;
  std::printf("# %s:%d: %s\n", file, line, what);
  if (status == nullptr) return;
  std::printf("#   code %d, error %d, call %s\n", static_cast<int>(status->code), status->error,
              status->call == nullptr ? "-" : status->call);
}

void NoteHere(const char* note) { g_note = note; }

bool Works(const Status& status, const char* thing, const char* file, int line) {
  if (status.ok()) return true;
  if (status.code == Code::kUnsupported && IsLacking(thing)) {
    NoteHere(thing);
  } else {
    FailHere(file, line, thing, &status);
  }
  return false;
}

bool SeenIs(void* address, Seen wanted) {
  const Seen seen = AccessAt(address);
  return seen == Seen::kUnknown || seen == wanted;
}

bool AllAre(const void* address, uint64_t bytes, uint8_t value) {
  const auto* at = static_cast<const volatile uint8_t*>(address);
  for (uint64_t i = 0; i < bytes; ++i) {
    if (at[i] != value) return false;
  }
  return true;
}

void Fill(void* address, uint64_t bytes, uint8_t value) { std::memset(address, value, bytes); }

int RunCases(const NamedCase* const* lists, size_t count, const char* only, bool (*around)(bool before)) {
  int run = 0;
  int failed = 0;
  int noted = 0;
  for (size_t i = 0; i < count; ++i) {
    for (const NamedCase* list = lists[i]; list->name != nullptr; ++list) {
      if (only != nullptr && std::strstr(list->name, only) == nullptr) continue;
      g_failed = false;
      g_note = nullptr;
      if (around != nullptr) around(true);
      list->run();
      if (around != nullptr && !around(false))
        FailHere(__FILE__, __LINE__, "the books are as before the case", nullptr);
      ++run;
      failed += g_failed;
      noted += !g_failed && g_note != nullptr;
      std::printf("%s %s", g_failed ? "not ok" : "ok", list->name);
      if (g_note != nullptr) std::printf(" # not here: %s", g_note);
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  std::printf("# platform %s: %d run, %d failed, %d passed with something not here\n", platform::GetCapabilities().name,
              run, failed, noted);
  return failed == 0 && run > 0 ? 0 : 1;
}

}  // namespace nebula::test
