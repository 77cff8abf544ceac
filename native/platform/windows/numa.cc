// Placement. Windows decides it when memory is mapped (MapAnonymous() with a node) and offers no policy and no
// migration afterwards; where a page lies and where a thread runs can be asked.
// Processors are numbered 64 to a processor group: number = group * 64 + position.
#include "windows.h"

namespace nebula::platform {

using windows_os::LastFailure;

Status SetPolicy(void*, uint64_t, Policy, const NodeMask&, bool) { return Fail(Code::kUnsupported, "mbind"); }

Status QueryPages(void* const* pages, uint64_t count, int* out) {
  constexpr int kNotPresent = -2;
  constexpr size_t kBatch = 256;
  PSAPI_WORKING_SET_EX_INFORMATION batch[kBatch];
  for (uint64_t done = 0; done < count;) {
    const size_t now = count - done < kBatch ? static_cast<size_t>(count - done) : kBatch;
    for (size_t i = 0; i < now; ++i) {
      batch[i] = PSAPI_WORKING_SET_EX_INFORMATION{};
      batch[i].VirtualAddress = pages[done + i];
    }
    if (!K32QueryWorkingSetEx(GetCurrentProcess(), batch, static_cast<DWORD>(now * sizeof batch[0]))) {
      return LastFailure("QueryWorkingSetEx");
    }
    for (size_t i = 0; i < now; ++i) {
      const auto& found = batch[i].VirtualAttributes;
      out[done + i] = found.Valid != 0 ? static_cast<int>(found.Node) : kNotPresent;
    }
    done += now;
  }
  return Ok();
}

Status MovePages(void* const*, const int*, uint64_t, int*) { return Fail(Code::kUnsupported, "move_pages"); }

Status CurrentProcessor(uint32_t* cpu, uint32_t* node) {
  PROCESSOR_NUMBER number = {};
  GetCurrentProcessorNumberEx(&number);
  USHORT found = 0;
  if (!GetNumaProcessorNodeEx(&number, &found)) {
    const Status failed = LastFailure("GetNumaProcessorNodeEx");
    // Wine has the older call only, which knows the first group.
    UCHAR narrow = 0;
    constexpr UCHAR kNoNode = 0xff;
    if (number.Group != 0 || !GetNumaProcessorNode(number.Number, &narrow) || narrow == kNoNode) return failed;
    found = narrow;
  }
  *cpu = static_cast<uint32_t>(number.Group) * 64 + number.Number;
  *node = found;
  return Ok();
}

// A thread runs in one processor group at a time (before Windows 11), so all processors must be of one group.
Status RunOnProcessors(const uint32_t* cpus, uint64_t count) {
  GROUP_AFFINITY wanted = {};
  if (count == 0) return Fail(Code::kInvalid, "SetThreadGroupAffinity");
  wanted.Group = static_cast<WORD>(cpus[0] / 64);
  for (uint64_t i = 0; i < count; ++i) {
    if (cpus[i] / 64 != wanted.Group) return Fail(Code::kUnsupported, "SetThreadGroupAffinity", cpus[i]);
    wanted.Mask |= KAFFINITY{1} << (cpus[i] % 64);
  }
  GROUP_AFFINITY before = {};
  if (!SetThreadGroupAffinity(GetCurrentThread(), &wanted, &before)) return LastFailure("SetThreadGroupAffinity");
  return Ok();
}

}  // namespace nebula::platform
