import { MemorySystem } from '../../lib/system';
import { codeOf, FakeMonitor, FakeTime, small } from './support';

test('the logger hears of states, pressure, refusals and reclaiming; one that throws is counted', () => {
  const lines: [string, string][] = [];
  const log = (level: string) => (_fields: object, message: string) => void lines.push([level, message]);
  const monitor = new FakeMonitor();
  using system = small({
    monitor,
    logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
  });
  system.allocate(10);
  monitor.set('critical');
  system.tryAllocate(10);
  system.reclaimer.reclaim();
  expect(lines).toEqual([
    ['info', 'the memory system changed its state'],
    ['warn', 'memory pressure changed'],
    ['debug', 'a request was refused'],
    ['info', 'memory was reclaimed'],
  ]);
  const fail = () => {
    throw new RangeError('the disk is full');
  };
  using other = small({ logger: { info: fail, warn: fail, error: fail } });
  other.free(other.allocate(10), 10);
  expect(other.stats()).toMatchObject({ loggerFailures: 1, liveBlocks: 0 });
});

test('the metrics sink gets counters as differences and gauges, at its interval and at the end', async () => {
  const timers = new FakeTime();
  const counters = new Map<string, number>();
  const gauges = new Map<string, number>();
  const key = (name: string, { tier = '', tenant = '', reason = '' }: Readonly<Record<string, string>>) =>
    [name.replace('nebula_memory_', ''), tenant, tier, reason].filter((part) => part !== '').join(' ');
  const sink = {
    counter: (name: string, delta: number, labels: Readonly<Record<string, string>>) =>
      void counters.set(key(name, labels), (counters.get(key(name, labels)) ?? 0) + delta),
    gauge: (name: string, value: number, labels: Readonly<Record<string, string>>) =>
      void gauges.set(key(name, labels), value),
  };
  const system = MemorySystem.builder()
    .withMetrics(sink, '5s')
    .withTimers(timers)
    .withBudget({ limitBytes: '1MiB' })
    .withCache({ name: 'c', usedBytes: 5, trim: () => 0 })
    .build();
  const tenant = system.tenant('t', { limitBytes: '512KiB' });
  system.allocate(100);
  system.allocate(5000);
  tenant.allocate(100);
  expect(counters.size).toBe(0);
  timers.advance(5000);
  expect(Object.fromEntries(counters)).toEqual({
    'requests_total stack': 1,
    'requests_total pool': 1,
    'requests_total t pool': 1,
  });
  expect(gauges.get('live_blocks t pool')).toBe(1);
  expect([gauges.get('budget_limit_bytes'), gauges.get('cache_bytes')]).toEqual([2 ** 20, 5]);
  system.tryAllocate(2 ** 21);
  system.allocate(100);
  timers.advance(5000);
  expect([counters.get('requests_total stack'), counters.get('refusals_total budget')]).toEqual([2, 1]);
  system.allocate(100);
  await system.shutdown({ deadlineMs: 0, force: true });
  expect([counters.get('requests_total stack'), timers.pending]).toEqual([3, 0]);
});

test('a sink that throws is told to the logger, and asked again', () => {
  const timers = new FakeTime();
  const warnings: string[] = [];
  let calls = 0;
  const fail = () => {
    calls += 1;
    throw new RangeError('no');
  };
  using system = small({
    timers,
    metrics: { counter: fail, gauge: fail },
    logger: { info() {}, warn: (_fields, message) => void warnings.push(message), error() {} },
  });
  system.start();
  timers.advance(10_000);
  timers.advance(10_000);
  expect([calls, warnings.length, system.publish()]).toEqual([2, 2, false]);
  using none = small();
  expect(none.publish()).toBe(false);
});

test('a cache or a budget that cannot tell its size spoils no statistics', () => {
  const broken = {
    name: 'broken',
    calls: 0,
    get usedBytes(): number {
      this.calls += 1;
      if (this.calls > 1) throw new RangeError('no');
      return 5;
    },
    trim: () => 0,
  };
  const budget = {
    name: 'mine',
    get usedBytes(): number {
      throw new RangeError('no');
    },
    reserve() {},
    tryReserve: () => true,
    release() {},
  };
  using system = small({ caches: [broken], budget });
  system.start();
  expect(system.stats()).toMatchObject({
    caches: [{ name: 'broken', usedBytes: null }],
    budget: { name: 'mine', usedBytes: null, limitBytes: null },
  });
  expect(system.health().status).toBe('ok');
});

test('snapshots are written by the serializer and read back', () => {
  using system = small();
  system.allocate(100);
  const text = system.snapshot() as string;
  expect(MemorySystem.readSnapshot(text).stats).toEqual(JSON.parse(JSON.stringify(system.stats())));
  expect(MemorySystem.readSnapshot(Buffer.from(text)).version).toBe(1);
  const serializer = {
    name: 'base64',
    serialize: (value: unknown) => Buffer.from(Buffer.from(JSON.stringify(value)).toString('base64')),
    deserialize: (data: string | Uint8Array) =>
      JSON.parse(Buffer.from(Buffer.from(data as Uint8Array).toString(), 'base64').toString()),
  };
  using other = small({ serializer });
  const bytes = other.snapshot();
  expect(MemorySystem.readSnapshot(bytes, serializer).stats.name).toBe('memory');
  for (const [data, code] of [
    ['{', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['null', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['{"format":"other"}', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['{"format":"nebula-memory/system","version":2}', 'ERR_MEMORY_UNSUPPORTED'],
  ] as const) {
    expect(codeOf(() => MemorySystem.readSnapshot(data))).toBe(code);
  }
});
