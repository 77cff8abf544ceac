// Calls on the pages of a region. All take (holder, offset, length, ...).
#include <cstdlib>
#include <new>

#include "exports.h"

namespace nebula::binding {

namespace {

struct Span {
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Checks holder, offset and length, then runs work(holder, span, arguments).
template <typename Work>
Napi::Value OnSpan(const Napi::CallbackInfo& info, Work work) {
  return OnHolder(info, [&info, &work](Holder* holder) {
    Arguments arguments(info);
    const Span span{arguments.Size(1), arguments.Size(2)};
    if (!arguments.ok()) return BadArgument(info.Env());
    return work(holder, span, arguments);
  });
}

template <Status (*Operation)(region::Id, uint64_t, uint64_t)>
Napi::Value Plain(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments&) {
    return Done(info.Env(), Operation(holder->id, span.offset, span.length));
  });
}

Napi::Value Advise(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments& arguments) {
    const uint32_t advice = arguments.Word(3);
    if (!arguments.ok() || advice >= platform::kAdviceCount) return BadArgument(info.Env());
    return Done(info.Env(),
                region::Advise(holder->id, span.offset, span.length, static_cast<platform::Advice>(advice)));
  });
}

Napi::Value Lock(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments& arguments) {
    const bool on_fault = arguments.Flag(3);
    if (!arguments.ok()) return BadArgument(info.Env());
    return Done(info.Env(), region::Lock(holder->id, span.offset, span.length, on_fault));
  });
}

Napi::Value Decommit(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments&) {
    uint64_t given = 0;
    const Status done = region::Decommit(holder->id, span.offset, span.length, &given);
    return done.ok() ? NumberOf(info.Env(), given) : Failure(info.Env(), done);
  });
}

Napi::Value Flush(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments& arguments) {
    const bool wait = arguments.Flag(3);
    if (!arguments.ok()) return BadArgument(info.Env());
    return Done(info.Env(), region::Flush(holder->id, span.offset, span.length, wait));
  });
}

// A flush on a thread of libuv's pool. The region is pinned until it is over, so that nobody frees it meanwhile.
struct FlushJob {
  region::Id id;
  Span span;
  Status result;
  napi_async_work work;
  napi_deferred deferred;
};

void RunFlush(napi_env, void* data) {
  auto* job = static_cast<FlushJob*>(data);
  job->result = region::Flush(job->id, job->span.offset, job->span.length, true);
}

void EndFlush(napi_env env, napi_status, void* data) {
  auto* job = static_cast<FlushJob*>(data);
  region::Unpin(job->id);
  napi_resolve_deferred(env, job->deferred, Done(env, job->result));
  napi_delete_async_work(env, job->work);
  delete job;
}

Napi::Value FlushLater(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments&) {
    const napi_env env = info.Env();
    auto* job = new (std::nothrow) FlushJob{holder->id, span, Ok(), nullptr, nullptr};
    if (job == nullptr) return Failure(env, Fail(Code::kNoMemory, "flush"));
    const Status pinned = region::Pin(holder->id);
    if (!pinned.ok()) {
      delete job;
      return Failure(env, pinned);
    }
    napi_value name = nullptr;
    napi_value promise = nullptr;
    const bool queued = napi_create_string_utf8(env, "nebula-memory flush", NAPI_AUTO_LENGTH, &name) == napi_ok &&
                        napi_create_promise(env, &job->deferred, &promise) == napi_ok &&
                        napi_create_async_work(env, nullptr, name, &RunFlush, &EndFlush, job, &job->work) == napi_ok &&
                        napi_queue_async_work(env, job->work) == napi_ok;
    if (queued) return Napi::Value(env, promise);
    region::Unpin(holder->id);
    delete job;
    return Failure(env, Fail(Code::kNoMemory, "napi_queue_async_work"));
  });
}

// residency(holder, offset, length, out)
Napi::Value Residency(const Napi::CallbackInfo& info) {
  return OnSpan(info, [&info](const Holder* holder, Span span, Arguments& arguments) {
    uint64_t capacity = 0;
    uint8_t* out = arguments.Bytes(3, &capacity);
    if (!arguments.ok()) return BadArgument(info.Env());
    uint64_t pages = 0;
    const Status read = region::Residency(holder->id, span.offset, span.length, out, capacity, &pages);
    return read.ok() ? NumberOf(info.Env(), pages) : Failure(info.Env(), read);
  });
}

