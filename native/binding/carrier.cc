#include "carrier.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "engine_carrier.h"

namespace nebula::binding {

namespace {

// One for each backing store. Finalizers may run on failure paths too, and from threads of V8's own.
struct Store {
  region::Range* range;
  uint64_t bytes;
  bool can_escape;  // a local buffer can be transferred and posted away from its environment
};

std::atomic<uint64_t> g_local_bytes{0};

void FinalizeLocal(napi_env env, void*, void* hint) {
  auto* store = static_cast<Store*>(hint);
  g_local_bytes.fetch_sub(store->bytes, std::memory_order_relaxed);
  const Environment* environment = store->can_escape ? Environment::Of(env) : nullptr;
  const bool doubtful = store->can_escape && Environment::TearingDown(env);
  // Whoever can transfer a buffer can also empty it, while a job runs on it and the region lives on.
  const region::Caller user = environment == nullptr ? region::Caller{} : environment->caller();
  region::StoreFinalized(store->range, doubtful, environment == nullptr ? nullptr : &user);
  std::free(store);
}

void FinalizeShared(void*, void* hint) {
  auto* store = static_cast<Store*>(hint);
  region::StoreFinalized(store->range, false, nullptr);
  std::free(store);
}

void FinalizeEngine(void* data, size_t, void* hint) { FinalizeShared(data, hint); }

using CreateExternalShared = napi_status (*)(napi_env, void*, size_t, void (*)(void*, void*), void*, napi_value*);

CreateExternalShared NodeApiFunction() {
  return reinterpret_cast<CreateExternalShared>(platform::HostSymbol("node_api_create_external_sharedarraybuffer"));
}

// The engine's interface was tried on Node 20 and 22 only; later ones have the function of Node-API.
bool EngineVersionKnown(napi_env env) {
  const napi_node_version* version = nullptr;
  if (napi_get_node_version(env, &version) != napi_ok) return false;
  return std::strcmp(version->release, "node") == 0 && (version->major == 20 || version->major == 22);
}

std::atomic<int> g_carrier{-1};

// Counts a store over the asked bytes. On failure the failure value is returned and *store is null.
Napi::Value Open(const Napi::CallbackInfo& info, Store** out, void** address, uint64_t* length) {
  *out = nullptr;
  const napi_env env = info.Env();
  Status status;
  const Holder* holder = Unwrap(info, 0, &status);
  if (holder == nullptr) return Failure(env, status);
  Arguments arguments(info);
  const uint64_t offset = arguments.Size(1);
  *length = arguments.Size(2);
  if (!arguments.ok() || *length == 0) return BadArgument(env);
  auto* store = static_cast<Store*>(std::malloc(sizeof(Store)));
  if (store == nullptr) return Failure(env, Fail(Code::kNoMemory, "store"));
  const Status counted = region::StoreCreated(holder->id, offset, *length, address, &store->range);
  if (!counted.ok()) {
    std::free(store);
    return Failure(env, counted);
  }
  store->bytes = *length;
  store->can_escape = Environment::Of(env)->can_transfer();
  *out = store;
  return Undefined(env);
}

Napi::Value LocalBuffer(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  Store* store = nullptr;
  void* address = nullptr;
  uint64_t length = 0;
  const Napi::Value failure = Open(info, &store, &address, &length);
  if (store == nullptr) return failure;
  napi_value buffer = nullptr;
  g_local_bytes.fetch_add(length, std::memory_order_relaxed);
  const napi_status made = napi_create_external_arraybuffer(env, address, length, &FinalizeLocal, store, &buffer);
  if (made == napi_ok) return Napi::Value(env, buffer);
  // Node finalizes by itself when it refuses for length, so nothing is freed here; TypeScript never asks for more
  // than the limit. A runtime that allows no external buffers refuses before it takes the memory over.
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
    return Failure(env, Fail(Code::kTooLarge, "napi_create_external_arraybuffer", length));
  }
  g_local_bytes.fetch_sub(length, std::memory_order_relaxed);
  region::StoreFinalized(store->range, false, nullptr);
  std::free(store);
  return Failure(env, Fail(Code::kUnsupported, "napi_create_external_arraybuffer", made));
}

Napi::Value SharedBuffer(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  const SharedCarrier carrier = FindSharedCarrier(env);
  if (carrier == SharedCarrier::kNone) return Failure(env, Fail(Code::kUnsupported, "SharedArrayBuffer"));
  Store* store = nullptr;
  void* address = nullptr;
  uint64_t length = 0;
  const Napi::Value failure = Open(info, &store, &address, &length);
  if (store == nullptr) return failure;
  napi_value buffer = nullptr;
  if (carrier == SharedCarrier::kNodeApi) {
    if (NodeApiFunction()(env, address, length, &FinalizeShared, store, &buffer) != napi_ok) buffer = nullptr;
  } else {
    buffer = EngineSharedBuffer(address, length, &FinalizeEngine, store);
  }
  if (buffer != nullptr) return Napi::Value(env, buffer);
  region::StoreFinalized(store->range, false, nullptr);
  std::free(store);
  return Failure(env, Fail(Code::kUnsupported, "SharedArrayBuffer"));
}

// Only for Node 20, which has no ArrayBuffer.prototype.transfer. TypeScript passes buffers of our own making only.
Napi::Value Detach(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  bool buffer = false;
  if (napi_is_arraybuffer(env, info[0], &buffer) != napi_ok || !buffer) return BadArgument(env);
  if (Environment::Of(env)->can_transfer()) return Failure(env, Fail(Code::kUnsupported, "napi_detach_arraybuffer"));
  return BooleanOf(env, napi_detach_arraybuffer(env, info[0]) == napi_ok);
}

// A counter that every repaired fault raises, as four bytes that JavaScript reads without a call.
Napi::Value FaultEpoch(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  napi_value buffer = nullptr;
  const auto nothing = [](napi_env, void*, void*) {};
  if (napi_create_external_arraybuffer(env, region::FaultEpoch(), sizeof(uint32_t), nothing, nullptr, &buffer) !=
      napi_ok) {
    return Failure(env, Fail(Code::kUnsupported, "napi_create_external_arraybuffer"));
  }
  return Napi::Value(env, buffer);
}

Napi::Value SharedCarrierName(const Napi::CallbackInfo& info) {
  return NumberOf(info.Env(), static_cast<uint64_t>(FindSharedCarrier(info.Env())));
}

}  // namespace

SharedCarrier FindSharedCarrier(napi_env env) {
  const int known = g_carrier.load(std::memory_order_acquire);
  if (known >= 0) return static_cast<SharedCarrier>(known);
  SharedCarrier found = SharedCarrier::kNone;
  if (NodeApiFunction() != nullptr) {
    found = SharedCarrier::kNodeApi;
  } else if (EngineVersionKnown(env) && EngineCarrierAvailable()) {
    found = SharedCarrier::kEngine;
  }
  g_carrier.store(static_cast<int>(found), std::memory_order_release);
  return found;
}

uint64_t LocalBufferBytes() { return g_local_bytes.load(std::memory_order_relaxed); }

void ExportCarriers(napi_env env, napi_value exports) {
  Export<LocalBuffer>(env, exports, "localBuffer");
  Export<SharedBuffer>(env, exports, "sharedBuffer");
  Export<Detach>(env, exports, "detach");
  Export<FaultEpoch>(env, exports, "faultEpoch");
  Export<SharedCarrierName>(env, exports, "sharedCarrier");
}

}  // namespace nebula::binding
