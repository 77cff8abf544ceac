import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Allocator } from '../../lib/core';
import { parseEventLog, RecordingAllocator, replayLog } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

const NOON = Date.UTC(2026, 0, 2, 12, 30, 45, 678) + 0.125;

function record(work: (allocator: Allocator) => void, options: object = {}, capacity = 4096): string {
  let text = '';
  const allocator = new RecordingAllocator(new ListAllocator(capacity), {
    sink: (lines) => {
      text += lines;
    },
    clock: { nowMs: () => NOON },
    ...options,
  });
  work(allocator);
  allocator.dispose();
  return text;
}

/** What RMM's readers take: six columns by name, three actions. */
function asRmmReads(text: string): { action: string; pointer: bigint; size: number }[] {
  const [head = '', ...rows] = text.trimEnd().split('\n');
  const titles = head.split(',');
  expect(titles.slice(0, 6)).toEqual(['Thread', 'Time', 'Action', 'Pointer', 'Size', 'Stream']);
  return rows.map((row) => {
    const cells = row.split(',');
    expect(cells.length).toBe(titles.length);
    const [thread = '', time = '', action = '', pointer = '', size = '', stream = ''] = cells;
    expect([thread, size, stream].every((cell) => /^\d+$/.test(cell))).toBe(true);
    expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d{6}$/);
    expect(['allocate', 'allocate failure', 'free']).toContain(action);
    return { action, pointer: BigInt(pointer), size: Number(size) };
  });
}

test("writes RMM's columns, and its own behind them", () => {
  const text = record((allocator) => {
    allocator.deallocate(allocator.allocate(100), 100);
    allocator.allocate(64, 64);
    allocator.tryAllocate(8000);
  });
  expect(text).toBe(
    [
      'Thread,Time,Action,Pointer,Size,Stream,Alignment,Note',
      '0,12:30:45.678125,free,0x0,0,0,,start;allocator=ListAllocator;capacity=4096;allocations=0;deallocations=0;failures=0;resets=0;live=0;used=0;peak=0',
      '0,12:30:45.678125,allocate,0x1000,100,0,,',
      '0,12:30:45.678125,free,0x1000,100,0,,',
      '0,12:30:45.678125,allocate,0x1000,64,0,64,',
      '0,12:30:45.678125,allocate failure,0x0,8000,0,,',
      '0,12:30:45.678125,free,0x0,0,0,,end;allocations=2;deallocations=1;failures=1;resets=0;live=1;used=64;peak=104;interventions=0',
      '',
    ].join('\n'),
  );
});

test("a reader that knows RMM's format only gets the right sum at every row", () => {
  const text = record((allocator) => {
    const offsets = [10, 20, 30].map((size) => allocator.allocate(size));
    allocator.deallocate(offsets[1] ?? -1, 20);
    allocator.reset();
    allocator.allocate(40);
  });
  const live = new Map<bigint, number>();
  for (const { action, pointer, size } of asRmmReads(text)) {
    if (action === 'allocate') live.set(pointer, size);
    else if (action === 'free' && live.has(pointer)) {
      expect(live.get(pointer)).toBe(size);
      live.delete(pointer);
    } else expect([pointer, size]).toEqual([0n, 0]);
  }
  expect([...live.values()]).toEqual([40]);
});

test("without the extra columns it is RMM's file to the letter", () => {
  const text = record((allocator) => allocator.deallocate(allocator.allocate(8, 64), 8), { extraColumns: false });
  expect(text).toBe(
    [
      'Thread,Time,Action,Pointer,Size,Stream',
      '0,12:30:45.678125,allocate,0x1000,8,0',
      '0,12:30:45.678125,free,0x1000,8,0',
      '',
    ].join('\n'),
  );
});

test('wrong calls are not written', () => {
  const text = record((allocator) => {
    refusal('ERR_MEMORY_OUT_OF_RANGE', () => allocator.allocate(0));
    refusal('ERR_MEMORY_FOREIGN_FREE', () => allocator.deallocate(8, 8));
    refusal('ERR_MEMORY_TOO_LARGE', () => allocator.allocate(2 ** 40));
  });
  expect(asRmmReads(text).map(({ action }) => action)).toEqual(['free', 'allocate failure', 'free']);
});

