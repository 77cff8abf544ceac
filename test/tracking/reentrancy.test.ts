import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Allocator, BudgetLike } from '../../lib/core';
import {
  BudgetedAllocator,
  ByteLimit,
  describeLeaks,
  diffLeaks,
  FallbackAllocator,
  MonitoredAllocator,
  parseEventLog,
  RecordingAllocator,
  RetryingAllocator,
  replayLog,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

jest.mock('node:fs', () => ({ ...jest.requireActual('node:fs') }));
const { writeSync } = jest.requireActual<typeof import('node:fs')>('node:fs');

describe('a callback that uses the allocator again', () => {
  test('a signal: is read once, and limits nothing to itself', () => {
    let reads = 0;
    const signal = {
      get level() {
        reads++;
        monitored.deallocate(monitored.allocate(5000), 5000);
        return 'critical' as const;
      },
    };
    const monitored: MonitoredAllocator = new MonitoredAllocator(new ListAllocator(), { signal });
    refusal('ERR_MEMORY_OUT_OF_MEMORY', () => monitored.allocate(5000));
    expect([reads, monitored.signalFailures, monitored.usedBytes]).toEqual([1, 1, 0]);
  });

  test('a reservation: allocates once inside of itself, and no deeper', () => {
    let codes = 0;
    let depth = 0;
    const budget: BudgetLike = {
      name: 'hungry',
      reserve: () => {
        depth++;
        if (depth > 50) throw new Error('without end');
        try {
          budgeted.deallocate(budgeted.allocate(8), 8);
        } catch (error) {
          codes += (error as { code?: string }).code === 'ERR_MEMORY_INVALID_STATE' ? 1 : 0;
        }
        depth--;
      },
      tryReserve: () => true,
      release: () => {},
    };
    const budgeted: BudgetedAllocator = new BudgetedAllocator(new ListAllocator(), { budget });
    budgeted.allocate(64);
    expect([codes, depth, budgeted.chargedBytes]).toEqual([1, 0, 64]);
    budgeted.allocate(64);
    expect(codes).toBe(2);
  });

  test('a release: what it frees is given back after it, without end only in rounds', () => {
    let releases = 0;
    let released = 0;
    const budget: BudgetLike = {
      name: 'busy',
      reserve: () => {},
      tryReserve: () => true,
      release: (bytes) => {
        released += bytes;
        if (++releases > 1000) throw new Error('without end');
        budgeted.deallocate(budgeted.allocate(8), 8);
      },
    };
    const budgeted: BudgetedAllocator = new BudgetedAllocator(new ListAllocator(), { budget });
    budgeted.deallocate(budgeted.allocate(100), 100);
    expect(releases).toBeLessThan(50);
    expect(budgeted.usedBytes).toBe(0);
    expect(released + budgeted.unreleasedBytes).toBe(100 + 8 * releases);
  });

  test('a clock: its rows stand where they happened', () => {
    let text = '';
    let busy = true;
    const clock = {
      nowMs: () => {
        if (busy) recording.deallocate(recording.allocate(64), 64);
        return 0;
      },
    };
    const recording: RecordingAllocator = new RecordingAllocator(new ListAllocator(), {
      clock,
      extraColumns: false,
      sink: (lines) => void (text += lines),
    });
    const block = recording.allocate(64);
    recording.deallocate(block, 64); // the clock gets its place only once it is free
    busy = false;
    recording.dispose();
    const { summary } = parseEventLog(text);
    expect(summary).toMatchObject({ allocations: 3, deallocations: 3, lostFrees: 0, unknownFrees: 0, leaks: [] });
  });

  test.each(['sink', 'clock'] as const)('a %s may not dispose', (who) => {
    const codes: string[] = [];
    const dispose = () => {
      if (codes.length === 0) codes.push(refusal('ERR_MEMORY_INVALID_STATE', () => recording.dispose()).code);
      return 0;
    };
    const recording: RecordingAllocator = new RecordingAllocator(new ListAllocator(), {
      bufferBytes: 0,
      extraColumns: false,
      sink: () => void (who === 'sink' && dispose()),
      clock: { nowMs: () => (who === 'clock' ? dispose() : 0) },
    });
    recording.allocate(8);
    expect([codes.length, recording.disposed]).toEqual([1, false]);
    recording.dispose();
    recording.dispose();
    expect(recording.disposed).toBe(true);
  });

  test('the end of what is inside: disposal is not begun again', () => {
    class Clinging extends ListAllocator {
      depth = 0;
      override [Symbol.dispose](): void {
        if (++this.depth > 50) throw new Error('without end');
        refusal('ERR_MEMORY_INVALID_STATE', () => outer.dispose());
        super[Symbol.dispose]();
      }
    }
    const inner = new Clinging();
    const outer: TrackedAllocator = new TrackedAllocator(inner);
    outer.dispose();
    outer.dispose();
    expect([inner.depth, outer.disposed]).toEqual([1, true]);
  });
});

describe('a promise instead of an answer', () => {
  /** Seen to be waited for: a promise that nobody takes would end the process when it fails. */
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  const promised = () => ({ then: jest.fn((_: unknown, fail: (error: Error) => void) => fail(new Error('later'))) });

  test('of a hook is refused, and its failure taken note of', async () => {
    const answer = promised();
    const retrying = new RetryingAllocator(new ListAllocator(64), { onFailure: () => answer as never });
    retrying.allocate(64);
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => retrying.allocate(8));
    await turn();
    expect(answer.then).toHaveBeenCalled();
  });

  test.each(['reserve', 'tryReserve'] as const)('of %s grants nothing', async (method) => {
    const answer = promised();
    const budget = { name: 'async', reserve: () => answer, tryReserve: () => answer, release: () => {} };
    const budgeted = new BudgetedAllocator(new ListAllocator(), { budget: budget as never });
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => budgeted[method === 'reserve' ? 'allocate' : 'tryAllocate'](8));
    await turn();
    expect([budgeted.usedBytes, budgeted.chargedBytes]).toEqual([0, 0]);
    expect(answer.then).toHaveBeenCalled();
  });

  test('of a release that fails: the bytes are owed', async () => {
    const budget = { name: 'async', reserve: () => {}, tryReserve: () => true, release: () => promised() };
    const budgeted = new BudgetedAllocator(new ListAllocator(), { budget: budget as never });
    budgeted.deallocate(budgeted.allocate(8), 8);
    await turn();
    expect(budgeted.unreleasedBytes).toBe(8);
  });

  test('of a sink that fails: its lines are counted as lost', async () => {
    const recording = new RecordingAllocator(new ListAllocator(), { bufferBytes: 0, sink: () => promised() as never });
    recording.allocate(8);
    await turn();
    expect(recording.lostLines).toBeGreaterThan(0);
  });
});

