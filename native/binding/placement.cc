// NUMA: policies, where pages lie, moving them, and pinning the thread.
#include <cstdlib>

#include "exports.h"

namespace nebula::binding {

namespace {

// setPolicy(holder, offset, length, policy, nodes: Uint8Array of 16-bit little-endian ids, move)
Napi::Value SetPolicy(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    const uint64_t length = arguments.Size(2);
    const uint32_t policy = arguments.Word(3);
    uint64_t bytes = 0;
    const uint8_t* ids = arguments.Bytes(4, &bytes);
    const bool move = arguments.Flag(5);
    const bool known = policy <= static_cast<uint32_t>(platform::Policy::kWeightedInterleave);
    if (!arguments.ok() || !known || bytes % 2 != 0) return BadArgument(info.Env());
    platform::NodeMask nodes;
    for (uint64_t i = 0; i < bytes; i += 2) {
      const int node = ids[i] | (ids[i + 1] << 8);
      if (node >= platform::kMaxNodes) return BadArgument(info.Env());
      nodes.Set(node);
    }
    return Done(info.Env(),
                region::SetPolicy(holder->id, offset, length, static_cast<platform::Policy>(policy), nodes, move));
  });
}

// queryNodes(holder, offset, length, out: Uint8Array of 32-bit cells) -> pages written
Napi::Value QueryNodes(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    const uint64_t length = arguments.Size(2);
    uint64_t bytes = 0;
    uint8_t* out = arguments.Bytes(3, &bytes);
    const bool aligned = reinterpret_cast<uintptr_t>(out) % sizeof(int) == 0;
    if (!arguments.ok() || !aligned) return BadArgument(info.Env());
    uint64_t pages = 0;
    const Status read =
        region::QueryNodes(holder->id, offset, length, reinterpret_cast<int*>(out), bytes / sizeof(int), &pages);
    return read.ok() ? NumberOf(info.Env(), pages) : Failure(info.Env(), read);
  });
}

// migrate(holder, offset, length, node) -> pages that lie there now
Napi::Value Migrate(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    const uint64_t length = arguments.Size(2);
    const uint32_t node = arguments.Word(3);
    if (!arguments.ok() || node >= platform::kMaxNodes) return BadArgument(info.Env());
    uint64_t moved = 0;
    const Status done = region::Migrate(holder->id, offset, length, static_cast<int>(node), &moved);
    if (done.ok()) return NumberOf(info.Env(), moved);
    const Napi::Value failure = Failure(info.Env(), done);
    SetNumber(info.Env(), failure, "moved", static_cast<double>(moved));
    return failure;
  });
}

// currentProcessor() -> {cpu, node}
Napi::Value CurrentProcessor(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  uint32_t cpu = 0;
  uint32_t node = 0;
  const Status read = platform::CurrentProcessor(&cpu, &node);
  if (!read.ok()) return Failure(env, read);
  napi_value object = nullptr;
  napi_create_object(env, &object);
  SetNumber(env, object, "cpu", cpu);
  SetNumber(env, object, "node", node);
  return Napi::Value(env, object);
}

// runOn(cpus: Uint8Array of 32-bit cells): the calling thread only
Napi::Value RunOn(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint64_t bytes = 0;
  const uint8_t* cells = arguments.Bytes(0, &bytes);
  const bool aligned = reinterpret_cast<uintptr_t>(cells) % sizeof(uint32_t) == 0;
  if (!arguments.ok() || bytes == 0 || !aligned) return BadArgument(info.Env());
  return Done(info.Env(),
              platform::RunOnProcessors(reinterpret_cast<const uint32_t*>(cells), bytes / sizeof(uint32_t)));
}

}  // namespace

void ExportPlacement(napi_env env, napi_value exports) {
  Export<SetPolicy>(env, exports, "setPolicy");
  Export<QueryNodes>(env, exports, "queryNodes");
  Export<Migrate>(env, exports, "migrate");
  Export<CurrentProcessor>(env, exports, "currentProcessor");
  Export<RunOn>(env, exports, "runOn");
}

}  // namespace nebula::binding
