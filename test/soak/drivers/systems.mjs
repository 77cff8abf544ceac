// The memory system with everything switched on: tiers, tenants, a budget, pressure, plugins that fail, and its end.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectFilled, fill } from './blocks.mjs';
import { manualClock } from './clock.mjs';

const LEVELS = ['none', 'low', 'medium', 'high', 'critical'];
const REFUSED = ['BUDGET_EXCEEDED', 'OUT_OF_MEMORY', 'TOO_LARGE'];
const MOST = 80;

/** Everything that a system needs of a monitor. */
function fakeMonitor() {
  const listeners = new Set();
  return {
    level: 'none',
    on: (_, listener) => void listeners.add(listener),
    off: (_, listener) => void listeners.delete(listener),
    set(to) {
      const from = this.level;
      this.level = to;
      for (const listener of listeners) listener({ from, to });
    },
    listeners,
  };
}

function systemDriver(world) {
  const { MemoryBudget, MemorySystem } = world.lib;
  let system = null;
  let budget;
  let monitor;
  let clock;
  let blocks = [];
  let leases = [];
  const tenants = [];
  const waits = new Set();
  let alive = 0;
  let serial = 0;

  const size = () => (world.chance(5) ? 1 + (world.next() % 300_000) : 1 + (world.next() % 3000));

  function open() {
    budget = new MemoryBudget('system', { limitBytes: '8MiB' });
    monitor = fakeMonitor();
    clock = manualClock();
    alive = 0;
    const builder = world.met(MemorySystem.builder());
    const made = builder
      .withStack({ bytes: '64KiB' })
      .withPool({ bytes: '1MiB', maxBytes: '2MiB', upToBytes: '64KiB', classes: [{ blockBytes: '8KiB', blocks: 16 }] })
      .withArena({ bytes: '1MiB', chunkBytes: '128KiB', arenas: 2, upToBytes: '128KiB', retainBytes: '256KiB' })
      .withBudget(budget)
      .withMonitor(monitor)
      .withTimers(clock.timers)
      .withPlugin({
        name: 'counts',
        onAllocation: () => void (alive += 1),
        onDeallocation: () => void (alive -= 1),
      })
      .withPlugin({
        name: 'breaks',
        onAllocation() {
          if (world.chance(10)) throw new Error('as it should');
        },
        onPressure: () => Promise.reject(new Error('as it should')),
      })
      .build();
    system = world.met(made).start();
  }
  const lookBlock = ({ handle, bytes, mark }) => expectFilled(system.view(handle, bytes), mark, 'system');
  const lookLease = ({ lease, mark }) => expectFilled(lease.view(), mark, 'system, lease');
  function keep(lease, tenant = null) {
    fill(lease.view(), serial);
    leases.push({ lease: world.met(lease), tenant, mark: serial++ });
  }
  const drop = (list) => list.splice(world.next() % list.length, 1)[0];

  const acts = [
    () => {
      if (blocks.length > MOST) return;
      const bytes = size();
      const tenant = tenants.length > 0 && world.chance(30) ? world.pick(tenants) : null;
      const handle = (tenant ?? system).tryAllocate(bytes);
      if (handle === -1) return;
      blocks.push({ handle, bytes, tenant, mark: serial });
      fill(system.view(handle, bytes), serial++);
    },
    () => {
      if (blocks.length === 0) return;
      const block = world.pick(blocks);
      lookBlock(block);
      system.free(block.handle, block.bytes);
      blocks.splice(blocks.indexOf(block), 1);
    },
    () => {
      if (leases.length > MOST) return;
      const tenant = tenants.length > 0 && world.chance(30) ? world.pick(tenants) : null;
      const options = {
        priority: world.next() % 101,
        name: world.pick(['a', 'b']),
        alignment: world.pick([16, 64, 4096]),
      };
      const lease =
        tenant === null ? system.tryRequest(size(), options) : tenant.run(() => system.tryRequest(size(), options));
      if (lease !== null) keep(lease, tenant);
    },
    () => {
      if (leases.length === 0) return;
      const item = drop(leases);
      lookLease(item);
      item.lease.free();
    },
    () => {
      if (waits.size > 5) return;
      const wait = system.acquire(size(), { deadlineMs: world.next() % 2000 }).then(
        (lease) => keep(lease),
        (error) => {
          if (!world.lib.isMemoryError(error)) world.unexpected(error);
        },
      );
      waits.add(wait);
      wait.finally(() => waits.delete(wait));
    },
    () => clock.advance(world.next() % 500),
    () => {
      if (tenants.length >= 3 || !world.chance(20)) return;
      const options = { limitBytes: '1MiB', bytes: '256KiB', guardPages: world.chance(30) };
      tenants.push(world.met(system.tenant(`tenant ${serial++}`, options)));
    },
    () => {
      if (tenants.length === 0 || !world.chance(10)) return;
      const tenant = world.pick(tenants);
      tenant.close({ force: true });
      tenants.splice(tenants.indexOf(tenant), 1);
      const mine = leases.filter((item) => item.tenant === tenant);
      alive -= mine.length + blocks.filter((block) => block.tenant === tenant).length;
      blocks = blocks.filter((block) => block.tenant !== tenant);
      leases = leases.filter((item) => item.tenant !== tenant);
    },
    () => monitor.set(world.pick(LEVELS)),
    () => void system.trim({ caches: world.chance(50) }),
    () => void [system.health(), system.stats(), MemorySystem.readSnapshot(system.snapshot())],
  ];

  function look() {
    blocks.forEach(lookBlock);
    leases.forEach(lookLease);
    const held = blocks.length + leases.length;
    const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
    if (system.usedBytes < bytes) throw new Error(`system: ${system.usedBytes} bytes in the books, ${bytes} held`);
    // Those that wait may have been served and not heard of it.
    if (alive < held || alive > held + waits.size)
      throw new Error(`system: plugins saw ${alive} blocks, ${held} are held`);
  }
  return {
    step() {
      if (system === null) world.attempt(open);
      else world.attempt(() => world.pick(acts)(), REFUSED);
    },
    check() {
      if (system !== null) look();
    },
    async rest() {
      if (system === null) return;
      monitor.set('none');
      clock.advance(10_000);
      await Promise.all(waits);
      look();
      for (const tenant of tenants.splice(0)) tenant.close({ force: true });
      leases = leases.filter(({ tenant }) => tenant === null);
      blocks = blocks.filter(({ tenant }) => tenant === null);
      if (world.chance(50)) {
        for (const { handle, bytes } of blocks) system.free(handle, bytes);
        for (const { lease } of leases) lease.free();
        if (budget.usedBytes !== 0) throw new Error(`system: ${budget.usedBytes} bytes are charged when all is freed`);
        await system.shutdown({ deadlineMs: 0 });
      } else await system.shutdown({ deadlineMs: 0, force: true });
      if (system.state !== 'stopped') throw new Error(`system: it is ${system.state} after its end`);
      if (budget.usedBytes !== 0) throw new Error(`system: ${budget.usedBytes} bytes are charged after its end`);
      if (monitor.listeners.size !== 0) throw new Error('system: it listens to its monitor after its end');
      if (clock.pending !== 0) throw new Error(`system: ${clock.pending} timers are left`);
      budget.close();
      system = null;
      blocks = [];
      leases = [];
    },
  };
}