describe('odd values', () => {
  test.each([Number.NaN, -1, '5', 1.5, 2 ** 60])('do not get into a limit: %p', (odd) => {
    const limit = new ByteLimit(1000);
    limit.reserve(100);
    for (const call of ['reserve', 'tryReserve', 'release'] as const) {
      expect(() => limit[call](odd as never)).toThrow(expect.objectContaining({ category: 'validation' }));
    }
    expect(limit.usedBytes).toBe(100);
  });

  test('a level that is a name of every object limits nothing and is counted', () => {
    for (const level of ['__proto__', 'toString', 'constructor']) {
      const monitored = new MonitoredAllocator(new ListAllocator(), { signal: { level } as never });
      monitored.allocate(64);
      expect(monitored.signalFailures).toBe(1);
    }
  });

  test('reports, logs and clocks are looked at', () => {
    const tracked = new TrackedAllocator(new ListAllocator());
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => tracked.leaks(null as never));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => tracked.leaks({ tpo: 1 } as never));
    for (const odd of [null, undefined, {}, { ...tracked.leaks(), sites: null }]) {
      refusal('ERR_MEMORY_INVALID_ARGUMENT', () => diffLeaks(odd as never, tracked.leaks()));
      refusal('ERR_MEMORY_INVALID_ARGUMENT', () => diffLeaks(tracked.leaks(), odd as never));
    }
    const log = parseEventLog('Action,Pointer,Size\nallocate,0x1,8\n');
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => replayLog(log, {} as never));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => replayLog(log, new ListAllocator(), (() => 5) as never));
    const recorder = (clock: unknown) => () =>
      new RecordingAllocator(new ListAllocator(), { sink: () => {}, clock: clock as never });
    refusal('ERR_MEMORY_INVALID_ARGUMENT', recorder(5));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', recorder({}));
  });

  test('options and reports that cannot be read are told as such', () => {
    const options = {
      get name(): string {
        throw new TypeError('mine');
      },
    };
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new TrackedAllocator(new ListAllocator(), options));
    refusal(
      'ERR_MEMORY_INVALID_ARGUMENT',
      () => new FallbackAllocator(new ListAllocator(), new ListAllocator(), options),
    );
    for (const odd of [null, undefined, {}, 5]) {
      refusal('ERR_MEMORY_INVALID_ARGUMENT', () => describeLeaks(odd as never));
    }
    const report = new TrackedAllocator(new ListAllocator()).leaks();
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => describeLeaks(report, '5' as never));
    refusal('ERR_MEMORY_OUT_OF_RANGE', () => describeLeaks(report, -1));
  });

  test('an allocator without a prototype can be recorded', () => {
    const list = new ListAllocator();
    const methods = ['allocate', 'tryAllocate', 'deallocate', 'view', 'reset', 'owns', 'stats'] as const;
    const bare = Object.assign(Object.create(null), { [Symbol.dispose]: () => list[Symbol.dispose]() });
    for (const method of methods) bare[method] = list[method].bind(list as never);
    new RecordingAllocator(bare as Allocator, { sink: () => {} }).dispose();
  });

  test('what is no lack of room is no failure of a fallback', () => {
    const [first, second] = [new ListAllocator(64), new ListAllocator(64)];
    const fallback = new FallbackAllocator(first, second);
    fallback.allocate(64);
    second[Symbol.dispose]();
    refusal('ERR_MEMORY_CLOSED', () => fallback.allocate(64));
    expect(fallback.stats().failures).toBe(0);
  });
});

