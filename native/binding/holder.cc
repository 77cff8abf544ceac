#include "holder.h"

#include <cstdlib>

namespace nebula::binding {

namespace {

constexpr uint64_t kHolderTag = 0x6e6562756c612d6dULL;
constexpr uint32_t kChunkHolders = 1024;
constexpr uint32_t kMaxChunks = 1024;

// Chunks are never given back: a check may look at any of them at any time.
struct Holders {
  platform::Mutex lock;
  std::atomic<Holder*> chunks[kMaxChunks];
  std::atomic<uint32_t> count;
  Holder* free;
};
Holders g_holders;

Holder* Take() {
  platform::MutexGuard guard(g_holders.lock);
  if (g_holders.free == nullptr) {
    const uint32_t count = g_holders.count.load(std::memory_order_relaxed);
    if (count == kMaxChunks) return nullptr;
    auto* chunk = static_cast<Holder*>(std::calloc(kChunkHolders, sizeof(Holder)));
    if (chunk == nullptr) return nullptr;
    for (uint32_t i = 0; i < kChunkHolders; ++i) chunk[i].next_free = i + 1 < kChunkHolders ? &chunk[i + 1] : nullptr;
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
  holder->tag = 0;
  holder->next_free = g_holders.free;
  g_holders.free = holder;
}

bool IsHolder(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const uint32_t count = g_holders.count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    const auto start = reinterpret_cast<uintptr_t>(g_holders.chunks[i].load(std::memory_order_relaxed));
    if (address - start >= sizeof(Holder) * kChunkHolders) continue;
    return (address - start) % sizeof(Holder) == 0 && static_cast<const Holder*>(pointer)->tag == kHolderTag;
  }
  return false;
}

void Collect(napi_env env, void* data, void*) {
  auto* holder = static_cast<Holder*>(data);
  if (holder->open) {
    while (holder->pins > 0 && region::Unpin(holder->id).ok()) holder->pins -= 1;
    const Environment* environment = Environment::Of(env);
    region::Collected(holder->id, environment == nullptr ? region::Caller{} : environment->caller());
  }
  Give(holder);
}

}  // namespace

Napi::Value Wrap(napi_env env, region::Id id) {
  Holder* holder = Take();
  napi_value value = nullptr;
  if (holder != nullptr) {
    *holder = Holder{kHolderTag, id, true, 0, nullptr};
    if (napi_create_external(env, holder, &Collect, nullptr, &value) == napi_ok) return Napi::Value(env, value);
    Give(holder);
  }
  region::Collected(id, Environment::Of(env)->caller());
  return Failure(env, Fail(Code::kNoMemory, "napi_create_external"));
}

Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status) {
  const napi_env env = info.Env();
  const napi_value value = info[index];
  napi_valuetype type = napi_undefined;
  void* data = nullptr;
  const bool external = napi_typeof(env, value, &type) == napi_ok && type == napi_external &&
                        napi_get_value_external(env, value, &data) == napi_ok;
  if (!external || !IsHolder(data)) {
    *status = Fail(Code::kInvalid, "holder");
    return nullptr;
  }
  auto* holder = static_cast<Holder*>(data);
  if (!holder->open) {
    *status = Fail(Code::kFreed, "holder");
    return nullptr;
  }
  return holder;
}

}  // namespace nebula::binding
