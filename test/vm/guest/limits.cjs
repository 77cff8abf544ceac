// memory.limits() and memory.pressure() report what the kernel says of a process's control group.
const { closeSync, openSync, readFileSync, writeSync } = require('node:fs');
const { memory, Region } = require('nebula-memory');
const { makeGroup } = require('./cgroup.cjs');
const { assert, MIB, own, test } = require('./harness.cjs');

async function inGroup(name, limits, body) {
  const group = makeGroup(name, limits);
  try {
    await body(group);
  } finally {
    group.leave();
    group.remove();
  }
}

function touch(region, { forMs = Number.POSITIVE_INFINITY } = {}) {
  const end = Date.now() + forMs;
  const { bytes } = region;
  for (let at = 0; at < bytes.length && Date.now() < end; at += 4096) bytes[at] = 1;
}

test('swap is off, pressure accounting is on', () => {
  const { machine } = memory.limits();
  assert.equal(machine.swapTotalBytes, 0);
  assert.notEqual(memory.pressure().system, null);
});

test('pressure triggers can be set, says the platform layer, and the kernel takes one on a group', () =>
  inGroup('trigger', {}, (group) => {
    const { available, reason } = memory.capabilities().pressureTrigger;
    assert.equal(available, true, reason);
    // The kernel parses what is written: a trigger it cannot have is EINVAL. It lives as long as the descriptor.
    const file = openSync(`${group.path}/memory.pressure`, 'r+');
    writeSync(file, 'some 50000 1000000\0');
    closeSync(file);
    assert.throws(() => group.write('memory.pressure', 'some 5000000 1000000\0'), { code: 'EINVAL' });
  }));

test('memory.max and memory.high are reported with their files', () =>
  inGroup('plain', { max: 256 * MIB, high: 192 * MIB }, (group) => {
    group.enter();
    const region = own(Region.map(8 * MIB));
    touch(region);
    const limits = memory.limits();
    assert.equal(limits.effectiveBytes, 256 * MIB);
    assert.equal(limits.setBy, `${group.path}/memory.max`);
    assert.deepEqual(limits.throttle, { bytes: 192 * MIB, setBy: `${group.path}/memory.high` });
    const [mine] = limits.cgroups;
    assert.deepEqual([mine.path, mine.version, mine.binding], [group.path, 2, true]);
    assert.deepEqual([mine.maxBytes, mine.highBytes], [256 * MIB, 192 * MIB]);
    assert.ok(Math.abs(mine.currentBytes - group.number('memory.current')) < 4 * MIB, `${mine.currentBytes}`);
    assert.ok(mine.currentBytes >= 8 * MIB);
    assert.equal(limits.availableBytes, 256 * MIB - mine.currentBytes);
    assert.deepEqual(mine.events, { low: 0, high: 0, max: 0, oom: 0, oomKill: 0 });
    assert.deepEqual(limits.degraded, []);
    const pressure = memory.pressure();
    assert.equal(pressure.cgroupFile, `${group.path}/memory.pressure`);
    assert.notEqual(pressure.cgroup, null);
    assert.deepEqual(pressure.degraded, []);
  }));

test('the tightest of nested groups is found', () =>
  inGroup('outer', { max: 200 * MIB }, async (outer) => {
    outer.write('cgroup.subtree_control', '+memory');
    await inGroup('outer/inner', { max: 300 * MIB, high: 250 * MIB }, (inner) => {
      inner.enter();
      const limits = memory.limits();
      assert.equal(limits.effectiveBytes, 200 * MIB);
      assert.equal(limits.setBy, `${outer.path}/memory.max`);
      assert.equal(limits.throttle.setBy, `${inner.path}/memory.high`);
      const paths = limits.cgroups.map(({ path }) => path);
      assert.deepEqual(paths.slice(0, 2), [inner.path, outer.path]);
    });
  }));

test('above memory.high: events and pressure are counted and reported', () =>
  inGroup('slow', { high: 24 * MIB, max: 256 * MIB }, (group) => {
    group.enter();
    touch(own(Region.map(40 * MIB)), { forMs: 4000 });
    const { events } = memory.limits().cgroups[0];
    const kernel = group.events();
    assert.ok(events.high > 0 && events.high <= kernel.high, `${events.high}, kernel ${kernel.high}`);
    assert.deepEqual([events.oom, events.oomKill, kernel.oom_kill], [0, 0, 0]);
    const before = memory.pressure().cgroup.some;
    const total = Number(/^some .*total=(\d+)/m.exec(group.read('memory.pressure'))[1]);
    assert.ok(before.totalUs > 0 && before.totalUs <= total, `${before.totalUs} us, kernel ${total}`);
  }));

// The pattern for a service that survives where its twin is killed: both get the same group.
const SERVICE = `
  const { Region } = require('nebula-memory');
  try {
    Region.map(${160 * MIB}, { populate: true });
  } catch ({ code, availableBytes, source }) {
    console.log(JSON.stringify({ code, availableBytes, source }));
  }`;
const TWIN = `const kept = []; for (;;) kept.push(Buffer.alloc(${8 * MIB}, 1));`;

test('over memory.max: the region is refused and the process lives; its twin is killed', () =>
  inGroup('hard', { max: 112 * MIB }, async (group) => {
    const { status, value, output } = await group.run(SERVICE);
    assert.equal(status, 0, output);
    assert.equal(value.code, 'ERR_MEMORY_OUT_OF_MEMORY');
    assert.equal(value.source, `${group.path}/memory.max`);
    assert.ok(value.availableBytes < 112 * MIB);
    assert.equal(group.events().oom_kill, 0);
    const twin = await group.run(TWIN);
    assert.equal(twin.signal, 'SIGKILL', twin.output);
    const kernel = group.events();
    assert.ok(kernel.oom_kill >= 1);
    group.enter();
    const { events } = memory.limits().cgroups[0];
    assert.deepEqual([events.oomKill, events.oom, events.max], [kernel.oom_kill, kernel.oom, kernel.max]);
  }));

test('pressure of the machine equals /proc/pressure/memory', () => {
  const { system } = memory.pressure();
  const [, some, total] = /^some avg10=\S+ avg60=\S+ avg300=(\S+) total=(\d+)/m.exec(
    readFileSync('/proc/pressure/memory', 'utf8'),
  );
  assert.ok(Number(total) >= system.some.totalUs);
  assert.ok(Math.abs(Number(some) / 100 - system.some.avg300Ratio) < 0.05);
});