test('a file that takes half of a text gets it once, whole', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-recording-'));
  const write = jest.spyOn(jest.requireMock<typeof import('node:fs')>('node:fs'), 'writeSync');
  try {
    const path = join(folder, 'app.csv');
    const recording = new RecordingAllocator(new ListAllocator(), { path });
    recording.allocate(8);
    write.mockImplementationOnce((file, text: unknown) => writeSync(file, (text as Uint8Array).subarray(0, 30)));
    write.mockImplementationOnce(() => {
      throw Object.assign(new Error('no space left on device'), { errno: -28 });
    });
    expect(refusal('ERR_MEMORY_SYSCALL', () => recording.flush())).toMatchObject({ syscall: 'write', errno: 28 });
    recording.deallocate(0, 8);
    recording.dispose();
    const log = parseEventLog(readFileSync(path, 'utf8'));
    expect(log.summary).toMatchObject({ allocations: 1, deallocations: 1, unknownFrees: 0 });
    expect(log.recorded).not.toBeNull();
  } finally {
    write.mockRestore();
    rmSync(folder, { recursive: true });
  }
});

describe('samples', () => {
  test('none with sampleInterval null: counters only', () => {
    const tracked = new TrackedAllocator(new ListAllocator(), { level: 'advanced', sampleInterval: null });
    for (let turns = 0; turns < 2000; turns++) tracked.allocate(8);
    expect(tracked.counters().allocations).toEqual({ value: 2000, peak: 2000, total: 2000 });
    expect(tracked.leaks()).toMatchObject({ recordedAllocations: 0, sampleInterval: 0, liveAllocations: 2000 });
    expect(refusal('ERR_MEMORY_INVALID_STATE', () => tracked.assertNoLeaks()).message).toContain('none was recorded');
  });

  test('are forgotten with their blocks, however many share a slot', () => {
    class Wide extends ListAllocator {
      override allocate(byteLength: number): number {
        return super.allocate(byteLength) * 2 ** 29; // 8-byte steps become 4 GiB: equal in their lower 32 bits
      }
      override deallocate(offset: number, byteLength: number): void {
        super.deallocate(offset / 2 ** 29, byteLength);
      }
    }
    const tracked = new TrackedAllocator(new Wide(), { sampleInterval: 1 });
    const live = Array.from({ length: 300 }, () => tracked.allocate(8));
    expect(tracked.leaks().recordedAllocations).toBe(300);
    for (const offset of live) tracked.deallocate(offset, 8);
    expect(tracked.leaks()).toMatchObject({ recordedAllocations: 0, liveAllocations: 0, sites: [] });
    expect(tracked.outstanding()).toEqual([]);
  });

  test('leave out adaptors around the tracker, deep or not', () => {
    const tracked = new TrackedAllocator(new ListAllocator(), { sampleInterval: 1 });
    let outer: Allocator = tracked;
    const seen: string[] = [];
    for (let depth = 0; depth < 4; depth++) {
      outer.allocate(8);
      tracked.allocate(8);
      outer = new BudgetedAllocator(outer, { limitBytes: '1MiB' });
    }
    for (const { frames } of tracked.outstanding()) seen.push(frames[0] ?? '');
    expect(seen.length).toBe(8);
    expect(seen.every((frame) => frame.includes('reentrancy.test.ts'))).toBe(true);
  });
});

test('stacks below adaptors are told apart to their full depth', () => {
  const tracked = new TrackedAllocator(new ListAllocator(), { level: 'advanced', sampleInterval: 1, stackDepth: 2 });
  tracked.allocate(8); // no adaptor around: as few frames as are asked for are enough
  const outer = new BudgetedAllocator(tracked, { limitBytes: '1MiB' });
  const helper = () => outer.allocate(16);
  const one = () => helper() + 0;
  const two = () => helper() + 0;
  one();
  tracked.allocate(8);
  two();
  const callers = tracked.outstanding().map(({ frames }) => frames[1] ?? '');
  expect(callers.length).toBe(4);
  expect(callers[1]).not.toBe(callers[3]); // the same helper, of another caller
});

test('peaks are those of the scope, over scopes that nest and frees of before', () => {
  const tracked = new TrackedAllocator(new ListAllocator());
  const first = tracked.allocate(100);
  tracked.pushCounters();
  const second = tracked.allocate(50);
  tracked.deallocate(second, 50);
  tracked.deallocate(first, 100);
  tracked.pushCounters();
  tracked.allocate(20);
  expect(tracked.popCounters().bytes).toEqual({ value: 20, peak: 20, total: 20 });
  expect(tracked.counters().bytes).toEqual({ value: -80, peak: 50, total: 70 });
  expect(tracked.popCounters().bytes).toEqual({ value: -80, peak: 50, total: 70 });
  expect(tracked.counters().bytes).toEqual({ value: 20, peak: 150, total: 170 });
});
