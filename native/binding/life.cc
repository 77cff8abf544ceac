// Making, attaching and letting go of regions.
#include <cstring>

#include "exports.h"

namespace nebula::binding {

namespace {

constexpr size_t kMaxPath = 4096;

Napi::Value Made(napi_env env, const region::Spec& spec) {
  region::Id id;
  const Status created = region::Create(spec, &id);
  return created.ok() ? Wrap(env, id) : Failure(env, created);
}

// mapAnonymous(bytes, align, hugeBytes, guard, node)
Napi::Value MapAnonymous(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  region::Spec spec;
  spec.bytes = arguments.Size(0);
  spec.align = arguments.Size(1);
  spec.huge_bytes = arguments.Size(2);
  spec.guard = arguments.Flag(3);
  spec.node = arguments.Integer(4);
  const bool align_fits = spec.align == 0 || IsPowerOfTwo(spec.align);
  const bool huge_fits = spec.huge_bytes == 0 || IsPowerOfTwo(spec.huge_bytes);
  if (!arguments.ok() || spec.bytes == 0 || !align_fits || !huge_fits) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

// mapFile(path, offset, bytes, shared, writable, create, exclusive, sync, extend)
Napi::Value MapFile(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  char path[kMaxPath];
  region::Spec spec;
  spec.kind = region::Kind::kFile;
  spec.path = arguments.Text(0, path, sizeof path);
  spec.offset = arguments.Size(1);
  spec.bytes = arguments.Size(2);
  spec.shared_file = arguments.Flag(3);
  spec.writable_file = arguments.Flag(4);
  spec.create = arguments.Flag(5);
  spec.exclusive = arguments.Flag(6);
  spec.sync = arguments.Flag(7);
  spec.extend = arguments.Flag(8);
  const uint64_t granularity = platform::GetCapabilities().granularity_bytes;
  const bool writes = !spec.shared_file || spec.writable_file;  // every view is over pages that can be written
  if (!arguments.ok() || !writes || spec.offset % granularity != 0) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

// mapShared(bytes, hugeBytes)
Napi::Value MapShared(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  region::Spec spec;
  spec.kind = region::Kind::kShared;
  spec.bytes = arguments.Size(0);
  spec.huge_bytes = arguments.Size(1);
  const bool huge_fits = spec.huge_bytes == 0 || IsPowerOfTwo(spec.huge_bytes);
  if (!arguments.ok() || spec.bytes == 0 || !huge_fits) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

bool IsObjectName(const char* name) {
  const size_t length = std::strlen(name);
  if (length == 0 || length > 200) return false;
  for (size_t i = 0; i < length; ++i) {
    const char c = name[i];
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

// mapNamed(name, bytes, create)
Napi::Value MapNamed(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  char name[256];
  region::Spec spec;
  spec.kind = region::Kind::kShared;
  spec.name = arguments.Text(0, name, sizeof name);
  spec.bytes = arguments.Size(1);
  spec.open_existing = !arguments.Flag(2);
  const bool sized = spec.open_existing || spec.bytes != 0;
  if (!arguments.ok() || !IsObjectName(name) || !sized) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

// mapRemote(pid, file, identity, bytes)
Napi::Value MapRemote(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  region::Spec spec;
  spec.kind = region::Kind::kShared;
  spec.remote_process = arguments.Size(0);
  spec.remote_file = arguments.Size(1);
  spec.remote_identity = arguments.Size(2);
  spec.bytes = arguments.Size(3);
  if (!arguments.ok() || spec.remote_process == 0 || spec.bytes == 0) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

// mapSecret(bytes)
Napi::Value MapSecret(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  region::Spec spec;
  spec.kind = region::Kind::kSecret;
  spec.bytes = arguments.Size(0);
  spec.guard = true;
  if (!arguments.ok() || spec.bytes == 0) return BadArgument(info.Env());
  return Made(info.Env(), spec);
}

Napi::Value UnlinkNamed(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  char name[256];
  arguments.Text(0, name, sizeof name);
  if (!arguments.ok() || !IsObjectName(name)) return BadArgument(info.Env());
  return Done(info.Env(), region::UnlinkName(name));
}

// attach(slot, generation, token)
Napi::Value Attach(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  Arguments arguments(info);
  const region::Id id{arguments.Word(0), arguments.Word(1)};
  const uint64_t token = arguments.Size(2);
  if (!arguments.ok()) return BadArgument(env);
  if (token != region::ProcessToken()) return Failure(env, Fail(Code::kStale, "process"));
  const Status attached = region::Attach(id);
  return attached.ok() ? Wrap(env, id) : Failure(env, attached);
}

// identity(holder) -> {slot, generation, token}
Napi::Value Identity(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    const napi_env env = info.Env();
    napi_value object = nullptr;
    napi_create_object(env, &object);
    SetNumber(env, object, "slot", holder->id.slot);
    SetNumber(env, object, "generation", holder->id.generation);
    SetNumber(env, object, "token", static_cast<double>(region::ProcessToken()));
    return Napi::Value(env, object);
  });
}

Napi::Value Describe(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    const napi_env env = info.Env();
    region::Info found{};
    const Status read = region::Describe(holder->id, &found);
    if (!read.ok()) return Failure(env, read);
    napi_value object = nullptr;
    napi_create_object(env, &object);
    const auto number = [env, object](const char* name, uint64_t value) {
      SetNumber(env, object, name, static_cast<double>(value));
    };
    number("kind", static_cast<uint64_t>(found.kind));
    number("access", static_cast<uint64_t>(found.access));
    number("byteLength", found.bytes);
    number("mappedBytes", found.mapped_bytes);
    number("pageBytes", found.page_bytes);
    number("hugeBytes", found.huge_bytes);
    number("holders", found.holders);
    number("pins", found.pins);
    number("stores", found.stores);
    number("faults", found.faults);
    number("address", found.address);
    number("fileBytes", found.file_bytes);
    number("fileIdentity", found.file_identity);
    SetNumber(env, object, "file", static_cast<double>(found.file));
    SetBoolean(env, object, "locked", found.locked);
    SetBoolean(env, object, "guarded", found.guarded);
    SetBoolean(env, object, "exposed", found.exposed);
    SetBoolean(env, object, "secretMemory", found.secret_memory);
    SetBoolean(env, object, "sharedObject", found.shared_object);
    return Napi::Value(env, object);
  });
}

// claim(holder) -> true when the pages go with this holder
Napi::Value Claim(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    bool last = false;
    const Status claimed = region::ClaimRelease(holder->id, &last);
    return claimed.ok() ? BooleanOf(info.Env(), last) : Failure(info.Env(), claimed);
  });
}

// release(holder, claimed, detached, settled) -> true when a canary was overwritten
Napi::Value Release(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](Holder* holder) {
    const napi_env env = info.Env();
    Arguments arguments(info);
    const bool claimed = arguments.Flag(1);
    const bool detached = arguments.Flag(2);
    if (!arguments.ok()) return BadArgument(env);
    bool corrupted = false;
    const bool settled = arguments.Flag(3);
    if (!arguments.ok()) return BadArgument(env);
    const Status released =
        region::Release(holder->id, claimed, detached, Environment::Of(env)->caller(), &corrupted, settled);
    if (!released.ok()) return Failure(env, released);
    LetGo(env, holder);
    return BooleanOf(env, corrupted);
  });
}

Napi::Value Pin(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](Holder* holder) {
    const Status pinned = region::Pin(holder->id);
    if (pinned.ok()) holder->pins += 1;
    return Done(info.Env(), pinned);
  });
}

Napi::Value Unpin(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](Holder* holder) {
    if (holder->pins == 0) return Failure(info.Env(), Fail(Code::kState, "pin"));
    const Status unpinned = region::Unpin(holder->id);
    if (unpinned.ok()) holder->pins -= 1;
    return Done(info.Env(), unpinned);
  });
}

}  // namespace

void ExportLife(napi_env env, napi_value exports) {
  Export<MapAnonymous>(env, exports, "mapAnonymous");
  Export<MapFile>(env, exports, "mapFile");
  Export<MapShared>(env, exports, "mapShared");
  Export<MapNamed>(env, exports, "mapNamed");
  Export<MapRemote>(env, exports, "mapRemote");
  Export<MapSecret>(env, exports, "mapSecret");
  Export<UnlinkNamed>(env, exports, "unlinkNamed");
  Export<Attach>(env, exports, "attach");
  Export<Identity>(env, exports, "identity");
  Export<Describe>(env, exports, "describe");
  Export<Claim>(env, exports, "claim");
  Export<Release>(env, exports, "release");
  Export<Pin>(env, exports, "pin");
  Export<Unpin>(env, exports, "unpin");
}

}  // namespace nebula::binding
