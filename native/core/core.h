// The ground step: plain types, checked arithmetic and the one shape every failure has. No OS, no Node-API.
// Files in this folder depend on nothing else in native/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nebula {

// Largest integer a JavaScript number carries exactly; every size that crosses the boundary is at most this.
inline constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

// What went wrong, in the words of the layer that noticed it. TypeScript turns this into a MemoryError.
enum class Code : uint8_t {
  kOk = 0,
  kSystem = 1,       // the operating system refused: `error` and `call` say how
  kInvalid = 2,      // an argument that TypeScript should have refused
  kRange = 3,        // offset + length lies outside the region
  kFreed = 4,        // this holder has let go already
  kStale = 5,        // the handle names a region that is gone, or another process
  kInUse = 6,        // pinned, or another thread is inside a call on the region
  kState = 7,        // not possible in the region's present state (protected, locked, of this kind)
  kMapLimit = 8,     // one mapping more would endanger the process (vm.max_map_count)
  kUnsupported = 9,  // this platform, kernel or runtime does not have it
  kFaulted = 10,     // pages vanished below a view and were replaced by zeros
  kCorruption = 11,  // a canary was overwritten
  kTooLarge = 12,    // more bytes than this runtime's ArrayBuffers can span
  kNoMemory = 13,    // our own bookkeeping could not grow
};

// The result of every fallible step. `call` points to a string literal: never freed, never formatted here.
struct Status {
  Code code = Code::kOk;
  int error = 0;               // errno, or GetLastError() on Windows
  const char* call = nullptr;  // the system call or function that failed
  uint64_t detail = 0;         // a number that explains the refusal (a count, a limit, a size), else 0

  bool ok() const { return code == Code::kOk; }
};

inline Status Ok() { return Status{}; }
inline Status Fail(Code code, const char* call = nullptr, uint64_t detail = 0) { return Status{code, 0, call, detail}; }
inline Status SystemFailure(const char* call, int error) { return Status{Code::kSystem, error, call, 0}; }

// Sums and roundings that report overflow instead of wrapping.
inline bool CheckedAdd(uint64_t a, uint64_t b, uint64_t* out) {
  if (a > UINT64_MAX - b) return false;
  *out = a + b;
  return true;
}

inline bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

// pre: alignment is a power of two.
inline bool AlignUp(uint64_t value, uint64_t alignment, uint64_t* out) {
  uint64_t raised = 0;
  if (!CheckedAdd(value, alignment - 1, &raised)) return false;
  *out = raised & ~(alignment - 1);
  return true;
}

inline uint64_t AlignDown(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }

// True when [offset, offset + length) lies inside [0, size).
inline bool RangeInside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace nebula
