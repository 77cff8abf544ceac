import * as fc from 'fast-check';
import { BudgetedAllocator, TRACKING_LEVELS, TrackedAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

function paranoid(): TrackedAllocator<ListAllocator> {
  return new TrackedAllocator(new ListAllocator(), { level: 'paranoid' });
}

describe('counters', () => {
  test('have value, peak and total', () => {
    const tracked = new TrackedAllocator(new ListAllocator());
    const first = tracked.allocate(100);
    const second = tracked.tryAllocate(50);
    tracked.deallocate(first, 100);
    tracked.allocate(10);
    expect(tracked.counters()).toEqual({
      bytes: { value: 60, peak: 150, total: 160 },
      allocations: { value: 2, peak: 2, total: 3 },
    });
    tracked.deallocate(second, 50);
    expect(tracked.counters().bytes.value).toBe(10);
  });

  test('nest: a scope begins at 0 and is added to the one around it', () => {
    const tracked = new TrackedAllocator(new ListAllocator());
    const outer = tracked.allocate(100);
    tracked.pushCounters();
    expect(tracked.counters().bytes).toEqual({ value: 0, peak: 0, total: 0 });
    const inner = tracked.allocate(30);
    tracked.deallocate(inner, 30);
    tracked.deallocate(outer, 100);
    expect(tracked.popCounters()).toEqual({
      bytes: { value: -100, peak: 30, total: 30 },
      allocations: { value: -1, peak: 1, total: 1 },
    });
    expect(tracked.counters().bytes).toEqual({ value: 0, peak: 130, total: 130 });
    refusal('ERR_MEMORY_INVALID_STATE', () => tracked.popCounters());
  });

  test('follow a reset through all scopes', () => {
    const tracked = new TrackedAllocator(new ListAllocator());
    tracked.allocate(100);
    tracked.pushCounters();
    tracked.allocate(10);
    tracked.reset();
    expect(tracked.popCounters().bytes.value).toBe(-100);
    expect(tracked.counters().bytes.value).toBe(0);
    expect(tracked.leaks().liveBytes).toBe(0);
  });

  test.each(TRACKING_LEVELS)('never go below 0 at level %s with blocks of before', (level) => {
    const inner = new ListAllocator();
    const before = [inner.allocate(64), inner.allocate(32)];
    const tracked = new TrackedAllocator(inner, { level });
    tracked.deallocate(before[0] ?? -1, 64);
    tracked.deallocate(before[1] ?? -1, 32);
    expect(tracked.counters().bytes.value).toBe(0);
    expect(tracked.counters().allocations.value).toBe(0);
    expect(inner.usedBytes).toBe(0);
  });

  test("are each tracker's own", () => {
    const inner = new ListAllocator();
    const [one, two] = [new TrackedAllocator(inner), new TrackedAllocator(inner)];
    one.allocate(8);
    two.allocate(16);
    two.allocate(16);
    expect([one.counters().bytes.value, two.counters().bytes.value]).toEqual([8, 32]);
  });
});

describe('places', () => {
  function hoard(tracked: TrackedAllocator, bytes: number): number {
    return tracked.allocate(bytes);
  }

  test('are those of the caller, most bytes first', () => {
    const tracked = paranoid();
    tracked.allocate(8);
    for (let turn = 0; turn < 3; turn++) hoard(tracked, 100);
    const { sites, liveAllocations, recordedBytes } = tracked.leaks();
    expect([liveAllocations, recordedBytes, sites.length]).toEqual([4, 308, 2]);
    expect(sites[0]).toMatchObject({ allocations: 3, bytes: 300, totalAllocations: 3 });
    expect(sites[0]?.frames[0]).toContain('tracked.test.ts');
    expect(tracked.leaks({ top: 1 })).toMatchObject({ omittedSites: 1, sites: [{ bytes: 300 }] });
  });

  test.each(['simple', 'advanced'] as const)(
    'are told apart at %s, also from code that is made at run time',
    (level) => {
      const tracked = new TrackedAllocator(new ListAllocator(), { level, sampleInterval: 1 });
      for (let turn = 0; turn < 3; turn++) {
        tracked.allocate(8);
        hoard(tracked, 16);
        [1].forEach(() => void tracked.allocate(24));
        new Function('tracked', 'tracked.allocate(32);')(tracked);
        new Function('tracked', 'tracked.allocate(40);')(tracked);
      }
      const { sites } = tracked.leaks();
      expect(sites.slice(-3).map(({ bytes, allocations }) => [bytes, allocations])).toEqual([
        [72, 3],
        [48, 3],
        [24, 3],
      ]);
      expect(sites.length).toBe(5);
      expect(sites.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(3 * (8 + 16 + 24 + 32 + 40));
    },
  );

  test('leave out the frames of other adaptors', () => {
    const tracked = paranoid();
    const outer = new BudgetedAllocator(tracked, { limitBytes: '1MiB' });
    outer.allocate(8);
    expect(tracked.outstanding()[0]?.frames[0]).toContain('tracked.test.ts');
  });

  test('are as deep as asked', () => {
    const depth = (options: object) => {
      const tracked = new TrackedAllocator(new ListAllocator(), { sampleInterval: 1, ...options });
      tracked.allocate(8);
      return tracked.outstanding()[0]?.frames.length;
    };
    expect(depth({ level: 'paranoid', stackDepth: 3 })).toBe(3);
    expect(depth({ level: 'advanced', stackDepth: 2 })).toBe(2);
    expect(depth({ level: 'simple' })).toBe(1);
    expect(depth({ level: 'off' })).toBeUndefined();
  });

  test('leave the settings of Error as they were, and survive strange ones', () => {
    const { stackTraceLimit, prepareStackTrace } = Error;
    try {
      const prepare = () => 42;
      Error.stackTraceLimit = 0;
      Error.prepareStackTrace = prepare;
      const tracked = paranoid();
      tracked.allocate(8);
      expect(tracked.outstanding()[0]?.frames[0]).toContain('tracked.test.ts');
      expect([Error.stackTraceLimit, Error.prepareStackTrace]).toEqual([0, prepare]);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      Error.prepareStackTrace = prepareStackTrace;
    }
  });

  test('past maxSites are counted together', () => {
    const tracked = new TrackedAllocator(new ListAllocator(), { level: 'paranoid', maxSites: 1 });
    tracked.allocate(8);
    tracked.allocate(8);
    tracked.allocate(8);
    const { sites } = tracked.leaks();
    expect(sites.map(({ allocations }) => allocations)).toEqual([2, 1]);
    expect(sites[0]?.frames[0]).toContain('other places');
  });

  test('are sampled at about the interval, the same ones with the same seed', () => {
    const sample = (seed: number) => {
      const tracked = new TrackedAllocator(new ListAllocator(2 ** 20), { sampleInterval: 16, seed });
      for (let turn = 0; turn < 3200; turn++) tracked.allocate(8);
      return tracked.outstanding().map(({ offset }) => offset);
    };
    const taken = sample(7);
    expect(taken.length).toBeGreaterThan(120);
    expect(taken.length).toBeLessThan(300);
    expect(sample(7)).toEqual(taken);
    expect(sample(8)).not.toEqual(taken);
  });
});

describe('wrong frees at paranoid', () => {
  test('of another size name the place of the allocation', () => {
    const tracked = paranoid();
    const offset = tracked.allocate(64);
    const error = refusal('ERR_MEMORY_INVALID_ARGUMENT', () => tracked.deallocate(offset, 63));
    expect(error.message).toMatch(/64 bytes, not 63.*tracked\.test\.ts/);
    expect(tracked.counters().bytes.value).toBe(64);
    tracked.deallocate(offset, 64);
  });

  test("twice, of nobody's, and of the middle of a block", () => {
    const tracked = paranoid();
    const offset = tracked.allocate(64);
    const past = tracked.inner.allocate(64);
    refusal('ERR_MEMORY_FOREIGN_FREE', () => tracked.deallocate(offset + 8, 56));
    refusal('ERR_MEMORY_FOREIGN_FREE', () => tracked.deallocate(past, 64));
    tracked.deallocate(offset, 64);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => tracked.deallocate(offset, 64));
    expect(tracked.allocate(64)).toBe(offset);
    tracked.deallocate(offset, 64);
    tracked.reset();
    refusal('ERR_MEMORY_FOREIGN_FREE', () => tracked.deallocate(offset, 64));
  });

  test('twice of a block of before', () => {
    const inner = new ListAllocator();
    const before = inner.allocate(64);
    inner.allocate(64);
    const tracked = new TrackedAllocator(inner, { level: 'paranoid' });
    tracked.deallocate(before, 64);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => tracked.deallocate(before, 64));
  });
});

