// Turns a bus error in a guarded mapping into zero pages. Everything else goes to the handler that was there before.
#include <errno.h>
#include <signal.h>

#include "posix.h"

namespace nebula::platform {

namespace {

std::atomic<FaultHandler> g_handler{nullptr};
struct sigaction g_previous;
Mutex g_install;

void PassOn(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
    return;
  }
  if (g_previous.sa_handler == SIG_DFL || g_previous.sa_handler == SIG_IGN) {
    // The instruction faults again on return and the default action takes its course, core dump included.
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
    // A signal that somebody sent does not repeat by itself.
    if (info->si_code <= 0) raise(signal);
    return;
  }
  g_previous.sa_handler(signal);
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const FaultHandler handler = g_handler.load(std::memory_order_acquire);
  const bool raised_by_fault = info->si_code > 0;
  if (raised_by_fault && handler != nullptr && handler(info->si_addr)) {
    errno = saved;
    return;
  }
  errno = saved;
  PassOn(signal, info, context);
}

}  // namespace

Status InstallFaultGuard(FaultHandler handler) {
  MutexGuard guard(g_install);
  struct sigaction present = {};
  if (sigaction(SIGBUS, nullptr, &present) != 0) return SystemFailure("sigaction", errno);
  const bool ours = (present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == &OnBusError;
  if (ours) return Ok();
  // Somebody who installed a handler after us and chains to ours would make a loop: then the chain ends with them.
  const bool installed_before = g_handler.load(std::memory_order_relaxed) != nullptr;
  if (!installed_before) g_previous = present;
  g_handler.store(handler, std::memory_order_release);
  struct sigaction action = {};
  action.sa_sigaction = &OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, nullptr) != 0) return SystemFailure("sigaction", errno);
  return Ok();
}

}  // namespace nebula::platform
