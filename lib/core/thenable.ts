/** True for what can be waited for. */
export function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  if ((typeof answer !== 'object' || answer === null) && typeof answer !== 'function') return false;
  return typeof (answer as { then?: unknown }).then === 'function';
}

/** A promise that nobody waits for may not end the process when it fails. `then` sees the failure, if given. */
export function ignoreFailure(answer: unknown, then: (error: unknown) => void = () => {}): void {
  if ((typeof answer !== 'object' || answer === null) && typeof answer !== 'function') return;
  new Promise((resolve) => resolve(answer)).catch(then);
}
