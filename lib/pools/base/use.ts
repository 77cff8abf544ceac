import { isThenable } from '../../core';
import type { PoolLease } from './lease';

/**
 * Runs `work` with the object of a lease and ends the lease afterwards. What `work` throws goes before what the release
 * throws, which `onFailure` sees then.
 */
export function useLease<T extends object, R>(
  lease: PoolLease<T>,
  work: (object: T) => R | PromiseLike<R>,
  onFailure: (error: unknown) => void,
): R | Promise<R> {
  let answer: R | PromiseLike<R>;
  try {
    answer = work(lease.value);
    if (isThenable(answer)) return releaseLater(lease, answer as PromiseLike<R>, onFailure);
  } catch (error) {
    releaseQuietly(lease, onFailure);
    throw error;
  }
  lease[Symbol.dispose]();
  return answer as R;
}

function releaseQuietly(lease: Disposable, onFailure: (error: unknown) => void): void {
  try {
    lease[Symbol.dispose]();
  } catch (error) {
    onFailure(error);
  }
}

async function releaseLater<R>(
  lease: Disposable,
  answer: PromiseLike<R>,
  onFailure: (error: unknown) => void,
): Promise<R> {
  let value: R;
  try {
    value = await answer;
  } catch (error) {
    releaseQuietly(lease, onFailure);
    throw error;
  }
  lease[Symbol.dispose]();
  return value;
}
