import fc from 'fast-check';
import { BufferPool, type BufferPoolOptions, type PooledBuffer } from '../../../lib';
import { FakeTime } from '../../support/fake-time';
import { CountingBudget } from './support';

type Step =
  | { readonly do: 'acquire'; readonly size: number; readonly look: boolean }
  | { readonly do: 'release'; readonly at: number }
  | { readonly do: 'trim'; readonly keep: number }
  | { readonly do: 'wait'; readonly ms: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      size: fc.integer({ min: 1, max: 20_000 }),
      look: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('release' as const), at: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('trim' as const), keep: fc.nat(100_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3000) }) },
);

interface Loan {
  readonly lease: PooledBuffer;
  readonly size: number;
  /** What was written everywhere; 0 where nobody looked. */
  readonly mark: number;
}

const OPTIONS: fc.Arbitrary<BufferPoolOptions> = fc.record({
  reuse: fc.constantFrom('fast' as const, 'batch' as const, 'safe' as const),
  zero: fc.constantFrom('never' as const, 'acquire' as const, 'release' as const),
  maxBytes: fc.constantFrom(4096, 16_384),
  slabBytes: fc.constantFrom(4096, 65_536),
  limitBytes: fc.constantFrom(null, 200_000),
  maxBuffersPerClass: fc.constantFrom(null, 6),
  leakLevel: fc.constantFrom('off' as const, 'simple' as const, 'paranoid' as const),
});

function check(pool: BufferPool, loans: readonly Loan[], budget: CountingBudget, options: BufferPoolOptions): void {
  const stats = pool.stats();
  expect(stats.borrowed).toBe(loans.length);
  expect(budget.used).toBe(stats.heldBytes);
  if (typeof options.limitBytes === 'number') expect(stats.heldBytes).toBeLessThanOrEqual(options.limitBytes);
  expect(stats.size).toBe(stats.borrowed + stats.idle + stats.resting);
  expect(stats.creates - stats.disposals).toBe(stats.size);
  for (const { buffers, borrowed, idle, resting, bufferBytes } of stats.classes) {
    expect(buffers).toBe(borrowed + idle + resting);
    expect(resting).toBeGreaterThanOrEqual(0);
    if (typeof options.maxBuffersPerClass === 'number') expect(buffers).toBeLessThanOrEqual(options.maxBuffersPerClass);
    expect(borrowed).toBeLessThanOrEqual(loans.filter(({ lease }) => lease.capacityBytes >= bufferBytes).length);
  }
  if (options.leakLevel === 'paranoid') expect(pool.leaks()).toHaveLength(loans.length);
  for (const { lease, size, mark } of loans) {
    expect(lease.byteLength).toBe(size);
    // Each is full of a number of its own: two that overlapped would show it.
    if (mark > 0 && !lease.bytes.every((byte) => byte === mark))
      throw new Error(`the bytes of ${mark} were overwritten`);
  }
}

test('leases never overlap, bounds hold, zeros are zeros, and the budget is even at the end', () => {
  fc.assert(
    fc.property(OPTIONS, fc.array(STEP, { maxLength: 80 }), (options, steps) => {
      const time = new FakeTime();
      const budget = new CountingBudget(400_000);
      const pool = new BufferPool({ ...options, budget, clock: time, timers: time, decayMs: 1000 });
      const loans: Loan[] = [];
      let next = 0;
      for (const step of steps) {
        if (step.do === 'acquire') {
          const lease = pool.tryAcquire(step.size);
          if (lease !== undefined) {
            if (options.zero !== 'never' && step.look) expect(lease.bytes.every((byte) => byte === 0)).toBe(true);
            next = (next % 255) + 1;
            const mark = step.look ? next : 0;
            if (mark > 0) lease.bytes.fill(mark);
            loans.push({ lease, size: step.size, mark });
          }
        } else if (step.do === 'release') {
          loans.splice(step.at % Math.max(1, loans.length), 1)[0]?.lease.release();
        } else if (step.do === 'trim') {
          const before = pool.heldBytes;
          expect(before - pool.heldBytes).toBeLessThanOrEqual(pool.trim(step.keep));
        } else {
          time.advance(step.ms);
        }
        check(pool, loans, budget, options);
      }
      pool.close();
      check(pool, loans, budget, options);
      for (const { lease } of loans.splice(0)) lease.release();
      expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0, slabs: 0, heldBytes: 0, mishaps: 0, stuckSlabs: 0 });
      expect(budget.used).toBe(0);
      expect(time.pending).toBe(0);
    }),
    { numRuns: 300, seed: 7 },
  );
});

/** Fails when it is told to. */
class Fickle extends CountingBudget {
  failing: Set<string> = new Set();
  override reserve(bytes: number): void {
    if (this.failing.has('reserve')) throw new Error('budget: reserve');
    super.reserve(bytes);
  }
  override release(bytes: number): void {
    super.release(bytes);
    if (this.failing.has('release')) throw new Error('budget: release');
  }
}

test('the same with a budget and a clock that fail now and then', () => {
  const failures = fc.subarray(['reserve', 'release', 'clock']);
  const steps = fc.array(fc.tuple(STEP, failures), { maxLength: 60 });
  fc.assert(
    fc.property(OPTIONS, steps, (options, list) => {
      const time = new FakeTime();
      const budget = new Fickle(400_000);
      const clock = {
        nowMs: () => {
          if (budget.failing.has('clock')) throw new Error('clock');
          return time.nowMs();
        },
      };
      const pool = new BufferPool({ ...options, budget, clock, timers: time, decayMs: 1000 });
      const loans: PooledBuffer[] = [];
      const attempt = (work: () => void): void => {
        try {
          work();
        } catch (error) {
          expect((error as Error).message).toMatch(/^(budget|clock)/);
        }
      };
      for (const [step, failing] of list) {
        budget.failing = new Set(failing);
        attempt(() => {
          if (step.do === 'acquire') {
            const lease = pool.tryAcquire(step.size);
            if (lease !== undefined) loans.push(lease);
          } else if (step.do === 'release') {
            loans.splice(step.at % Math.max(1, loans.length), 1)[0]?.release();
          } else if (step.do === 'trim') {
            pool.trim(step.keep);
          } else {
            time.advance(step.ms);
          }
        });
        const stats = pool.stats();
        expect(stats).toMatchObject({ borrowed: loans.length, heldBytes: budget.used });
        expect(stats.creates - stats.disposals).toBe(stats.size);
      }
      budget.failing = new Set();
      for (const lease of loans) lease.release();
      pool.close();
      expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0, heldBytes: 0 });
      expect(budget.used).toBe(0);
    }),
    { numRuns: 300, seed: 11 },
  );
});
