import { ManualSource, MemoryMonitor } from '../../lib/monitor';
import { PRIORITIES } from '../../lib/system';
import { codeOf, FakeMonitor, KIB, small, thrown } from './support';

test.each([
  ['none', ['background', 'low', 'normal', 'high', 'critical']],
  ['low', ['background', 'low', 'normal', 'high', 'critical']],
  ['medium', ['low', 'normal', 'high', 'critical']],
  ['high', ['normal', 'high', 'critical']],
  ['critical', ['high', 'critical']],
] as const)('at %s %j are served', (level, served) => {
  const monitor = new FakeMonitor();
  using system = small({ monitor });
  system.start();
  monitor.set(level);
  const got = Object.keys(PRIORITIES).filter((priority) => {
    const lease = system.tryRequest(100, { priority: priority as never });
    lease?.free();
    return lease !== null;
  });
  expect(got).toEqual(served);
});

test('a refusal says why, is counted, and leaves the budget alone; frees always pass', () => {
  const monitor = new FakeMonitor();
  using system = small({ monitor, budget: { limitBytes: '1MiB' } });
  const handle = system.allocate(100);
  monitor.set('critical');
  const error = thrown(() => system.request(100));
  expect(error).toMatchObject({ code: 'ERR_MEMORY_OUT_OF_MEMORY', source: 'pressure', retryable: true });
  expect(error.message).toContain('pressure is critical');
  expect(codeOf(() => system.allocate(100))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
  expect(system.tryAllocate(100)).toBe(-1);
  system.free(handle, 100);
  expect(system.stats()).toMatchObject({ shed: 3, liveBlocks: 0, pressure: 'critical', budget: { usedBytes: 0 } });
  expect(system.health()).toMatchObject({ status: 'critical', reasons: [{ source: 'pressure' }] });
  monitor.set('none');
  system.free(system.allocate(100), 100);
  expect(system.health().status).toBe('ok');
});

test('the thresholds are options; tenants have a priority of their own, which a context or a request changes', () => {
  const monitor = new FakeMonitor();
  using system = small({ monitor, admission: { medium: 'high', critical: 100 } });
  const important = system.tenant('important', { limitBytes: '1MiB', priority: 'high' });
  monitor.set('medium');
  expect(system.tryAllocate(10)).toBe(-1);
  expect(important.tryAllocate(10)).not.toBe(-1);
  expect(important.tryRequest(10, { priority: 'low' })).toBeNull();
  expect(system.run({ priority: 80 }, () => system.tryRequest(10))).not.toBeNull();
  monitor.set('critical');
  expect(important.tryAllocate(10)).toBe(-1);
});

test('the level at the start counts, and after the end nobody listens', () => {
  const monitor = new FakeMonitor();
  monitor.level = 'critical';
  const system = small({ monitor });
  expect([system.pressure, system.tryAllocate(10), system.pressure]).toEqual(['none', -1, 'critical']);
  system.dispose();
  expect(monitor.listeners.size).toBe(0);
});

test('blocks above what the monitor welcomes are refused, on the fast path as well', () => {
  const monitor = new FakeMonitor();
  using system = small({ monitor });
  system.start();
  monitor.largestAllowedBytes = 4 * KIB;
  expect(thrown(() => system.allocate(5 * KIB))).toMatchObject({
    code: 'ERR_MEMORY_OUT_OF_MEMORY',
    limitBytes: 4 * KIB,
  });
  expect(system.tryRequest('64KiB')).toBeNull();
  system.free(system.allocate(4 * KIB), 4 * KIB);
  expect(system.stats().shed).toBe(2);
});

test('a real monitor makes it give memory back, in steps, and its caches smaller', () => {
  const source = new ManualSource('test');
  using monitor = new MemoryMonitor({ sources: [source], stepRatio: 0.5, actionIntervalMs: 0 });
  const cache = {
    name: 'thumbnails',
    usedBytes: 1000,
    trim(keepBytes = 0) {
      const given = this.usedBytes - keepBytes;
      this.usedBytes = keepBytes;
      return given;
    },
  };
  const reasons: string[] = [];
  using system = small({ monitor, caches: [cache] });
  system.observe((event) => void (event.kind === 'trim' && reasons.push(event.reason)), ['trim']);
  system.start();
  monitor.start();
  const lease = system.request('64KiB');
  lease.view().fill(1);
  lease.free();
  source.set('high');
  monitor.poll();
  expect([system.pressure, reasons]).toEqual(['high', ['pressure high']]);
  for (let i = 0; i < 5; i += 1) monitor.poll();
  expect(cache.usedBytes).toBeLessThan(1000);
  expect(system.stats().reclaimer.freedBytes).toBeGreaterThanOrEqual(64 * KIB);
  expect(system.stats().caches).toEqual([{ name: 'thumbnails', usedBytes: cache.usedBytes }]);
});

test('a cache that was filled from the system makes room in the budget', () => {
  const kept: { free(): void }[] = [];
  const cache = {
    name: 'kept',
    get usedBytes() {
      return kept.length * 32 * KIB;
    },
    trim(keepBytes = 0) {
      const before = this.usedBytes;
      while (this.usedBytes > keepBytes) kept.pop()?.free();
      return before - this.usedBytes;
    },
  };
  using system = small({ budget: { limitBytes: '128KiB', quantumBytes: 1 }, caches: [cache] });
  const many = Array.from({ length: 60 }, () => system.allocate(1000));
  for (const handle of many) system.free(handle, 1000); // idle memory of a tier, which would not help the budget
  for (let i = 0; i < 4; i += 1) kept.push(system.request(32 * KIB));
  using lease = system.request(64 * KIB);
  expect([lease.byteLength, kept.length]).toEqual([64 * KIB, 2]);
  expect(system.reclaimer.journal().at(-1)).toMatchObject({ reason: 'budget memory', asked: [{ name: 'kept' }] });
  expect(system.trim({ caches: true })).toBeGreaterThanOrEqual(64 * KIB);
  expect(kept.length).toBe(0);
});

test('a name has at most 192 characters, with which everything can be registered', () => {
  using monitor = new MemoryMonitor({ sources: [new ManualSource('test')] });
  expect(thrown(() => small({ name: 'x'.repeat(193), monitor }))).toMatchObject({
    code: 'ERR_MEMORY_INVALID_ARGUMENT',
    message: expect.stringContaining('at most 192 characters'),
  });
  using system = small({ name: 'x'.repeat(192), monitor, budget: { limitBytes: '1MiB' } });
  system.start();
  using lease = system.request(1000);
  expect(lease.byteLength).toBe(1000);
});
