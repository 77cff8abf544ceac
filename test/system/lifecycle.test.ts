import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { MemoryBudget } from '../../lib/budgets';
import { Region } from '../../lib/platform';
import { type MemoryLease, MemorySystem } from '../../lib/system';
import { isEmptied } from '../support/emptied';
import { codeOf, FakeMonitor, FakeTime, small, thrown, turns } from './support';

test('created, running, draining, stopped', async () => {
  const system = small();
  const states: string[] = [];
  system.observe((event) => void (event.kind === 'state' && states.push(`${event.from} ${event.to}`)), ['state']);
  expect([system.state, system.stats().total.reservedBytes]).toEqual(['created', 0]);
  expect(system.start().start()).toBe(system);
  expect(system.state).toBe('running');
  await system.shutdown();
  await system.shutdown();
  system.dispose();
  expect(states).toEqual(['created running', 'running draining', 'draining stopped']);
  expect(system.stats().total).toMatchObject({ reservedBytes: 0, usedBytes: 0 });
  expect(system.health()).toMatchObject({ status: 'critical', reasons: [{ source: 'state' }] });
  for (const work of [() => system.request(1), () => system.allocate(1), () => system.tryAllocate(1)]) {
    expect(codeOf(work)).toBe('ERR_MEMORY_CLOSED');
  }
  expect(codeOf(() => system.start())).toBe('ERR_MEMORY_INVALID_STATE');
  expect(codeOf(() => system.tenant('t', { limitBytes: 5000 }))).toBe('ERR_MEMORY_INVALID_STATE');
});

test('the first request starts it', () => {
  using system = small();
  system.allocate(1);
  expect(system.state).toBe('running');
  using other = small();
  other.tenant('t', { limitBytes: '64KiB' });
  expect(other.state).toBe('running');
});

test('one that never began ends at once', async () => {
  const system = small();
  await system.shutdown({ deadlineMs: 0 });
  expect(system.state).toBe('stopped');
  const other = small();
  await other.drain();
  expect(other.state).toBe('draining');
  expect(codeOf(() => other.request(1))).toBe('ERR_MEMORY_INVALID_STATE');
  other.dispose();
});

test('drain() takes no more requests and waits for the last free', async () => {
  const system = small();
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  const lease = system.request(100);
  const handle = system.allocate(5000);
  const other = tenant.allocate(50);
  let drained = false;
  const draining = system.drain().then(() => {
    drained = true;
  });
  expect(codeOf(() => system.request(1))).toBe('ERR_MEMORY_INVALID_STATE');
  expect(codeOf(() => tenant.allocate(1))).toBe('ERR_MEMORY_INVALID_STATE');
  expect(system.health()).toMatchObject({ status: 'degraded', reasons: [{ source: 'state' }] });
  for (const free of [() => lease.free(), () => system.free(handle, 5000)]) {
    free();
    await turns();
    expect(drained).toBe(false);
  }
  tenant.free(other, 50);
  await draining;
  expect(system.state).toBe('draining');
  await system.shutdown({ deadlineMs: 0 });
  expect(system.state).toBe('stopped');
});

test('a tenant that is closed by force while draining is waited for no more', async () => {
  const system = small();
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.allocate(100);
  const draining = system.drain();
  tenant.close({ force: true });
  await draining;
  system.dispose();
});

test('shutdown() waits for its deadline, then says who still holds what', async () => {
  const timers = new FakeTime();
  const budget = new MemoryBudget('service', { limitBytes: '8MiB' });
  const system = small({ timers, budget, name: 'service' });
  const upload = system.request(5000, { name: 'upload' });
  const again = system.request(100, { name: 'upload' });
  const tenant = system.tenant('images', { limitBytes: '1MiB' });
  const thumbnail = tenant.request(700, { name: 'thumbnail' });
  const handle = system.allocate(64);
  const ending = system.shutdown({ deadlineMs: '2s' });
  expect(system.shutdown({ deadlineMs: 5 })).toBe(ending); // joins the first
  timers.advance(1999);
  await turns();
  expect(system.state).toBe('draining');
  timers.advance(1);
  const error = await ending.catch((reason: Error & { code?: string }) => reason);
  expect(error).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', source: 'service' });
  const { message } = error as Error;
  expect(message).toContain("'upload' 2 leases");
  expect(message).toContain("'thumbnail' of tenant 'images' 1 lease");
  expect(message).toContain('4 blocks');
  expect(message).toContain('tier stack 2');
  expect([system.state, timers.pending]).toEqual(['draining', 0]);
  // It can still be given back, and shut down again.
  const second = system.shutdown({ deadlineMs: '2s' });
  for (const lease of [upload, again, thumbnail]) lease.free();
  system.free(handle, 64);
  await second;
  expect([system.state, budget.usedBytes, timers.pending]).toEqual(['stopped', 0, 0]);
});

test('shutdown({ force }) ends at the deadline: views are empty, leases harmless, the budget as before', async () => {
  const timers = new FakeTime();
  const budget = new MemoryBudget('service', { limitBytes: '8MiB' });
  const system = small({ timers, budget });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  const leases = [10, 5000, 200_000, 2_000_000].map((size) => system.request(size));
  leases.push(tenant.request(100));
  const views = leases.map((lease) => lease.view().fill(9));
  const ending = system.shutdown({ deadlineMs: 1, force: true });
  timers.advance(1);
  await ending;
  expect(system.state).toBe('stopped');
  expect(views.filter((view) => !isEmptied(view))).toEqual([]);
  expect([budget.usedBytes, budget.stats().children.length]).toEqual([0, 0]);
  // The view of a lease may be of memory that is emptied a moment later (Node.js 20): then it reads zeros.
  const late = leases[0] as MemoryLease;
  expect(codeOf(() => late.view()) !== 'none' || isEmptied(late.view())).toBe(true);
  expect(codeOf(() => leases[1]?.free())).toBe('ERR_MEMORY_STALE_HANDLE');
  for (const lease of leases) lease[Symbol.dispose]();
  expect(system.stats().holders).toEqual([]);
  budget.close();
});

