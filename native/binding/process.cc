// The process and the machine as the addon sees them.
#include "exports.h"

#ifndef NEBULA_SOURCE_HASH
#define NEBULA_SOURCE_HASH "unknown"
#endif

namespace nebula::binding {

namespace {

Napi::Value Machine(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  const platform::Capabilities& found = platform::GetCapabilities();
  napi_value object = nullptr;
  napi_create_object(env, &object);
  SetText(env, object, "platform", found.name);
  SetText(env, object, "sourceHash", NEBULA_SOURCE_HASH);
  SetNumber(env, object, "pageBytes", static_cast<double>(found.page_bytes));
  SetNumber(env, object, "granularityBytes", static_cast<double>(found.granularity_bytes));
  SetNumber(env, object, "defaultHugeBytes", static_cast<double>(found.default_huge_bytes));
  SetNumber(env, object, "transparentHugeBytes", static_cast<double>(found.transparent_huge_bytes));
  SetBoolean(env, object, "atomicTombstone", found.atomic_tombstone);
  SetBoolean(env, object, "numa", found.numa);
  SetBoolean(env, object, "sharedFutex", found.shared_futex);
  SetBoolean(env, object, "faultGuard", found.fault_guard);
  return Napi::Value(env, object);
}

Napi::Value Totals(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  region::Totals totals{};
  region::ReadTotals(&totals);
  napi_value object = nullptr;
  napi_create_object(env, &object);
  const auto number = [env, object](const char* name, uint64_t value) {
    SetNumber(env, object, name, static_cast<double>(value));
  };
  number("regions", totals.regions);
  number("mappedBytes", totals.mapped_bytes);
  number("retiredRanges", totals.retired_ranges);
  number("retiredBytes", totals.retired_bytes);
  number("quarantinedRanges", totals.quarantined_ranges);
  number("quarantinedBytes", totals.quarantined_bytes);
  number("abandonedRanges", totals.abandoned_ranges);
  number("abandonedBytes", totals.abandoned_bytes);
  number("mappings", totals.mappings);
  number("mappingLimit", totals.mapping_limit);
  number("faults", totals.faults);
  number("localBytes", LocalBufferBytes());
  return Napi::Value(env, object);
}

// ranges(out: Uint8Array of 64-bit cells) -> ranges there are; pairs of address and bytes are written as far as they
// fit
Napi::Value Ranges(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  uint64_t bytes = 0;
  uint8_t* out = arguments.Bytes(0, &bytes);
  const bool aligned = reinterpret_cast<uintptr_t>(out) % sizeof(double) == 0;
  if (!arguments.ok() || !aligned) return BadArgument(info.Env());
  const uint64_t capacity = bytes / (2 * sizeof(double));
  return NumberOf(info.Env(), region::ListRanges(reinterpret_cast<double*>(out), capacity));
}

// tryFeature(index) -> true, or the failure that says why not
Napi::Value TryFeature(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t feature = arguments.Word(0);
  if (!arguments.ok() || feature >= platform::kFeatureCount) return BadArgument(info.Env());
  const Status tried = platform::TryFeature(static_cast<platform::Feature>(feature));
  return tried.ok() ? BooleanOf(info.Env(), true) : Failure(info.Env(), tried);
}

// idle() -> true when no request of this event loop is in flight
Napi::Value Idle(const Napi::CallbackInfo& info) { return BooleanOf(info.Env(), Environment::Of(info.Env())->Idle()); }

// environmentSerial() -> the number of the calling thread's environment, which no other one of this process had or gets
Napi::Value EnvironmentSerial(const Napi::CallbackInfo& info) {
  return NumberOf(info.Env(), Environment::Of(info.Env())->serial());
}

// environmentAlive(serial) -> false once that environment runs no JavaScript any more, or when there was none
Napi::Value EnvironmentAlive(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t serial = arguments.Size(0);
  if (!arguments.ok()) return BadArgument(info.Env());
  return BooleanOf(info.Env(), Environment::Alive(serial));
}

// drain(all) -> bytes of address space given back
Napi::Value Drain(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool all = arguments.Flag(0);
  if (!arguments.ok()) return BadArgument(info.Env());
  return NumberOf(info.Env(), region::DrainQuarantine(Environment::Of(info.Env())->caller(), all));
}

// configureQuarantine(idleMs, busyMs)
Napi::Value ConfigureQuarantine(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  region::QuarantineTimes times;
  times.idle_ms = arguments.Size(0);
  times.busy_ms = arguments.Size(1);
  if (!arguments.ok()) return BadArgument(info.Env());
  region::ConfigureQuarantine(times);
  return Undefined(info.Env());
}

// configureMappingLimit(mappings), 0 = half of the system's
Napi::Value ConfigureMappingLimit(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t mappings = arguments.Size(0);
  if (!arguments.ok()) return BadArgument(info.Env());
  region::ConfigureMappingLimit(mappings);
  return Undefined(info.Env());
}

}  // namespace

void ExportProcess(napi_env env, napi_value exports) {
  Export<Machine>(env, exports, "machine");
  Export<Totals>(env, exports, "totals");
  Export<Ranges>(env, exports, "ranges");
  Export<TryFeature>(env, exports, "tryFeature");
  Export<Idle>(env, exports, "idle");
  Export<EnvironmentSerial>(env, exports, "environmentSerial");
  Export<EnvironmentAlive>(env, exports, "environmentAlive");
  Export<Drain>(env, exports, "drain");
  Export<ConfigureQuarantine>(env, exports, "configureQuarantine");
  Export<ConfigureMappingLimit>(env, exports, "configureMappingLimit");
}

}  // namespace nebula::binding
