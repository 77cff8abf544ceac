// Which node the pages lie on, and putting them elsewhere. Pages are named to the kernel in batches of fixed size, so
// that a terabyte costs no more memory than a page.
#include "table.h"

namespace nebula::region {

namespace {

constexpr uint64_t kBatch = 1024;

// Calls work(pages, count, index of the first) for each batch of pages in the range.
template <typename Work>
Status InBatches(uint8_t* address, uint64_t bytes, uint64_t page_bytes, Work work) {
  void* pages[kBatch];
  const uint64_t total = bytes / page_bytes;
  for (uint64_t done = 0; done < total;) {
    const uint64_t count = total - done < kBatch ? total - done : kBatch;
    for (uint64_t i = 0; i < count; ++i) pages[i] = address + (done + i) * page_bytes;
    const Status step = work(pages, count, done);
    if (!step.ok()) return step;
    done += count;
  }
  return Ok();
}

}  // namespace

Status SetPolicy(Id id, uint64_t offset, uint64_t length, platform::Policy policy, const platform::NodeMask& nodes,
                 bool move) {
  const Use use(id);
  if (!use.status().ok()) return use.status();
  void* address = nullptr;
  uint64_t bytes = 0;
  const Status inside = use.Pages(offset, length, &address, &bytes);
  if (!inside.ok() || bytes == 0) return inside;
  const Status charged = ChargeSplit(use, bytes);
  if (!charged.ok()) return charged;
  return platform::SetPolicy(address, bytes, policy, nodes, move);
}

Status QueryNodes(Id id, uint64_t offset, uint64_t length, int* out, uint64_t capacity, uint64_t* pages) {
  *pages = 0;
  const Use use(id);
  if (!use.status().ok()) return use.status();
  void* address = nullptr;
  uint64_t bytes = 0;
  const Status inside = use.Pages(offset, length, &address, &bytes);
  if (!inside.ok()) return inside;
  if (bytes / use->page_bytes > capacity) return Fail(Code::kInvalid, "capacity", bytes / use->page_bytes);
  const Status read = InBatches(static_cast<uint8_t*>(address), bytes, use->page_bytes,
                                [out](void* const* batch, uint64_t count, uint64_t first) {
                                  return platform::QueryPages(batch, count, out + first);
                                });
  if (read.ok()) *pages = bytes / use->page_bytes;
  return read;
}

Status Migrate(Id id, uint64_t offset, uint64_t length, int node, uint64_t* moved) {
  *moved = 0;
  const Use use(id);
  if (!use.status().ok()) return use.status();
  void* address = nullptr;
  uint64_t bytes = 0;
  const Status inside = use.Pages(offset, length, &address, &bytes);
  if (!inside.ok()) return inside;
  return InBatches(static_cast<uint8_t*>(address), bytes, use->page_bytes,
                   [node, moved](void* const* batch, uint64_t count, uint64_t) {
                     int targets[kBatch];
                     int results[kBatch];
                     for (uint64_t i = 0; i < count; ++i) targets[i] = node;
                     const Status asked = platform::MovePages(batch, targets, count, results);
                     // A full node ends the call in the middle of a batch: what came before it has moved.
                     if (!asked.ok() && !platform::QueryPages(batch, count, results).ok()) return asked;
                     for (uint64_t i = 0; i < count; ++i) *moved += results[i] == node;
                     return asked;
                   });
}

}  // namespace nebula::region