test('dispose() ends at once, also in the middle of a shutdown', async () => {
  const timers = new FakeTime();
  const shut: string[] = [];
  const system = small({ timers, plugins: [{ name: 'p', onShutdown: () => void shut.push('p') }] });
  const lease = system.request(100);
  const ending = system.shutdown({ deadlineMs: 100 });
  system.dispose();
  system.dispose();
  await ending;
  expect([system.state, shut, lease.freed]).toEqual(['stopped', ['p'], false]);
  lease[Symbol.dispose]();
});

test('a budget made from options is closed, one of yours is not', async () => {
  const own = small({ budget: { limitBytes: '1MiB', name: 'own' } });
  await own.shutdown();
  expect((own.budget as MemoryBudget).state).toBe('released');
  const budget = new MemoryBudget('mine', { limitBytes: '1MiB' });
  await small({ budget }).shutdown();
  expect(budget.state).not.toBe('released');
});

test('a plugin that never shuts down is waited for, but not for ever', async () => {
  const timers = new FakeTime();
  const warnings: string[] = [];
  const system = small({
    timers,
    plugins: [{ name: 'stuck', onShutdown: () => new Promise<void>(() => {}) }],
    logger: { info() {}, warn: (_fields, message) => void warnings.push(message), error() {} },
  });
  system.start();
  const ending = system.shutdown();
  await turns();
  expect(system.state).toBe('draining');
  timers.advance(5000);
  await ending;
  expect([system.state, warnings]).toEqual(['stopped', ['a plugin did not shut down in time']]);
});

test('pinned memory is not pulled away: it says so, and ends when the pin is gone', async () => {
  const regions: Region[] = [];
  const provider = {
    name: 'mine',
    pageBytes: 4096,
    acquire: (byteLength: number) => {
      const region = Region.map(byteLength);
      regions.push(region);
      return region;
    },
    release: (region: Region) => region.free(),
    trim: () => 0,
  };
  const budget = new MemoryBudget('service', { limitBytes: '8MiB' });
  const system = small({ budget, system: { provider } });
  const lease = system.request('2MiB');
  const pin = (regions.at(-1) as Region).pin();
  await expect(system.shutdown({ deadlineMs: 0, force: true })).rejects.toMatchObject({ code: 'ERR_MEMORY_IN_USE' });
  expect(system.state).toBe('draining');
  pin.release();
  await system.shutdown({ deadlineMs: 0, force: true });
  expect([system.state, budget.usedBytes]).toEqual(['stopped', 0]);
  lease[Symbol.dispose]();
});

test('memory that cannot be had at the start leaves it as it was', () => {
  let fails = true;
  const provider = {
    name: 'mine',
    pageBytes: 4096,
    acquire: (byteLength: number) => {
      if (fails) throw new RangeError('no');
      return Region.map(byteLength);
    },
    release: (region: Region) => region.free(),
    trim: () => 0,
  };
  using system = small({ pool: { bytes: '1MiB', upToBytes: '128KiB', provider } });
  expect(() => system.request(10)).toThrow(RangeError);
  expect([system.state, system.stats().total.reservedBytes]).toEqual(['created', 0]);
  fails = false;
  expect(system.request(2000).tier).toBe('pool');
});

test('a part that cannot be connected leaves it as it was', () => {
  const cache = { name: 'twice', usedBytes: 0, trim: () => 0 };
  const monitor = new FakeMonitor();
  using system = small({ caches: [cache, cache], monitor });
  expect(codeOf(() => system.start())).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect([system.state, system.stats().total.reservedBytes, system.stats().reclaimer.targets]).toEqual([
    'created',
    0,
    0,
  ]);
  expect(monitor.listeners.size).toBe(0);
});

test.each([
  ['a deadline that is none', { deadlineMs: 'soon' }],
  ['force that is no boolean', { force: 1 }],
  ['a misspelt key', { deadline: 5 }],
])('refuses %s, and goes on', (_, options) => {
  using system = small();
  system.start();
  expect(thrown(() => system.shutdown(options as never)).code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(system.state).toBe('running');
});

test('one that is running does not keep its process alive', () => {
  const script = `
    const { MemorySystem } = require('./dist');
    const sink = { counter() {}, gauge() {} };
    const system = new MemorySystem({ metrics: sink, metricsIntervalMs: 1000, budget: { limitBytes: '64MiB' } });
    system.tenant('t', { limitBytes: '1MiB' }).allocate(100);
    const lease = system.request(100);
    system.shutdown({ deadlineMs: '1h' }).catch(() => {});
  `;
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: join(__dirname, '..', '..'),
    encoding: 'utf8',
    timeout: 170_000,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
});

test('the builder takes each part once', () => {
  using system = MemorySystem.builder()
    .withName('built')
    .withStack({ bytes: '64KiB' })
    .withPool({ bytes: '1MiB' })
    .withArena(false)
    .withSystem({ maxBytes: '1GiB' })
    .withBudget({ limitBytes: '64MiB' })
    .withAdmission({ high: 60 })
    .withTimers(new FakeTime())
    .withReclaimable({ name: 'r', usedBytes: 0, trim: () => 0 })
    .build();
  system.request(100).free();
  expect(system.stats()).toMatchObject({
    name: 'built',
    budget: { limitBytes: 64 * 2 ** 20 },
    reclaimer: { targets: 2 },
  });
  expect(codeOf(() => MemorySystem.builder().withPool().withPool())).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});
