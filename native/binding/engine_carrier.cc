#include "engine_carrier.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "../platform/platform.h"

namespace nebula::binding {

namespace {

struct BackingStore;  // v8::BackingStore
struct Isolate;       // v8::Isolate

using DestroyStore = void (*)(BackingStore*);

// Laid out as libstdc++'s reference count block: vtable (two destructor entries, dispose, destroy, get_deleter), then
// the two counts.
class StoreCount {
 public:
  StoreCount(BackingStore* store, DestroyStore destroy) : store_(store), destroy_store_(destroy) {}
  virtual ~StoreCount() = default;
  virtual void Dispose() noexcept {
    destroy_store_(store_);
    std::free(store_);  // V8 allocates it with the host's operator new, which is malloc
  }
  virtual void Destroy() noexcept { delete this; }
  virtual void* GetDeleter(const void*) noexcept { return nullptr; }

  void ReleaseUse() {
    if (use_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    Dispose();
    if (weak_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }

 private:
  std::atomic<int> use_{1};
  std::atomic<int> weak_{1};
  BackingStore* store_;
  DestroyStore destroy_store_;
};

// A std::unique_ptr and a std::shared_ptr as the calling convention sees them: classes that are not trivially
// copyable, returned and passed through memory.
struct UniqueStore {
  BackingStore* store = nullptr;
  UniqueStore() = default;
  UniqueStore(const UniqueStore& other) : store(other.store) {}
  ~UniqueStore() {}
};
struct SharedStore {
  BackingStore* store = nullptr;
  StoreCount* count = nullptr;
  SharedStore(BackingStore* s, StoreCount* c) : store(s), count(c) {}
  SharedStore(const SharedStore& other) : store(other.store), count(other.count) {}
  ~SharedStore() {}
};
struct LocalHandle {
  void* slot;
};

using CurrentIsolate = Isolate* (*)();
using NewStore = UniqueStore (*)(void*, size_t, StoreDeleter, void*);
using NewBuffer = LocalHandle (*)(Isolate*, SharedStore);

struct Symbols {
  CurrentIsolate current;
  NewStore new_store;
  NewBuffer new_buffer;
  DestroyStore destroy;
};

Symbols FindSymbols() {
  const auto find = &platform::HostSymbol;
  return Symbols{
      reinterpret_cast<CurrentIsolate>(find("_ZN2v87Isolate10GetCurrentEv")),
      reinterpret_cast<NewStore>(find("_ZN2v817SharedArrayBuffer15NewBackingStoreEPvmPFvS1_mS1_ES1_")),
      reinterpret_cast<NewBuffer>(
          find("_ZN2v817SharedArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE")),
      reinterpret_cast<DestroyStore>(find("_ZN2v812BackingStoreD1Ev")),
  };
}

}  // namespace

bool EngineCarrierAvailable() {
  const Symbols found = FindSymbols();
  return found.current != nullptr && found.new_store != nullptr && found.new_buffer != nullptr &&
         found.destroy != nullptr;
}

napi_value EngineSharedBuffer(void* data, size_t length, StoreDeleter deleter, void* hint) {
  const Symbols found = FindSymbols();
  const UniqueStore unique = found.new_store(data, length, deleter, hint);
  if (unique.store == nullptr) return nullptr;
  auto* count = new StoreCount(unique.store, found.destroy);
  const LocalHandle handle = found.new_buffer(found.current(), SharedStore(unique.store, count));
  count->ReleaseUse();  // the buffer holds its own
  return reinterpret_cast<napi_value>(handle.slot);
}

}  // namespace nebula::binding