describe('blocks of before at paranoid', () => {
  test('are all freed, also after a block that was taken past the tracker went first', () => {
    const inner = new ListAllocator();
    const before = [inner.allocate(64), inner.allocate(64)];
    const tracked = new TrackedAllocator(inner, { level: 'paranoid' });
    const own = tracked.allocate(64);
    const foreign = [inner.allocate(64), inner.allocate(64)];
    for (const offset of [...foreign, ...before]) tracked.deallocate(offset, 64); // not to be told from those of before
    for (const offset of [...foreign, ...before]) {
      refusal('ERR_MEMORY_DOUBLE_FREE', () => tracked.deallocate(offset, 64));
    }
    expect(tracked.counters().allocations.value).toBe(1);
    tracked.deallocate(own, 64);
    expect([inner.usedBytes, tracked.counters().bytes.value]).toEqual([0, 0]);
    tracked.assertNoLeaks();
  });

  test('are gone with a reset: a foreign one is told then', () => {
    const inner = new ListAllocator();
    inner.allocate(64);
    const tracked = new TrackedAllocator(inner, { level: 'paranoid' });
    tracked.reset();
    const foreign = inner.allocate(64);
    refusal('ERR_MEMORY_FOREIGN_FREE', () => tracked.deallocate(foreign, 64));
  });
});

