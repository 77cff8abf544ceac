// libFuzzer: 64-bit numbers in every argument that is an offset, a length, a size or an index. Nothing is known of the
// answers but this: checked sums agree with 128-bit ones, and no call reaches bytes outside the region, which the guard
// pages, exact heap buffers and the sanitizers watch.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "../region/support.h"

namespace {

using namespace nebula;
using namespace nebula::test;
__extension__ typedef unsigned __int128 Wide;

void Need(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::abort();
}

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  // Small, near a power of two, near the region's end, or anything.
  uint64_t Number(uint64_t near) {
    const uint8_t form = Byte();
    const uint64_t shift = static_cast<int8_t>(Byte());
    if (form % 4 == 0) return static_cast<uint64_t>(Byte()) * 16 + shift;
    if (form % 4 == 1) return (uint64_t{1} << (form / 4)) + shift;
    if (form % 4 == 2) return near + shift;
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | Byte();
    return value;
  }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

void Sums(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t sum = 0;
  const Wide wide = static_cast<Wide>(a) + b;
  Need(CheckedAdd(a, b, &sum) == (wide <= UINT64_MAX) && (wide > UINT64_MAX || sum == wide), "CheckedAdd");
  Need(RangeInside(a, b, c) == (wide <= c), "RangeInside");
  const uint64_t alignment = uint64_t{1} << (c % 64);
  const Wide up = (static_cast<Wide>(a) + alignment - 1) / alignment * alignment;
  uint64_t raised = 0;
  const bool fits = AlignUp(a, alignment, &raised);
  Need(!fits || raised == up, "AlignUp");
  Need(fits || static_cast<Wide>(a) + alignment - 1 > UINT64_MAX, "AlignUp refuses only what does not fit");
  Need(AlignDown(a, alignment) == a / alignment * alignment, "AlignDown");
}

void OnRegion(Reader* in) {
  const uint64_t bytes = 1 + in->Byte() * 97;
  region::Id id;
  Need(MakeAnonymous(bytes, &id, true).ok(), "a region");
  for (int i = 0; i < 16 && !in->empty(); ++i) {
    const uint8_t which = in->Byte();
    const uint64_t offset = in->Number(bytes);
    const uint64_t length = in->Number(bytes - offset);
    const bool inside = static_cast<Wide>(offset) + length <= bytes;
    // The caller's buffer is as long as it says, up to what a region of ours can ask for.
    const size_t buffered = length <= 65536 ? static_cast<size_t>(length) : 1;
    const std::unique_ptr<uint8_t[]> buffer(new uint8_t[buffered + (buffered == 0)]);
    std::memset(buffer.get(), 1, buffered);
    uint64_t number = 0;
    Status status;
    switch (which % 11) {
      case 0:
        status = region::ReadBytes(id, offset, buffer.get(), length);
        break;
      case 1:
        status = region::WriteBytes(id, offset, buffer.get(), length);
        break;
      case 2:
        status = region::Zero(id, offset, length);
        break;
      case 3:
        status = region::Decommit(id, offset, length, &number);
        Need(number <= length + Page(), "no more is decommitted than was asked for");
        break;
      case 4:
        status = region::Advise(id, offset, length, platform::Advice::kWillNeed);
        break;
      case 5: {
        const uint64_t capacity = in->Byte() % 8;
        const std::unique_ptr<uint8_t[]> cells(new uint8_t[capacity + 1]);
        status = region::Residency(id, offset, length, cells.get(), capacity, &number);
        Need(number <= capacity, "residency writes no more than fits");
        if (status.code == Code::kInvalid) continue;
        break;
      }
      case 6: {
        const uint64_t capacity = in->Byte() % 8;
        const std::unique_ptr<int[]> cells(new int[capacity + 1]);
        status = region::QueryNodes(id, offset, length, cells.get(), capacity, &number);
        Need(number <= capacity, "nodes write no more than fits");
        if (status.code == Code::kInvalid) continue;
        break;
      }
      case 7: {
        Store store;
        status = MakeStore(id, offset, length, &store);
        if (!status.ok()) break;
        for (uint64_t at = 0; at < length; ++at) const_cast<volatile uint8_t*>(store.at)[at] = 1;
        EndStore(store);
        break;
      }
      case 8: {
        uint32_t woken = 0;
        status = region::Notify(id, offset, static_cast<uint32_t>(length), &woken);
        Need(status.ok() == (offset % 4 == 0 && offset <= bytes && bytes - offset >= 4), "notify knows its word");
        continue;
      }
      case 9: {
        platform::WaitOutcome outcome;
        status = region::Wait(id, offset, static_cast<uint32_t>(length), 0, &outcome);
        Need(status.ok() == (offset % 4 == 0 && offset <= bytes && bytes - offset >= 4), "wait knows its word");
        continue;
      }
      default:
        status = region::Populate(id, offset, length);
    }
    Need(inside || status.code == Code::kRange, "what lies outside is out of range");
    Need(!inside || status.ok() || status.code == Code::kSystem || status.code == Code::kUnsupported,
         "what lies inside is not out of range");
  }
  // Sizes as far as JavaScript can name them.
  const uint64_t size = in->Number(bytes) & kMaxSafeInteger;
  const Status remapped = region::Remap(id, size, kBusy);
  region::Info info{};
  Need(region::Describe(id, &info).ok() && info.bytes == (remapped.ok() ? size : bytes),
       "the size is what was answered");
  Need(Free(id).ok(), "a release");
  region::Spec spec;
  spec.bytes = in->Number(Page()) & kMaxSafeInteger;
  spec.align = uint64_t{1} << (in->Byte() % 53);
  if (region::Create(spec, &id).ok()) {
    Need(region::Describe(id, &info).ok() && info.address % spec.align == 0 && info.mapped_bytes >= spec.bytes,
         "a new region is aligned and large enough");
    Need(Free(id).ok(), "another release");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader in(data, size);
  const uint64_t a = in.Number(0);
  const uint64_t b = in.Number(UINT64_MAX - a);
  Sums(a, b, in.Number(a));
  OnRegion(&in);
  Drain(true);
  return 0;
}