describe('the sink', () => {
  test('gets many lines at a time, or each one', () => {
    for (const [bufferBytes, calls] of [
      [0, 6],
      ['1MiB', 1],
    ] as const) {
      const sink = jest.fn();
      const allocator = new RecordingAllocator(new ListAllocator(), { sink, bufferBytes });
      for (let turn = 0; turn < 4; turn++) allocator.allocate(8);
      allocator.dispose();
      expect(sink).toHaveBeenCalledTimes(calls);
      expect(sink.mock.calls.every(([text]) => text.endsWith('\n'))).toBe(true);
    }
  });

  test('that throws undoes nothing, and gets the text again', () => {
    let down = true;
    let text = '';
    const allocator = new RecordingAllocator(new ListAllocator(), {
      bufferBytes: 0,
      sink: (lines) => {
        if (down) throw new Error('disk full');
        text += lines;
      },
    });
    const offset = allocator.allocate(8);
    allocator.deallocate(offset, 8);
    expect(() => allocator.flush()).toThrow('disk full');
    down = false;
    allocator.flush();
    expect(asRmmReads(text).map(({ action }) => action)).toEqual(['free', 'allocate', 'free']);
    expect(allocator.lostLines).toBe(0);
    down = true;
    expect(() => allocator.dispose()).toThrow('disk full');
    expect(allocator.disposed).toBe(true);
  });

  test('may use the very allocator', () => {
    let text = '';
    let depth = 0;
    let own: RecordingAllocator | undefined;
    own = new RecordingAllocator(new ListAllocator(), {
      bufferBytes: 0,
      sink: (lines) => {
        text += lines;
        if (own !== undefined && !own.disposed && depth++ < 3) own.deallocate(own.allocate(16), 16);
      },
    });
    own.allocate(8);
    own.dispose();
    const { summary } = parseEventLog(text);
    expect(summary).toMatchObject({ allocations: 1 + depth, deallocations: depth, unknownFrees: 0 });
  });

  test('a clock that throws undoes nothing', () => {
    const clock = {
      nowMs: () => {
        throw new Error('no time');
      },
    };
    const text = record((allocator) => void allocator.allocate(8), { clock });
    expect(text).toContain('00:00:00.000000,allocate,');
  });

  test('can be a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nebula-recording-'));
    try {
      const path = join(folder, 'app.csv');
      const allocator = new RecordingAllocator(new ListAllocator(), { path });
      allocator.allocate(8);
      allocator.flush();
      expect(existsSync(path)).toBe(true);
      allocator.dispose();
      expect(parseEventLog(readFileSync(path, 'utf8')).recorded).toMatchObject({ allocations: 1, live: 1 });
      const missing = join(folder, 'no', 'such', 'folder');
      const error = refusal('ERR_MEMORY_SYSCALL', () => new RecordingAllocator(new ListAllocator(), { path: missing }));
      expect(error).toMatchObject({ syscall: 'open', errno: 2 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is one of both', () => {
    // @ts-expect-error: the compiler says it first
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new RecordingAllocator(new ListAllocator(), {}));
    for (const options of [{}, { path: 'x', sink: () => {} }, { sink: 5 }]) {
      refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new RecordingAllocator(new ListAllocator(), options as never));
    }
  });
});