describe('leak checks', () => {
  test('assertNoLeaks names what is left', () => {
    const tracked = paranoid();
    tracked.assertNoLeaks();
    const offset = tracked.allocate(48);
    const { message } = refusal('ERR_MEMORY_INVALID_STATE', () => tracked.assertNoLeaks());
    expect(message).toMatch(/1 live blocks of 48 B[\s\S]*tracked\.test\.ts/);
    tracked.deallocate(offset, 48);
    tracked.assertNoLeaks();
    const sampled = new TrackedAllocator(new ListAllocator());
    sampled.allocate(8);
    refusal('ERR_MEMORY_INVALID_STATE', () => sampled.assertNoLeaks());
    refusal('ERR_MEMORY_INVALID_STATE', () =>
      new TrackedAllocator(new ListAllocator(), { level: 'off' }).assertNoLeaks(),
    );
  });

  test('presence looks at what was allocated since', () => {
    const tracked = paranoid();
    const before = tracked.allocate(8);
    const first = tracked.enterPresence();
    const kept = tracked.allocate(16);
    const second = tracked.enterPresence();
    tracked.deallocate(before, 8);
    second.leave();
    expect(refusal('ERR_MEMORY_INVALID_STATE', () => first.leave()).message).toContain('1 live blocks of 16 B');
    first.leave();
    tracked.deallocate(kept, 16);
    tracked.enterPresence()[Symbol.dispose]();
    const third = tracked.enterPresence();
    tracked.allocate(8);
    tracked.reset();
    third.leave();
    refusal('ERR_MEMORY_INVALID_STATE', () => new TrackedAllocator(new ListAllocator()).enterPresence());
  });

  test('forget everything at disposal', () => {
    const tracked = paranoid();
    tracked.allocate(8);
    tracked.dispose();
    expect(tracked.outstanding()).toEqual([]);
    refusal('ERR_MEMORY_CLOSED', () => tracked.deallocate(0, 8));
  });
});

test.each([
  [{ level: 'paranoic' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ sampleInterval: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ stackDepth: 65 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ depth: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
] as const)('refuses the options %j', (options, code) => {
  refusal(code, () => new TrackedAllocator(new ListAllocator(), options as object));
});

test('refuses what is no allocator', () => {
  for (const odd of [null, undefined, 5, {}, []]) {
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new TrackedAllocator(odd as never));
  }
});

test('unwrap finds the allocator at the bottom', () => {
  const inner = new ListAllocator();
  const outer = new TrackedAllocator(new TrackedAllocator(inner));
  expect(outer.unwrap()).toBe(inner);
  expect(outer.name).toBe('tracked(tracked(list))');
});

test('knows exactly what lives, over random programs (paranoid)', () => {
  const operation = fc.record({ free: fc.boolean(), pick: fc.nat(), size: fc.integer({ min: 1, max: 400 }) });
  fc.assert(
    fc.property(fc.array(operation, { minLength: 20, maxLength: 200, size: 'max' }), (operations) => {
      const tracked = new TrackedAllocator(new ListAllocator(16_384), { level: 'paranoid', stackDepth: 1 });
      const live: { offset: number; byteLength: number }[] = [];
      let peak = 0;
      for (const { free, pick, size } of operations) {
        if (free && live.length > 0) {
          const [block] = live.splice(pick % live.length, 1);
          if (block) tracked.deallocate(block.offset, block.byteLength);
        } else {
          const offset = tracked.tryAllocate(size);
          if (offset !== -1) live.push({ offset, byteLength: size });
        }
        const bytes = live.reduce((sum, block) => sum + block.byteLength, 0);
        peak = Math.max(peak, bytes);
        expect(tracked.counters().bytes).toMatchObject({ value: bytes, peak });
        expect(tracked.counters().allocations.value).toBe(live.length);
      }
      const known = tracked.outstanding().map(({ offset, byteLength }) => ({ offset, byteLength }));
      expect(known).toEqual(
        live.sort(
          (a, b) => known.findIndex((x) => x.offset === a.offset) - known.findIndex((x) => x.offset === b.offset),
        ),
      );
      expect(tracked.leaks().recordedAllocations).toBe(live.length);
      for (const { offset, byteLength } of live) tracked.deallocate(offset, byteLength);
      tracked.assertNoLeaks();
    }),
    { numRuns: 30 },
  );
});
