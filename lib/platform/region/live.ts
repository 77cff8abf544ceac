import { isMainThread } from 'node:worker_threads';
import { native } from '../native';

// Two things that happen by themselves: quarantined addresses go back after their time, and a worker that ends lets go
// of its regions. Neither keeps a process alive.

const TICK_MS = 1000;
let timer: NodeJS.Timeout | undefined;

// Node 20: buffers that wait for a quiet moment of the event loop.
let waiting: ArrayBuffer[] = [];

/**
 * Empties a buffer when no request of the event loop is in flight, now or later: zlib of Node 20 ends the process when its
 * input loses its bytes between two steps. Until then the buffer reads zeros, because the pages are gone already.
 *
 * @returns true when it was emptied now
 */
export function detachWhenIdle(buffer: ArrayBuffer): boolean {
  if (native().idle()) return native().detach(buffer) === true;
  waiting.push(buffer);
  watchQuarantine();
  return false;
}

function tick(): void {
  if (waiting.length > 0 && native().idle()) {
    for (const buffer of waiting) native().detach(buffer);
    waiting = [];
  }
  native().drain(false);
  const { retiredRanges, quarantinedRanges } = native().totals();
  if (retiredRanges + quarantinedRanges + waiting.length === 0) {
    clearInterval(timer);
    timer = undefined;
  }
}

/** Called when views were taken away: looks after the quarantine once a second until it is empty. */
export function watchQuarantine(): void {
  timer ??= setInterval(tick, TICK_MS).unref();
}

let leaving: Set<WeakRef<object>> | undefined;

/**
 * Registers a region of a worker that has local buffers, so that `leave` empties them while JavaScript can still tell
 * whether one was moved elsewhere. A terminated worker gets no such chance; the native side then keeps the addresses.
 */
export function leaveAtExit<T extends object>(region: T, leave: (region: T) => unknown): void {
  if (isMainThread) return;
  if (leaving === undefined) {
    const regions = new Set<WeakRef<object>>();
    leaving = regions;
    process.once('exit', () => {
      for (const ref of regions) {
        const left = ref.deref();
        if (left !== undefined) leave(left as T);
      }
    });
  }
  if (leaving.size % 256 === 255) {
    for (const ref of leaving) if (ref.deref() === undefined) leaving.delete(ref);
  }
  leaving.add(new WeakRef(region));
}
