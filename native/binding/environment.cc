#include "environment.h"

#include <new>

namespace nebula::binding {

namespace {

std::atomic<uint64_t> g_next_serial{1};
platform::Mutex g_running_lock;
Environment* g_running = nullptr;

// The public head of libuv's uv_loop_t, fixed for all of libuv 1. Its header does not come with Node-API's.
struct LoopHead {
  void* data;
  unsigned active_handles;
  void* handle_queue[2];
  union {
    void* unused;
    unsigned count;
  } active_requests;
};

bool HasTransfer(napi_env env) {
  napi_value global = nullptr;
  napi_value constructor = nullptr;
  napi_value prototype = nullptr;
  bool has = false;
  const bool asked = napi_get_global(env, &global) == napi_ok &&
                     napi_get_named_property(env, global, "ArrayBuffer", &constructor) == napi_ok &&
                     napi_get_named_property(env, constructor, "prototype", &prototype) == napi_ok &&
                     napi_has_named_property(env, prototype, "transfer", &has) == napi_ok;
  return has || !asked;  // in doubt, be careful
}

}  // namespace

Environment* Environment::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

bool Environment::Start(napi_env env) {
  auto* created = new (std::nothrow) Environment();
  if (created == nullptr) return false;
  created->serial_ = g_next_serial.fetch_add(1);
  struct uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) == napi_ok) created->loop_ = loop;
  created->can_transfer_ = HasTransfer(env);
  // The data outlives finalizers, which Node runs before and after the hook; it is small and stays.
  if (napi_set_instance_data(env, created, nullptr, nullptr) != napi_ok) return false;
  region::EnvironmentStarted(created->serial_);
  created->Enter();
  if (napi_add_env_cleanup_hook(env, &Cleanup, created) == napi_ok) return true;
  created->Leave();
  return false;
}

void Environment::Cleanup(void* data) {
  auto* environment = static_cast<Environment*>(data);
  environment->loop_ = nullptr;  // the loop goes before the last finalizers do
  environment->Leave();
  region::EnvironmentEnded(environment->serial_);
}

void Environment::Enter() {
  platform::MutexGuard guard(g_running_lock);
  after_ = g_running;
  if (after_ != nullptr) after_->before_ = this;
  g_running = this;
}

void Environment::Leave() {
  platform::MutexGuard guard(g_running_lock);
  (before_ == nullptr ? g_running : before_->after_) = after_;
  if (after_ != nullptr) after_->before_ = before_;
}

bool Environment::Alive(uint64_t serial) {
  platform::MutexGuard guard(g_running_lock);
  for (const Environment* candidate = g_running; candidate != nullptr; candidate = candidate->after_) {
    if (candidate->serial_ == serial) return true;
  }
  return false;
}

bool Environment::Idle() const {
  return loop_ != nullptr && static_cast<const LoopHead*>(loop_)->active_requests.count == 0;
}

bool Environment::TearingDown(napi_env env) {
  // Any call that would run JavaScript is refused from the moment the environment stops.
  napi_value null_value = nullptr;
  bool same = false;
  return napi_get_null(env, &null_value) != napi_ok ||
         napi_strict_equals(env, null_value, null_value, &same) != napi_ok;
}

}  // namespace nebula::binding
