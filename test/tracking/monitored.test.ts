import type { PressureLevel } from '../../lib/core';
import { MonitoredAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

const KIB = 1024;

function at(level: string, limits?: object): MonitoredAllocator {
  const signal = { level: level as PressureLevel };
  return new MonitoredAllocator(new ListAllocator(2 ** 20), { signal, ...(limits ? { limits } : {}) });
}

test.each([
  ['none', 2 ** 19, null],
  ['low', 2 ** 19, null],
  ['medium', 2 ** 19, null],
  ['high', 64 * KIB, 64 * KIB + 1],
  ['critical', 4 * KIB, 4 * KIB + 1],
])('at %s %i bytes are granted and %p refused', (level, granted, refused) => {
  const monitored = at(level);
  monitored.allocate(granted);
  expect(monitored.tryAllocate(granted)).toBeGreaterThanOrEqual(0);
  if (refused === null) return;
  expect(monitored.tryAllocate(refused)).toBe(-1);
  const error = refusal('ERR_MEMORY_OUT_OF_MEMORY', () => monitored.allocate(refused));
  expect(error).toMatchObject({ retryable: true, requestedBytes: refused, limitBytes: granted });
  expect([monitored.deniedAllocations, monitored.stats().failures]).toEqual([2, 2]);
});

test('limits can be set, to all and to nothing', () => {
  const denying = at('critical', { critical: 0, high: null });
  refusal('ERR_MEMORY_OUT_OF_MEMORY', () => denying.allocate(1));
  expect(at('high', { high: null }).tryAllocate(2 ** 19)).toBe(0);
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => at('high', { hihg: 1 }));
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => at('high', { high: '1kib' }));
});

test('frees are never refused, and the level is read at each request', () => {
  const signal = { level: 'none' as PressureLevel };
  const monitored = new MonitoredAllocator(new ListAllocator(2 ** 20), { signal });
  const offset = monitored.allocate(2 ** 17);
  signal.level = 'critical';
  expect(monitored.tryAllocate(2 ** 17)).toBe(-1);
  monitored.deallocate(offset, 2 ** 17);
  signal.level = 'none';
  expect(monitored.tryAllocate(2 ** 17)).toBe(offset);
});

test('a signal that throws or says something else limits nothing', () => {
  let reads = 0;
  const broken = {
    get level(): PressureLevel {
      reads++;
      throw new Error('monitor is down');
    },
  };
  const monitored = new MonitoredAllocator(new ListAllocator(2 ** 20), { signal: broken });
  monitored.allocate(2 ** 17);
  expect([reads, monitored.signalFailures]).toEqual([1, 1]);
  const odd = at('apocalyptic');
  odd.allocate(2 ** 17);
  expect(odd.signalFailures).toBe(1);
});

test('wrong arguments are told as such under pressure', () => {
  const monitored = at('critical', { critical: 0 });
  refusal('ERR_MEMORY_OUT_OF_RANGE', () => monitored.allocate(2 ** 53));
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => monitored.tryAllocate(8192.5));
  refusal('ERR_MEMORY_INVALID_ALIGNMENT', () => monitored.tryAllocate(8192, 3));
  expect(monitored.stats().failures).toBe(0);
  monitored.dispose();
  refusal('ERR_MEMORY_CLOSED', () => monitored.tryAllocate(8192));
});

test.each([null, undefined, 5, 'high'])('refuses the signal %p', (signal) => {
  refusal(
    'ERR_MEMORY_INVALID_ARGUMENT',
    () => new MonitoredAllocator(new ListAllocator(), { signal: signal as never }),
  );
});
