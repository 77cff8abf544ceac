#include "holder.h"

#include <new>

namespace nebula::binding {

namespace {

constexpr napi_type_tag kTag = {0x6e6562756c612d6dULL, 0x5265676696f6e21fULL};

void Collect(napi_env env, void* data, void*) {
  auto* holder = static_cast<Holder*>(data);
  if (holder->open) {
    while (holder->pins > 0 && region::Unpin(holder->id).ok()) holder->pins -= 1;
    const Environment* environment = Environment::Of(env);
    region::Collected(holder->id, environment == nullptr ? region::Caller{} : environment->caller());
  }
  delete holder;
}

}  // namespace

Napi::Value Wrap(napi_env env, region::Id id) {
  const Environment* environment = Environment::Of(env);
  auto* holder = new (std::nothrow) Holder{id};
  napi_value object = nullptr;
  const bool made = holder != nullptr && napi_create_object(env, &object) == napi_ok &&
                    napi_type_tag_object(env, object, &kTag) == napi_ok &&
                    napi_wrap(env, object, holder, &Collect, nullptr, nullptr) == napi_ok;
  if (made) return Napi::Value(env, object);
  delete holder;
  region::Collected(id, environment->caller());
  return Failure(env, Fail(Code::kNoMemory, "napi_wrap"));
}

Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status) {
  const napi_env env = info.Env();
  const napi_value value = info[index];
  napi_valuetype type = napi_undefined;
  bool ours = false;
  void* data = nullptr;
  const bool known = napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
                     napi_check_object_type_tag(env, value, &kTag, &ours) == napi_ok && ours &&
                     napi_unwrap(env, value, &data) == napi_ok;
  if (!known) {
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
