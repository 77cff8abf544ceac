// A reset or disposal inside that frees some blocks and throws for others, as over pinned memory.
import { SystemAllocator } from '../../lib/allocators';
import { memoryError } from '../../lib/core';
import type { Region } from '../../lib/platform';
import {
  BudgetedAllocator,
  ByteLimit,
  GuardedAllocator,
  parseEventLog,
  RecordingAllocator,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

/** The region of the block of a SystemAllocator with that number. */
function regionOf(system: SystemAllocator, index: number): Region {
  const blocks = Reflect.get(system, 'blocks') as { all(): { region: Region }[] };
  return (blocks.all()[index] as { region: Region }).region;
}

/** Its reset and disposal free all blocks but those that are kept, and throw for these. */
class ClingingAllocator extends ListAllocator {
  readonly kept = new Set<number>();

  override reset(): void {
    this.clear(() => super.reset());
  }

  override [Symbol.dispose](): void {
    this.clear(() => super[Symbol.dispose]());
  }

  private clear(whole: () => void): void {
    const kept = this.blocks.filter(({ offset }) => this.kept.has(offset));
    if (kept.length === 0) {
      whole();
      return;
    }
    this.blocks = kept;
    throw new Error('pinned');
  }
}

const CLEARS = ['reset', 'dispose'] as const;

describe.each(CLEARS)('%s that frees a part', (clear) => {
  test('leaves a paranoid tracker and a budget with the rest, over real memory', () => {
    const system = new SystemAllocator();
    const limit = new ByteLimit('1MiB');
    const tracked = new TrackedAllocator(system, { level: 'paranoid' });
    const budgeted = new BudgetedAllocator(tracked, { budget: limit });
    const kept = budgeted.allocate(4096);
    const gone = budgeted.allocate(40_960);
    const pin = regionOf(system, 0).pin();
    expect(() => budgeted[clear]()).toThrow();
    expect([limit.usedBytes, budgeted.chargedBytes, system.stats().liveAllocations]).toEqual([4096, 4096, 1]);
    expect(tracked.outstanding()).toMatchObject([{ offset: kept, byteLength: 4096 }]);
    expect(tracked.leaks()).toMatchObject({ liveAllocations: 1, liveBytes: 4096, recordedBytes: 4096 });
    pin.release();
    refusal('ERR_MEMORY_DOUBLE_FREE', () => budgeted.deallocate(gone, 40_960));
    budgeted.deallocate(kept, 4096);
    expect([limit.usedBytes, budgeted.disposed]).toEqual([0, false]);
    tracked.assertNoLeaks();
    budgeted.dispose();
  });

  test.each(['simple', 'advanced'] as const)(
    'leaves the counters of a tracker at %s no higher than what lives',
    (level) => {
      const inner = new ClingingAllocator();
      const tracked = new TrackedAllocator(inner, { level, sampleInterval: 1 });
      const offsets = [8, 16, 24, 32].map((size) => tracked.allocate(size));
      inner.kept.add(offsets[2] ?? -1);
      expect(() => tracked[clear]()).toThrow('pinned');
      expect(tracked.leaks()).toMatchObject({ liveAllocations: 1, liveBytes: 24, recordedAllocations: 1 });
      inner.kept.clear();
      tracked.deallocate(offsets[2] ?? -1, 24);
      tracked.assertNoLeaks();
    },
  );

  test('gives a budget back what is gone, and the rest with the last block', () => {
    const inner = new ClingingAllocator();
    const limit = new ByteLimit('1MiB');
    const budgeted = new BudgetedAllocator(inner, { budget: limit });
    const offsets = [100, 5, 300].map((size) => budgeted.allocate(size));
    inner.kept.add(offsets[1] ?? -1);
    expect(() => budgeted[clear]()).toThrow('pinned');
    expect(limit.usedBytes).toBe(8); // what the allocator uses, rounded as it rounds
    inner.kept.clear();
    budgeted.deallocate(offsets[1] ?? -1, 5);
    expect([limit.usedBytes, budgeted.chargedBytes]).toEqual([0, 0]);
  });

  test('leaves guards with the rest, which are freed, verified and reset as before', () => {
    const inner = new ClingingAllocator();
    const guarded = new GuardedAllocator(inner);
    const offsets = [64, 64, 64, 64].map((size) => guarded.allocate(size));
    const held = offsets.pop() ?? -1;
    const alsoHeld = guarded.allocate(64);
    guarded.deallocate(held, 64);
    guarded.deallocate(alsoHeld, 64);
    for (const offset of [offsets[1] ?? -1, held]) inner.kept.add(offset - 16);
    expect(() => guarded[clear]()).toThrow('pinned');
    expect(guarded.stats()).toMatchObject({ liveAllocations: 1, usedBytes: 96 });
    expect([guarded.quarantinedBytes, guarded.inspect(), guarded.disposed]).toEqual([96, [], false]);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => guarded.deallocate(offsets[0] ?? -1, 64));
    inner.kept.clear();
    guarded.deallocate(offsets[1] ?? -1, 64);
    guarded.drain();
    expect([inner.usedBytes, guarded.usedBytes]).toEqual([0, 0]);
    guarded.dispose();
  });

  test('leaves guards over real memory that can be reset once nothing is pinned', () => {
    const system = new SystemAllocator();
    const guarded = new GuardedAllocator(system);
    guarded.allocate(64);
    guarded.allocate(64);
    const pin = regionOf(system, 0).pin();
    expect(() => guarded[clear]()).toThrow();
    expect(guarded.inspect()).toEqual([]);
    pin.release();
    guarded.reset();
    expect([guarded.usedBytes, system.usedBytes]).toEqual([0, 0]);
    guarded.dispose();
  });

  test('hides no error behind one of its own', () => {
    const inner = new ClingingAllocator();
    const tracked = new TrackedAllocator(inner, { level: 'paranoid' });
    inner.kept.add(tracked.allocate(8));
    inner.owns = () => {
      throw new Error('mine');
    };
    expect(() => tracked[clear]()).toThrow('pinned');
  });
});

