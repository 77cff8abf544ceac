// Code that runs inside of a free (a budget's release, a recorder's sink) and may get the very place that is freed.
import { HeapAllocator } from '../../lib/allocators';
import type { Allocator, BudgetLike } from '../../lib/core';
import {
  BudgetedAllocator,
  GuardedAllocator,
  parseEventLog,
  RecordingAllocator,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

/** A budget whose next release runs `hook`, once. */
class HookedBudget implements BudgetLike {
  readonly name = 'hooked';
  hook: (() => void) | null = null;

  reserve(): void {}

  tryReserve(): boolean {
    return true;
  }

  release(): void {
    const { hook } = this;
    this.hook = null;
    hook?.();
  }
}

function hooked(inner: Allocator = new HeapAllocator('1MiB')): { budget: HookedBudget; inner: BudgetedAllocator } {
  const budget = new HookedBudget();
  return { budget, inner: new BudgetedAllocator(inner, { budget }) };
}

describe('guards', () => {
  test('a block that leaves quarantine is not freed again by an eviction inside of its own', () => {
    const { budget, inner } = hooked();
    using guarded = new GuardedAllocator(inner, { quarantineBytes: 300 });
    const blocks = [0, 0, 0, 0, 0].map(() => guarded.allocate(64));
    for (const block of blocks.slice(0, 3)) guarded.deallocate(block, 64);
    let taken = -1;
    budget.hook = () => {
      taken = guarded.allocate(64);
      guarded.deallocate(blocks[4] ?? -1, 64);
    };
    guarded.deallocate(blocks[3] ?? -1, 64);
    expect(taken).not.toBe(-1);
    for (let turn = 0; turn < 8; turn++) expect(guarded.allocate(64)).not.toBe(taken);
    expect(guarded.inspect()).toEqual([]);
    expect(guarded.stats().liveAllocations).toBe(9);
  });

  test('a block that is refused keeps its place in quarantine, and the free before it is undone', () => {
    const inner = new ListAllocator();
    const guarded = new GuardedAllocator(inner, { quarantineBytes: 100 });
    const [first, second] = [guarded.allocate(64), guarded.allocate(64)];
    guarded.deallocate(first, 64);
    const before = { stats: guarded.stats(), held: guarded.quarantinedBytes };
    const free = inner.deallocate.bind(inner);
    inner.deallocate = () => {
      throw new Error('not now');
    };
    expect(() => guarded.deallocate(second, 64)).toThrow('not now');
    expect({ stats: guarded.stats(), held: guarded.quarantinedBytes }).toEqual(before);
    expect([guarded.owns(second), guarded.owns(first)]).toEqual([true, false]);
    inner.deallocate = free;
    guarded.deallocate(second, 64);
    guarded.drain();
    expect([guarded.usedBytes, inner.usedBytes]).toEqual([0, 0]);
  });

  test('a free is not made twice from inside of an eviction that makes room for it', () => {
    const { budget, inner } = hooked();
    using guarded = new GuardedAllocator(inner, { quarantineBytes: 100 });
    const [first, second] = [guarded.allocate(64), guarded.allocate(64)];
    guarded.deallocate(first, 64);
    let codes = 0;
    budget.hook = () => {
      refusal('ERR_MEMORY_DOUBLE_FREE', () => guarded.deallocate(second, 64));
      codes++;
    };
    guarded.deallocate(second, 64);
    expect([codes, guarded.quarantinedBytes, guarded.stats().deallocations]).toEqual([1, 96, 2]);
    guarded.drain();
    expect(inner.usedBytes).toBe(0);
  });

  test('a budget that allocates and frees at every release ends no eviction in a circle', () => {
    let rounds = 0;
    const budget: BudgetLike = {
      name: 'restless',
      reserve: () => {},
      tryReserve: () => true,
      release: () => {
        if (++rounds > 1000) throw new Error('without end');
        guarded.deallocate(guarded.allocate(64), 64);
      },
    };
    const inner = new BudgetedAllocator(new HeapAllocator('1MiB'), { budget });
    const guarded: GuardedAllocator = new GuardedAllocator(inner, { quarantineBytes: 300 });
    const blocks = [0, 0, 0, 0, 0].map(() => guarded.allocate(64));
    for (const block of blocks) guarded.deallocate(block, 64);
    guarded.drain();
    expect(rounds).toBeLessThan(300);
    expect(guarded.quarantinedBytes).toBeLessThanOrEqual(300);
  });

  test('a reset from inside of a free leaves nothing behind in the books', () => {
    const { budget, inner } = hooked();
    using guarded = new GuardedAllocator(inner, { quarantineBytes: 100 });
    const [first, second] = [guarded.allocate(64), guarded.allocate(64)];
    guarded.deallocate(first, 64);
    budget.hook = () => guarded.reset();
    guarded.deallocate(second, 64);
    expect([guarded.quarantinedBytes, guarded.usedBytes, guarded.stats().liveAllocations]).toEqual([0, 0, 0]);
    guarded.drain();
    const next = guarded.allocate(64);
    guarded.deallocate(next, 64);
    guarded.drain();
  });
});

describe('guards without quarantine', () => {
  test('keep the block that was handed out at the place that is freed', () => {
    const { budget, inner } = hooked();
    using guarded = new GuardedAllocator(inner, { quarantineBytes: 0 });
    const first = guarded.allocate(64);
    let taken = -1;
    budget.hook = () => {
      taken = guarded.allocate(64);
    };
    guarded.deallocate(first, 64);
    expect([taken, guarded.stats().liveAllocations, inner.stats().liveAllocations]).toEqual([first, 1, 1]);
    expect(guarded.owns(taken)).toBe(true);
    guarded.deallocate(taken, 64);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => guarded.deallocate(taken, 64));
    expect([guarded.usedBytes, inner.usedBytes, guarded.stats().peakUsedBytes]).toEqual([0, 0, 96]);
  });

  test('over a recorder whose sink allocates', () => {
    let hook: (() => void) | null = null;
    const sink = () => {
      const now = hook;
      hook = null;
      now?.();
    };
    const inner = new RecordingAllocator(new HeapAllocator('1MiB'), { sink, bufferBytes: 0 });
    using guarded = new GuardedAllocator(inner, { quarantineBytes: 0 });
    const first = guarded.allocate(64);
    let taken = -1;
    hook = () => {
      taken = guarded.allocate(64);
    };
    guarded.deallocate(first, 64);
    expect([taken, guarded.stats().liveAllocations]).toEqual([first, 1]);
    guarded.deallocate(taken, 64);
  });
});

