import { isMemoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { type SharedPoolHandle, type SlotLease, ThreadSafePool } from '../../../lib/pools/shared';
import { FakeTime } from '../../support/fake-time';
import { type AnyPool, KINDS, type Kind } from './support';

// Whoever shares memory can write anything into it. Nothing that stands there may end the process, keep a call from
// returning, or come out as another error than a MemoryError.

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isMemoryError(error)) throw error;
    return undefined;
  }
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 11)) >>> 0;
  };
}

const SPECIAL = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 3, 1023, 1024, 64];

function scribble(handle: SharedPoolHandle, next: () => number): void {
  const parts = [handle.blocks.book, ...(handle.line === undefined ? [] : [handle.line])];
  using region = Region.attach(parts[next() % parts.length] as never);
  const words = new Int32Array(region.buffer, 0, Math.min(2000, region.byteLength >> 2));
  for (let i = next() % 30; i >= 0; i -= 1) {
    words[next() % words.length] = (next() % 2 === 0 ? SPECIAL[next() % SPECIAL.length] : next()) as number;
  }
}

describe.each(Object.keys(KINDS))('a %s with garbage in its bookkeeping', (name) => {
  const kind = KINDS[name] as Kind;

  test.each([1, 2, 3, 4, 5, 6])('every call ends, by a result or a MemoryError (%s)', async (seed) => {
    const next = random(seed * 7919);
    for (let round = 0; round < 12; round += 1) {
      const time = new FakeTime();
      const own = name === 'ThreadSafePool' ? { timers: time, clock: time } : {};
      const one = kind.create({ slots: 40, slotBytes: 64, owners: 4, zeroOnRelease: round % 2 === 0, ...own });
      const pools: AnyPool[] = [one, kind.attach(one.handle, own as object)];
      const { handle } = one;
      const held: SlotLease[] = [];
      const waits: Promise<unknown>[] = [];
      for (let step = 0; step < 60; step += 1) {
        if (step % 10 === 5) scribble(handle, next);
        const pool = pools[next() % 2] as AnyPool;
        const what = next() % 10;
        if (what < 4) {
          const lease = attempt(() => pool.tryAcquire());
          if (lease !== undefined) held.push(lease);
        } else if (what < 7 && held.length > 0) {
          const [lease] = held.splice(next() % held.length, 1);
          attempt(() => lease?.bytes.fill(1));
          attempt(() => lease?.release());
        } else if (what === 7 && held.length > 0) {
          const data = attempt(() => held[next() % held.length]?.lease);
          if (data !== undefined) attempt(() => pool.adopt(data));
        } else if (what === 8 && pool instanceof ThreadSafePool) {
          waits.push(
            pool.acquire({ deadlineMs: 5 }).then(
              (lease) => held.push(lease),
              (error) => error,
            ),
          );
          attempt(() => pool.acquireSync(1));
        } else attempt(() => pool.recover());
        attempt(() => pool.stats());
        time.advance(3);
      }
      for (const pool of pools) {
        attempt(() => pool.close());
        attempt(() => pool.close());
        expect(pool.size).toBe(0);
      }
      time.advance(100);
      for (const outcome of await Promise.all(waits)) {
        if (outcome instanceof Error) expect(isMemoryError(outcome)).toBe(true);
      }
    }
  });
});