/** A configuration whose file changes, breaks and goes. */
function configDriver(world) {
  const { ConfigWatcher, MemoryConfig } = world.lib;
  const folder = join(world.folder, 'config');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'memory.toml');
  let watcher = null;
  return {
    step() {
      if (watcher === null) {
        writeFileSync(file, '');
        watcher = world.met(new ConfigWatcher({ file, env: {}, watch: false }));
        world.met(watcher.config);
        if (!(watcher.config instanceof MemoryConfig)) throw new Error('config: it is none');
      }
      if (!world.chance(10)) return;
      const before = watcher.config;
      const broken = world.chance(30);
      writeFileSync(
        file,
        broken ? 'this is no file of settings' : `preset = "${world.pick(['production', 'debug'])}"\n`,
      );
      const { error, config } = watcher.reload();
      if (broken !== (error !== null))
        throw new Error(`config: ${error?.message ?? 'no error'} for a ${broken ? 'broken' : 'good'} file`);
      if (broken && config !== before) throw new Error('config: a broken file changed it');
    },
    check() {},
    rest() {
      watcher?.dispose();
      watcher = null;
    },
  };
}

export const systemDrivers = [
  {
    name: 'memory system',
    drives: ['MemoryLease', 'MemorySystem', 'SystemBuilder', 'Tenant'],
    needs: ['MemoryBudget'],
    make: systemDriver,
  },
  { name: 'configuration', drives: ['ConfigWatcher', 'MemoryConfig'], make: configDriver },
];
