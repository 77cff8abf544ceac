// Entries in chunks that never move and are never given back: a signal handler and a late finalizer may read an entry
// whenever they like. Grows to a million entries.
#pragma once

#include "../platform/platform.h"

namespace nebula::region {

template <typename Entry>
class Slab {
 public:
  static constexpr uint32_t kChunkEntries = 1024;
  static constexpr uint32_t kChunks = 1024;
  static constexpr uint32_t kNone = 0xffffffff;

  // Entries are zeroed memory when first taken and keep their last contents afterwards. pre: the table's lock is held.
  Entry* Take(uint32_t* index) {
    if (free_head_ != kNone) {
      *index = free_head_;
      Entry* entry = At(*index);
      free_head_ = entry->next_free;
      return entry;
    }
    const uint32_t fresh = used_.load(std::memory_order_relaxed);
    if (fresh >= kChunks * kChunkEntries) return nullptr;
    if (fresh % kChunkEntries == 0) {
      uint64_t bytes = 0;
      AlignUp(sizeof(Entry) * kChunkEntries, platform::GetCapabilities().granularity_bytes, &bytes);
      void* memory = nullptr;
      if (!platform::MapAnonymous(platform::AnonymousRequest{bytes, 0, 0, -1}, &memory).ok()) return nullptr;
      chunks_[fresh / kChunkEntries].store(static_cast<Entry*>(memory), std::memory_order_release);
    }
    used_.store(fresh + 1, std::memory_order_release);
    *index = fresh;
    return At(fresh);
  }

  // pre: the table's lock is held; nothing refers to the entry any more.
  void Give(uint32_t index) {
    At(index)->next_free = free_head_;
    free_head_ = index;
  }

  // Safe without the lock for index < used().
  Entry* At(uint32_t index) const {
    return chunks_[index / kChunkEntries].load(std::memory_order_acquire) + index % kChunkEntries;
  }
  uint32_t used() const { return used_.load(std::memory_order_acquire); }

 private:
  std::atomic<Entry*> chunks_[kChunks] = {};
  std::atomic<uint32_t> used_{0};
  uint32_t free_head_ = kNone;
};

}  // namespace nebula::region
