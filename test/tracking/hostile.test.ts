import { HeapAllocator } from '../../lib/allocators';
import { type Allocator, isMemoryError } from '../../lib/core';
import { Region } from '../../lib/platform';
import {
  BudgetedAllocator,
  FailureInjectingAllocator,
  FallbackAllocator,
  GuardedAllocator,
  MonitoredAllocator,
  parseEventLog,
  RecordingAllocator,
  RetryingAllocator,
  replayLog,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

const STACKS: Readonly<Record<string, (inner: Allocator) => Allocator>> = {
  tracked: (inner) => new TrackedAllocator(inner),
  paranoid: (inner) => new TrackedAllocator(inner, { level: 'paranoid' }),
  monitored: (inner) => new MonitoredAllocator(inner, { signal: { level: 'critical' } }),
  budgeted: (inner) => new BudgetedAllocator(inner, { limitBytes: '1MiB' }),
  guarded: (inner) => new GuardedAllocator(inner),
  recording: (inner) => new RecordingAllocator(inner, { sink: () => {} }),
  fallback: (inner) => new FallbackAllocator(inner, new HeapAllocator('64KiB')),
  retrying: (inner) => new RetryingAllocator(inner, { onFailure: () => false }),
  failing: (inner) => new FailureInjectingAllocator(inner, { every: 1000 }),
};

const ODD: readonly unknown[] = [
  ...[null, '8', '64', 8n, 2n ** 60n, -1, -100, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[1.5, 2.5, 2 ** 53, {}, [8], Symbol('odd'), () => 8, true, '99999999999999999999'],
];

describe.each(Object.keys(STACKS))('%s over a heap', (name) => {
  test('answers odd values with errors of this package, and nothing has changed', () => {
    using allocator = (STACKS[name] as (inner: Allocator) => Allocator)(new HeapAllocator('1MiB'));
    const block = allocator.allocate(64);
    const before = { ...allocator.stats(), failures: 0 };
    const odd = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        if (!isMemoryError(error)) throw error;
      }
    };
    for (const value of ODD as readonly never[]) {
      for (const call of ['allocate', 'tryAllocate'] as const) {
        odd(() => expect(allocator[call](value)).toBe(-1));
        odd(() => expect(allocator[call](64, value)).toBe(-1));
      }
      odd(() => expect(allocator.deallocate(value, 64)).toBe('refused'));
      odd(() => expect(allocator.deallocate(block, value)).toBe('refused'));
      odd(() => expect(allocator.view(value, 64)).toBe('refused'));
      odd(() => expect(allocator.view(block, value)).toBe('refused'));
      expect(allocator.owns(value)).toBe(false);
    }
    expect({ ...allocator.stats(), failures: 0 }).toEqual(before);
  });
});

describe.each([0.5, 1.5, 2.25, 3, 0, -8, 8192, Number.NaN, '8'])('an alignment of %p', (alignment) => {
  const odd = alignment as never;

  test.each([
    ['a full budget', (inner: Allocator) => new BudgetedAllocator(inner, { limitBytes: 0 })],
    ['pressure', (inner: Allocator) => new MonitoredAllocator(inner, { signal: { level: 'critical' } })],
    ['a failure on purpose', (inner: Allocator) => new FailureInjectingAllocator(inner, { every: 1 })],
  ] as const)('is wrong before it is refused for %s', (_, make) => {
    using allocator = make(new HeapAllocator('1MiB'));
    for (const call of ['allocate', 'tryAllocate'] as const) {
      refusal('ERR_MEMORY_INVALID_ALIGNMENT', () => allocator[call](5000, odd));
    }
    expect(allocator.stats()).toMatchObject({ failures: 0, allocations: 0 });
    if (allocator instanceof FailureInjectingAllocator) expect(allocator.requests).toBe(0);
  });
});

test('a budget that answers with a promise has not granted anything', () => {
  const released: number[] = [];
  const budget = {
    name: 'async',
    reserve: () => {},
    tryReserve: async () => true,
    release: (bytes: number) => void released.push(bytes),
  };
  using budgeted = new BudgetedAllocator(new ListAllocator(), { budget: budget as never });
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => budgeted.tryAllocate(64));
  expect([budgeted.chargedBytes, budgeted.usedBytes, released]).toEqual([0, 0, []]);
});

test('guards whose region was freed below leave no block behind', () => {
  const region = Region.map(65_536);
  const heap = new HeapAllocator({ region });
  const guarded = new GuardedAllocator(heap);
  region.free();
  refusal('ERR_MEMORY_FREED', () => guarded.allocate(64));
  expect(heap.stats().liveAllocations).toBe(0);
  expect(guarded.stats().liveAllocations).toBe(0);
  guarded.dispose();
});

describe('a recording whose sink or clock uses the allocator', () => {
  test('during a reset: what the sink took stays known and can be played', () => {
    const lines: string[] = [];
    const inner = new HeapAllocator('1MiB');
    let taken = -1;
    const recording: RecordingAllocator = new RecordingAllocator(inner, {
      bufferBytes: 0,
      clock: { nowMs: () => 0 },
      sink: (text) => {
        lines.push(text);
        if (text.includes('by-reset') && taken === -1) taken = recording.allocate(100);
      },
    });
    for (let i = 0; i < 40; i++) recording.allocate(64);
    recording.reset();
    expect(taken).not.toBe(-1);
    recording.deallocate(taken, 100);
    recording.dispose();
    const log = parseEventLog(lines.join(''));
    expect(log.summary.unknownFrees).toBe(0);
    using target = new HeapAllocator('1MiB');
    expect(replayLog(log, target).differences).toEqual([]);
  });

  test('a clock that allocates is not asked again for its own blocks', () => {
    const inner = new HeapAllocator('1MiB');
    let calls = 0;
    const clock = {
      nowMs: () => {
        calls++;
        const block = recording.allocate(8);
        recording.deallocate(block, 8);
        return 0;
      },
    };
    const recording: RecordingAllocator = new RecordingAllocator(inner, { sink: () => {}, clock, extraColumns: false });
    recording.allocate(64);
    expect(calls).toBe(1);
    expect(inner.stats().liveAllocations).toBe(1);
    recording.dispose();
  });
});

describe('logs from elsewhere', () => {
  const header = 'Thread,Time,Action,Pointer,Size,Stream';

  test.each([undefined, null, 5, {}, []])('text must be text: %p', (text) => {
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => parseEventLog(text as never));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => replayLog(text as never, new ListAllocator()));
  });

  test.each(['0x0', '(nil)', '0'])('requests for 0 bytes at %s hold nothing and lose nothing', (none) => {
    const rows = [`1,0,allocate,${none},0,0`, `1,0,allocate,${none},0,0`, `1,0,free,${none},0,0`];
    const { summary } = parseEventLog([header, ...rows, `1,0,free,${none},0,0`].join('\n'));
    expect(summary).toMatchObject({ allocations: 2, deallocations: 2, lostFrees: 0, unknownFrees: 0, leaks: [] });
  });

  test.each(['3', '0.5', '8192', '65536', '70000'])('an alignment of %s is told with its line', (alignment) => {
    const text = `${header},Alignment,Note\n1,0,allocate,0x10,100,0,${alignment},\n`;
    expect(refusal('ERR_MEMORY_INVALID_ARGUMENT', () => parseEventLog(text, 'app.csv')).message).toContain(
      'app.csv:2:',
    );
  });
});