// read(holder, offset, target) and write(holder, offset, source)
template <typename Copy>
Napi::Value OnBytes(const Napi::CallbackInfo& info, Copy copy) {
  return OnHolder(info, [&info, &copy](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    uint64_t length = 0;
    uint8_t* bytes = arguments.Bytes(2, &length);
    if (!arguments.ok()) return BadArgument(info.Env());
    return Done(info.Env(), length == 0 ? Ok() : copy(holder->id, offset, bytes, length));
  });
}

Napi::Value Read(const Napi::CallbackInfo& info) {
  return OnBytes(info, [](region::Id id, uint64_t offset, uint8_t* bytes, uint64_t length) {
    return region::ReadBytes(id, offset, bytes, length);
  });
}

Napi::Value Write(const Napi::CallbackInfo& info) {
  return OnBytes(info, [](region::Id id, uint64_t offset, uint8_t* bytes, uint64_t length) {
    return region::WriteBytes(id, offset, bytes, length);
  });
}

Napi::Value Name(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    char name[128];
    arguments.Text(1, name, sizeof name);
    if (!arguments.ok()) return BadArgument(info.Env());
    return Done(info.Env(), region::NameRegion(holder->id, name));
  });
}

Napi::Value Protect(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    const napi_env env = info.Env();
    Arguments arguments(info);
    const uint32_t access = arguments.Word(1);
    if (!arguments.ok() || access > static_cast<uint32_t>(platform::Access::kReadWrite)) return BadArgument(env);
    return Done(
        env, region::ProtectRegion(holder->id, static_cast<platform::Access>(access), Environment::Of(env)->caller()));
  });
}

Napi::Value Remap(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    const napi_env env = info.Env();
    Arguments arguments(info);
    const uint64_t bytes = arguments.Size(1);
    if (!arguments.ok() || bytes == 0) return BadArgument(env);
    return Done(env, region::Remap(holder->id, bytes, Environment::Of(env)->caller()));
  });
}

// wait(holder, offset, expected, timeoutNs) -> 0 woken, 1 not equal, 2 timed out
Napi::Value Wait(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    const uint32_t expected = arguments.Word(2);
    const uint64_t timeout_ns = arguments.Size(3);
    if (!arguments.ok()) return BadArgument(info.Env());
    platform::WaitOutcome outcome = platform::WaitOutcome::kTimedOut;
    const Status waited = region::Wait(holder->id, offset, expected, timeout_ns, &outcome);
    return waited.ok() ? NumberOf(info.Env(), static_cast<uint64_t>(outcome)) : Failure(info.Env(), waited);
  });
}

// notify(holder, offset, count) -> waiters woken
Napi::Value Notify(const Napi::CallbackInfo& info) {
  return OnHolder(info, [&info](const Holder* holder) {
    Arguments arguments(info);
    const uint64_t offset = arguments.Size(1);
    const uint32_t count = arguments.Word(2);
    if (!arguments.ok()) return BadArgument(info.Env());
    uint32_t woken = 0;
    const Status done = region::Notify(holder->id, offset, count, &woken);
    return done.ok() ? NumberOf(info.Env(), woken) : Failure(info.Env(), done);
  });
}

}  // namespace

void ExportPages(napi_env env, napi_value exports) {
  Export<Advise>(env, exports, "advise");
  Export<Plain<region::Populate>>(env, exports, "populate");
  Export<Plain<region::Unlock>>(env, exports, "unlock");
  Export<Plain<region::Zero>>(env, exports, "zero");
  Export<Lock>(env, exports, "lock");
  Export<Decommit>(env, exports, "decommit");
  Export<Flush>(env, exports, "flush");
  Export<FlushLater>(env, exports, "flushLater");
  Export<Residency>(env, exports, "residency");
  Export<Read>(env, exports, "read");
  Export<Write>(env, exports, "write");
  Export<Name>(env, exports, "name");
  Export<Protect>(env, exports, "protect");
  Export<Remap>(env, exports, "remap");
  Export<Wait>(env, exports, "wait");
  Export<Notify>(env, exports, "notify");
}

}  // namespace nebula::binding
