// MemoryMonitor in a control group: transitions arrive, and memory is given back before the kernel kills.
const { makeGroup } = require('./cgroup.cjs');
const { assert, MIB, test } = require('./harness.cjs');

async function inGroup(name, limits, body) {
  const group = makeGroup(name, limits);
  try {
    await body(group);
  } finally {
    group.remove();
  }
}

// A service whose cache of regions is worth 96 MiB and whose live memory grows by another 80: together with Node.js itself
// more than its group may hold. `shed` decides whether the monitor may trim the cache.
const service = (shed) => `
  const { CachedProvider, MemoryMonitor } = require('nebula-memory');
  const PIECE = ${2 * MIB};
  const provider = new CachedProvider(undefined, { maxCachedBytes: ${256 * MIB}, decayMs: null, reuse: 'fast', zero: false });
  const touch = (region) => { region.bytes.fill(1); return region; };
  const kept = Array.from({ length: 48 }, () => touch(provider.acquire(PIECE)));
  for (const region of kept) provider.release(region);
  const seen = [];
  const monitor = new MemoryMonitor({
    intervalMs: 100,
    actionIntervalMs: 100,
    stepRatio: { medium: 0.05, high: 0.5, critical: 1 },
    actions: [{ name: 'regions', kind: 'trim', target: provider, measure: () => provider.stats().cachedBytes }],
  });
  monitor.on('change', ({ from, to, reason }) => seen.push([from, to, reason]));
  if (${shed}) monitor.start();
  const { Region } = require('nebula-memory');
  const live = [];
  const grow = setInterval(() => {
    live.push(touch(Region.map(PIECE)));
    if (live.length < 40) return;
    clearInterval(grow);
    const { freedBytes, failures, sources } = monitor.stats();
    const journal = monitor.journal().filter(({ outcome, freedBytes }) => outcome === 'done' && freedBytes > 0);
    const modes = Object.fromEntries(sources.map(({ name, mode }) => [name, mode]));
    console.log(JSON.stringify({ seen, freedBytes, failures, steps: journal.length, modes, last: journal.at(-1) }));
  }, 60);`;

test('a cache is trimmed before the kernel kills; without a monitor the same service is killed', () =>
  inGroup('shedding', { max: 176 * MIB }, async (group) => {
    const { status, value, output } = await group.run(service(true));
    assert.equal(status, 0, output);
    assert.equal(value.failures, 0, output);
    assert.ok(value.seen.length > 0 && value.seen[0][0] === 'none', output);
    assert.ok(
      value.seen.some(([, , reason]) => /^(utilization|psi|cgroup events): /.test(reason)),
      output,
    );
    assert.ok(value.steps > 0 && value.freedBytes >= 8 * MIB, output);
    console.log(`#   ${value.seen.map((change) => change.join(', ')).join('; ')}; ${value.freedBytes} bytes freed`);
    assert.equal(value.last.measured, true);
    assert.equal(group.events().oom_kill, 0);
    const twin = await group.run(service(false));
    assert.equal(twin.signal, 'SIGKILL', twin.output);
    assert.ok(group.events().oom_kill >= 1);
  }));

// Nothing is polled within the test's time: what arrives was told by the kernel.
const told = (source) => `
  const { ${source}, MemoryMonitor, Region } = require('nebula-memory');
  const monitor = new MemoryMonitor({ sources: [new ${source}()], intervalMs: '1h' });
  const began = Date.now();
  const done = (change) => {
    const [{ mode, state, reason }] = monitor.stats().sources;
    console.log(JSON.stringify({ change: change && [change.from, change.to, change.reason], mode, state, reason }));
    process.exit(0);
  };
  monitor.once('change', done);
  monitor.start();
  const live = [];
  setInterval(() => {
    if (Date.now() - began > 8000) return done(null);
    const region = live.length < 24 ? Region.map(${2 * MIB}) : live[0];
    live.push(region);
    region.bytes.fill(1);
  }, 5);`;

test('above memory.high the kernel tells, and the monitor need not look', () =>
  inGroup('told', { high: 56 * MIB, max: 256 * MIB }, async (group) => {
    const { status, value, output } = await group.run(told('CgroupEventsSource'));
    assert.equal(status, 0, output);
    assert.deepEqual(value.change?.slice(0, 2), ['none', 'medium'], output);
    assert.equal(value.mode, 'event');
    assert.equal(group.events().oom_kill, 0);
  }));

// Linux 6.5 and newer tell those who watch the file, and Debian's 6.1 has it as a later fix.
test('a pressure trigger wakes the monitor', () =>
  inGroup('trigger', { high: 56 * MIB, max: 256 * MIB }, async (group) => {
    const { status, value, output } = await group.run(told('PsiSource'));
    assert.equal(status, 0, output);
    assert.equal(value.state, 'available', output);
    console.log(`#   PsiSource: mode ${value.mode}, ${JSON.stringify(value.change)}`);
    assert.equal(value.change?.[0], 'none', output);
    assert.equal(value.mode, 'event', output);
  }));

test('a group that is removed under a running monitor is an event, not an error', () =>
  inGroup('parent', {}, async (parent) => {
    parent.write('cgroup.subtree_control', '+memory');
    const inner = makeGroup('parent/inner', { max: 256 * MIB });
    const code = `
      const { CgroupEventsSource, MemoryMonitor, PsiSource, UtilizationSource } = require('nebula-memory');
      const { rmdirSync, writeFileSync } = require('node:fs');
      const sources = [new CgroupEventsSource(), new PsiSource({ scope: 'cgroup' }), new UtilizationSource()];
      const monitor = new MemoryMonitor({ sources, intervalMs: 50, retryMs: 200 });
      const seen = [];
      monitor.on('source', ({ name, state }) => seen.push([name, state]));
      monitor.start();
      setTimeout(() => {
        writeFileSync('/sys/fs/cgroup/cgroup.procs', String(process.pid));
        rmdirSync('${inner.path}');
      }, 200);
      setTimeout(() => {
        const { failures, sources } = monitor.stats();
        console.log(JSON.stringify({ seen, failures, states: sources.map(({ state }) => state) }));
        process.exit(0);
      }, 2000);`;
    const { status, value, output } = await inner.run(code);
    assert.equal(status, 0, output);
    assert.equal(value.failures, 0, output);
    assert.ok(
      value.seen.some(([name, state]) => name === 'psi' && state === 'unavailable'),
      output,
    );
    assert.equal(value.states[2], 'available', output);
  }));