test.each(CLEARS)('a %s that is refused from inside of a free leaves the books to that free', (clear) => {
  let tracked: TrackedAllocator | undefined;
  class Refusing extends ListAllocator {
    override deallocate(offset: number, byteLength: number): void {
      super.deallocate(offset, byteLength);
      refusal('ERR_MEMORY_INVALID_STATE', () => tracked?.[clear]());
    }

    override reset(): void {
      throw memoryError('ERR_MEMORY_INVALID_STATE', 'list: busy');
    }

    override [Symbol.dispose](): void {
      this.reset();
    }
  }
  tracked = new TrackedAllocator(new Refusing(), { level: 'paranoid' });
  const [first] = [tracked.allocate(8), tracked.allocate(16)];
  tracked.deallocate(first, 8);
  expect(tracked.leaks()).toMatchObject({ liveAllocations: 1, liveBytes: 16, recordedAllocations: 1 });
});

test('guards look past a block whose memory went behind their back', () => {
  const system = new SystemAllocator();
  const guarded = new GuardedAllocator(system);
  guarded.allocate(64);
  const quarantined = guarded.allocate(64);
  guarded.deallocate(quarantined, 64);
  system.reset();
  expect(guarded.inspect()).toEqual([]);
  guarded.check();
  guarded.drain();
  guarded.reset();
  expect([guarded.usedBytes, guarded.quarantinedBytes]).toEqual([0, 0]);
  guarded.dispose();
});

test('a recorder writes the frees of a part, and knows the rest', () => {
  let text = '';
  const inner = new ClingingAllocator();
  const recording = new RecordingAllocator(inner, {
    ...{ clock: { nowMs: () => 0 }, extraColumns: false },
    sink: (lines) => void (text += lines),
  });
  const offsets = [8, 16, 24].map((size) => recording.allocate(size));
  inner.kept.add(offsets[1] ?? -1);
  expect(() => recording.reset()).toThrow('pinned');
  inner.kept.clear();
  expect(recording.allocate(8)).toBe(offsets[0]);
  recording.reset();
  recording.dispose();
  const { summary } = parseEventLog(text);
  expect(summary).toMatchObject({ allocations: 4, deallocations: 4, lostFrees: 0, unknownFrees: 0, liveBytes: 0 });
});