describe('a tracker', () => {
  test.each(['paranoid', 'advanced', 'simple'] as const)(
    'keeps the block at the place that is freed at %s',
    (level) => {
      const { budget, inner } = hooked();
      using tracked = new TrackedAllocator(inner, { level, sampleInterval: 1 });
      const first = tracked.allocate(64);
      let taken = -1;
      budget.hook = () => {
        taken = tracked.allocate(60);
      };
      tracked.deallocate(first, 64);
      expect(taken).toBe(first);
      expect(tracked.outstanding()).toMatchObject([{ offset: taken, byteLength: 60 }]);
      expect(tracked.leaks()).toMatchObject({ liveAllocations: 1, liveBytes: 60, recordedAllocations: 1 });
      expect(tracked.leaks()).toMatchObject({ recordedBytes: 60, sites: [{ allocations: 1, bytes: 60 }] });
      tracked.deallocate(taken, 60);
      expect(tracked.leaks()).toMatchObject({ liveAllocations: 0, recordedAllocations: 0, sites: [] });
      tracked.assertNoLeaks();
    },
  );

  test('counts a block once that was handed out twice, and freed, inside of its own free', () => {
    const { budget, inner } = hooked();
    using tracked = new TrackedAllocator(inner, { level: 'advanced', sampleInterval: 1 });
    const first = tracked.allocate(64);
    budget.hook = () => tracked.deallocate(tracked.allocate(64), 64);
    tracked.deallocate(first, 64);
    expect(tracked.leaks()).toMatchObject({ liveAllocations: 0, recordedAllocations: 0, sites: [] });
    expect(tracked.outstanding()).toEqual([]);
  });

  test('does not take a new block for one that was freed, where a block of before went', () => {
    const { budget, inner } = hooked();
    const before = inner.allocate(64);
    inner.allocate(64);
    const tracked = new TrackedAllocator(inner, { level: 'paranoid' });
    let taken = -1;
    budget.hook = () => {
      taken = tracked.allocate(64);
    };
    tracked.deallocate(before, 64);
    expect([taken, tracked.outstanding().length]).toEqual([before, 1]);
    tracked.deallocate(taken, 64);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => tracked.deallocate(taken, 64));
    expect(tracked.counters().allocations.value).toBe(0);
  });
});