describe('replay', () => {
  const RMM = [
    'Thread,Time,Action,Pointer,Size,Stream',
    '140573312345856,14:21:19.998533,allocate,0x7f8a40000000,1024,0x2',
    '140573312345856,14:21:19.998600,allocate,0x7f8a40000400,2048,0',
    '1980043,14:21:32.661875,free,0x7f8a40000000,1024,0x2',
    '1980043,14:21:32.661900,free,0x7f8affffffff,16,0x2',
    '1980043,14:21:33.000001,allocate failure,0x0,999999999,0x2',
    '',
  ].join('\n');

  test('runs a genuine RMM log, and tells leaks and unknown frees', () => {
    const log = parseEventLog(RMM);
    expect(log.summary).toEqual({
      ...{ allocations: 2, deallocations: 1, failures: 1, resets: 0, threads: 2 },
      ...{ unknownFrees: 1, wrongSizes: 0, lostFrees: 0, liveBytes: 2048, peakBytes: 3072 },
      ...{ largestBytes: 2048, bumpBytes: 3104 },
      leaks: [{ pointer: '0x7f8a40000400', byteLength: 2048, line: 3 }],
    });
    const result = replayLog(log, new ListAllocator());
    expect(result).toMatchObject({ recorded: null, differences: [], operations: 4, newSuccesses: 0 });
    expect(result.replayed).toMatchObject({ allocations: 2, deallocations: 1, failures: 1, live: 1, peak: 3072 });
  });

  test('takes the names, breaks and order of columns as they come', () => {
    const text = '\uFEFFSize,Pointer,Action\r\n8,0x1,allocate\r\n8,0x1,deallocate\r\n\r\n';
    expect(parseEventLog(text).summary).toMatchObject({ allocations: 1, deallocations: 1, leaks: [] });
  });

  test('sees a lost free and a wrong size', () => {
    const rows = ['Action,Pointer,Size', 'allocate,0x1,8', 'allocate,0x1,16', 'free,0x1,17'];
    const log = parseEventLog(rows.join('\n'));
    expect(log.summary).toMatchObject({ lostFrees: 1, wrongSizes: 1, leaks: [] });
    expect(replayLog(log, new ListAllocator()).replayed.live).toBe(0);
  });

  test.each([
    ['', /log:1: the file is empty/],
    ['Thread,Time\n', /log:1: no column Action/],
    ['Action,Pointer,Size\nallocate,0x1,-8\n', /log:2: Size must be/],
    ['Action,Pointer,Size\nallocate,0x1,8\nexplode,0x1,8\n', /log:3: action must be/],
    ['Action,Pointer,Size\nallocate,0x1\n', /log:2: Size must be/],
  ])('refuses %j with the line', (text, message) => {
    expect(refusal('ERR_MEMORY_INVALID_ARGUMENT', () => parseEventLog(text)).message).toMatch(message);
  });

  test('on a smaller allocator new failures are told, and their frees left out', () => {
    const text = record((allocator) => {
      const [first, second] = [allocator.allocate(1000), allocator.allocate(1000)];
      allocator.deallocate(second, 1000);
      allocator.deallocate(first, 1000);
    });
    const result = replayLog(parseEventLog(text), new ListAllocator(1024));
    expect(result).toMatchObject({ newFailures: 1, refusedFrees: 0 });
    expect(result.differences).toEqual(['allocations', 'deallocations', 'failures', 'peak']);
  });

  test('on a larger one new successes are given back', () => {
    const text = record((allocator) => void allocator.tryAllocate(5000));
    const allocator = new ListAllocator(8192);
    expect(replayLog(parseEventLog(text), allocator)).toMatchObject({ newSuccesses: 1, recorded: { failures: 1 } });
    expect(allocator.usedBytes).toBe(0);
  });

  test('an empty log has no time an operation', () => {
    const log = parseEventLog('Action,Pointer,Size\n');
    expect(replayLog(log, new ListAllocator())).toMatchObject({ operations: 0, nanosecondsPerOperation: null });
  });

  test('reproduces every counter of any recorded run exactly', () => {
    const operation = fc.record({
      kind: fc.nat({ max: 99 }),
      pick: fc.nat(),
      size: fc.integer({ min: 1, max: 900 }),
      alignment: fc.constantFrom(undefined, 8, 64),
    });
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 300, size: 'max' }), (operations) => {
        const text = record((allocator) => {
          const live: [number, number][] = [];
          for (const { kind, pick, size, alignment } of operations) {
            if (kind < 60) {
              const offset = allocator.tryAllocate(size, alignment);
              if (offset !== -1) live.push([offset, size]);
            } else if (kind < 97) {
              const [block] = live.splice(pick % Math.max(1, live.length), 1);
              if (block) allocator.deallocate(...block);
            } else {
              allocator.reset();
              live.length = 0;
            }
          }
        });
        const log = parseEventLog(text);
        const result = replayLog(log, new ListAllocator(log.recordedWith?.capacityBytes ?? 0));
        expect(result.recorded).not.toBeNull();
        expect(result.replayed).toEqual(result.recorded);
        expect(result).toMatchObject({ differences: [], newFailures: 0, newSuccesses: 0, refusedFrees: 0 });
        const { allocations, failures, resets } = log.summary;
        expect({ allocations, failures, resets }).toEqual({
          allocations: result.replayed.allocations,
          failures: result.replayed.failures,
          resets: result.replayed.resets,
        });
      }),
      { numRuns: 30 },
    );
  });
});
