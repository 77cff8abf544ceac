#include "holder.h"

#include <cstdlib>

namespace nebula::binding {

namespace {

// A key, from the top: twelve bits that no address of a 64-bit process begins with, generation, slot, and four bits
// that no pointer to an allocation ends with.
constexpr uint32_t kGenerationBits = 28;
constexpr uint32_t kSlotBits = 20;
constexpr uint32_t kMarkBits = 4;
constexpr uint64_t kMark = 0xd;
constexpr uint64_t kTag = 0x6e6;
static_assert(sizeof(void*) == 8, "keys of holders need 64 bits");

// A slot that has had this many holders is never used again, so that no key comes back.
constexpr uint32_t kLastGeneration = (1u << kGenerationBits) - 1;
constexpr uint32_t kChunkHolders = 1024;
constexpr uint32_t kMaxChunks = (1u << kSlotBits) / kChunkHolders;

// Chunks are never given back: a check may look at any of them at any time.
struct Holders {
  platform::Mutex lock;
  std::atomic<Holder*> chunks[kMaxChunks];
  std::atomic<uint32_t> count;
  Holder* free;
};
Holders g_holders;

void* KeyOf(const Holder* holder) {
  const uint64_t generation = holder->generation.load(std::memory_order_relaxed);
  const uint64_t numbers = (((kTag << kGenerationBits) | generation) << kSlotBits) | holder->slot;
  return reinterpret_cast<void*>(static_cast<uintptr_t>((numbers << kMarkBits) | kMark));
}

// The holder that the key stands for; null when it was released, and *ours is false for what was never a key.
Holder* Find(const void* key, bool* ours) {
  const uint64_t bits = reinterpret_cast<uintptr_t>(key);
  const uint64_t numbers = bits >> kMarkBits;
  const auto slot = static_cast<uint32_t>(numbers & ((1u << kSlotBits) - 1));
  const uint32_t chunk = slot / kChunkHolders;
  *ours = (bits & ((1u << kMarkBits) - 1)) == kMark && numbers >> (kGenerationBits + kSlotBits) == kTag &&
          chunk < g_holders.count.load(std::memory_order_acquire);
  if (!*ours) return nullptr;
  Holder* holder = &g_holders.chunks[chunk].load(std::memory_order_relaxed)[slot % kChunkHolders];
  const auto generation = static_cast<uint32_t>((numbers >> kSlotBits) & kLastGeneration);
  return holder->generation.load(std::memory_order_acquire) == generation ? holder : nullptr;
}

Holder* Take() {
  platform::MutexGuard guard(g_holders.lock);
  if (g_holders.free == nullptr) {
    const uint32_t count = g_holders.count.load(std::memory_order_relaxed);
    if (count == kMaxChunks) return nullptr;
    auto* chunk = static_cast<Holder*>(std::calloc(kChunkHolders, sizeof(Holder)));
    if (chunk == nullptr) return nullptr;
    for (uint32_t i = 0; i < kChunkHolders; ++i) {
      chunk[i].slot = count * kChunkHolders + i;
      chunk[i].next_free = i + 1 < kChunkHolders ? &chunk[i + 1] : nullptr;
    }
    g_holders.chunks[count].store(chunk, std::memory_order_relaxed);
    g_holders.count.store(count + 1, std::memory_order_release);
    g_holders.free = chunk;
  }
  Holder* holder = g_holders.free;
  g_holders.free = holder->next_free;
  return holder;
}

void Give(Holder* holder) {
  platform::MutexGuard guard(g_holders.lock);
  const uint32_t next = holder->generation.load(std::memory_order_relaxed) + 1;
  holder->generation.store(next, std::memory_order_release);
  holder->collection = nullptr;
  if (next >= kLastGeneration) return;  // no key has the last one
  holder->next_free = g_holders.free;
  g_holders.free = holder;
}

// The External was collected, or its environment ends, before anybody released the holder.
void Collect(napi_env env, void* data, void*) {
  auto* holder = static_cast<Holder*>(data);
  while (holder->pins > 0 && region::Unpin(holder->id).ok()) holder->pins -= 1;
  const Environment* environment = Environment::Of(env);
  region::Collected(holder->id, environment == nullptr ? region::Caller{} : environment->caller());
  LetGo(env, holder);
}

}  // namespace

Napi::Value Wrap(napi_env env, region::Id id) {
  Holder* holder = Take();
  napi_value value = nullptr;
  if (holder != nullptr) {
    holder->id = id;
    holder->pins = 0;
    // The finalizer is not the External's own: that one would stay behind until the event loop turns, for each region
    // that was freed before. This one goes with its reference.
    if (napi_create_external(env, KeyOf(holder), nullptr, nullptr, &value) == napi_ok &&
        napi_add_finalizer(env, value, holder, &Collect, nullptr, &holder->collection) == napi_ok) {
      return Napi::Value(env, value);
    }
    Give(holder);
  }
  region::Collected(id, Environment::Of(env)->caller());
  return Failure(env, Fail(Code::kNoMemory, "napi_create_external"));
}

Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status) {
  const napi_env env = info.Env();
  const napi_value value = info[index];
  napi_valuetype type = napi_undefined;
  void* key = nullptr;
  bool ours = napi_typeof(env, value, &type) == napi_ok && type == napi_external &&
              napi_get_value_external(env, value, &key) == napi_ok;
  Holder* holder = ours ? Find(key, &ours) : nullptr;
  if (holder == nullptr) *status = Fail(ours ? Code::kFreed : Code::kInvalid, "holder");
  return holder;
}

void LetGo(napi_env env, Holder* holder) {
  napi_delete_reference(env, holder->collection);
  Give(holder);
}

}  // namespace nebula::binding