describe('a recorder', () => {
  function recorded(): { lines: string[]; budget: HookedBudget; recording: RecordingAllocator } {
    const lines: string[] = [];
    const { budget, inner } = hooked();
    const recording = new RecordingAllocator(inner, {
      ...{ bufferBytes: 0, extraColumns: false, clock: { nowMs: () => 0 } },
      sink: (text) => void lines.push(...text.trimEnd().split('\n')),
    });
    return { lines, budget, recording };
  }
  const rowsOf = (lines: readonly string[]): string[] =>
    lines.slice(1).map((line) => line.split(',').slice(2, 5).join(' '));
  const at = (offset: number) => `0x${(offset + 4096).toString(16)}`;

  test('writes the free before what is handed out inside of it', () => {
    const { lines, budget, recording } = recorded();
    const first = recording.allocate(64);
    const other = recording.allocate(64);
    budget.hook = () => {
      recording.allocate(64);
      budget.hook = () => void recording.allocate(64);
      recording.deallocate(other, 64);
    };
    recording.deallocate(first, 64);
    recording.flush();
    expect(rowsOf(lines)).toEqual([
      `allocate ${at(first)} 64`,
      `allocate ${at(other)} 64`,
      `free ${at(first)} 64`,
      `allocate ${at(first)} 64`,
      `free ${at(other)} 64`,
      `allocate ${at(other)} 64`,
    ]);
    const { summary } = parseEventLog(['Thread,Time,Action,Pointer,Size,Stream', ...lines.slice(1)].join('\n'));
    expect(summary).toMatchObject({ lostFrees: 0, unknownFrees: 0, liveBytes: 128 });
  });

  test('knows the block of then at a reset', () => {
    const { lines, budget, recording } = recorded();
    const first = recording.allocate(64);
    budget.hook = () => void recording.allocate(60);
    recording.deallocate(first, 64);
    recording.reset();
    expect(rowsOf(lines).at(-1)).toBe(`free ${at(first)} 60`);
    recording.reset();
    expect(rowsOf(lines).length).toBe(4);
  });

  test('a refused free is no row and no change, and what came inside of it stays', () => {
    const lines: string[] = [];
    const inner = new ListAllocator();
    const recording = new RecordingAllocator(inner, {
      ...{ bufferBytes: 0, extraColumns: false, clock: { nowMs: () => 0 } },
      sink: (text) => void lines.push(...text.trimEnd().split('\n')),
    });
    const first = recording.allocate(64);
    const free = inner.deallocate.bind(inner);
    inner.deallocate = () => {
      inner.deallocate = free;
      recording.allocate(8);
      throw new Error('not now');
    };
    expect(() => recording.deallocate(first, 64)).toThrow('not now');
    recording.reset();
    expect(rowsOf(lines).sort()).toEqual([
      ...[`allocate ${at(first)} 64`, `allocate ${at(64)} 8`, `free ${at(first)} 64`, `free ${at(64)} 8`],
    ]);
  });

  test('is not disposed from inside of a free, whose row would be lost', () => {
    const { lines, budget, recording } = recorded();
    const first = recording.allocate(64);
    let codes = 0;
    budget.hook = () => {
      refusal('ERR_MEMORY_INVALID_STATE', () => recording.dispose());
      codes++;
    };
    recording.deallocate(first, 64);
    recording.dispose();
    expect([codes, rowsOf(lines).length, recording.disposed]).toEqual([1, 2, true]);
  });

  test('a sink that uses the recorder while the rows of a free are written ends in order', () => {
    const lines: string[] = [];
    let depth = 0;
    const { budget, inner } = hooked();
    const recording: RecordingAllocator = new RecordingAllocator(inner, {
      ...{ bufferBytes: 0, extraColumns: false, clock: { nowMs: () => 0 } },
      sink: (text) => {
        lines.push(...text.trimEnd().split('\n'));
        if (!recording.disposed && depth++ < 5) recording.deallocate(recording.allocate(16), 16);
      },
    });
    const first = recording.allocate(64);
    budget.hook = () => recording.deallocate(recording.allocate(64), 64);
    recording.deallocate(first, 64);
    recording.dispose();
    const { summary } = parseEventLog(lines.join('\n'));
    expect(summary).toMatchObject({ lostFrees: 0, unknownFrees: 0, wrongSizes: 0, leaks: [] });
    expect(summary.allocations).toBe(2 + Math.min(depth, 5));
    expect(depth).toBeGreaterThan(2);
  });
});
