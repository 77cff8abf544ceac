// Pools of objects against a model: what was made and not ended or detached is idle or lent, within the bound, whatever the
// hooks do.
import { manualClock } from './clock.mjs';

class HookError extends Error {}

/** What hooks make and end, and how often they fail. */
function factory(world) {
  const live = new Set();
  const fails = () => world.chance(3);
  return {
    live,
    hooks: {
      create: () => {
        if (fails()) throw new HookError('create');
        const made = { lent: false };
        live.add(made);
        return made;
      },
      reset: () => {
        if (fails()) throw new HookError('reset');
      },
      validate: () => !fails(),
      dispose: (object) => {
        if (!live.delete(object)) throw new Error('pool: an object was ended twice');
        if (fails()) throw new HookError('dispose');
      },
    },
  };
}

/** @param open makes `{ pools, end }`: all of them lend objects of one bound, which the first one counts */
function objectDriver(world, what, open) {
  let at = null;
  let made = factory(world);
  let out = [];

  const attempt = (work) => {
    try {
      return world.attempt(work);
    } catch (error) {
      if (!(error instanceof HookError)) throw error;
      return undefined;
    }
  };
  const hold = (pool, object, giveBack) => {
    if (object.lent) throw new Error(`${what}: an object was lent twice`);
    object.lent = true;
    out.push({ pool, object, giveBack });
  };
  const give = (how) => {
    if (out.length === 0) return;
    const [item] = out.splice(world.next() % out.length, 1);
    item.object.lent = false;
    if (how === 'detach') made.live.delete(item.object);
    item.giveBack(how);
  };
  const byPool = (pool, object) => (how) => pool[how](object);
  const acts = [
    (pool) => {
      const object = pool.tryAcquire();
      if (object !== undefined) hold(pool, object, byPool(pool, object));
    },
    (pool) => {
      const object = pool.acquire();
      hold(pool, object, byPool(pool, object));
    },
    () => give('release'),
    () => give('release'),
    () => give('release'),
    () => give(world.chance(50) ? 'destroy' : 'detach'),
    (pool) => {
      const lease = world.met(pool.lease());
      hold(pool, lease.value, (how) => lease[how]());
    },
    (pool) => {
      const count = 1 + (world.next() % 4);
      const batch = world.met(world.met(new world.lib.BatchAllocator(pool)).tryAcquireExact(count));
      if (batch === undefined) return;
      for (const object of batch) if (object.lent) throw new Error(`${what}: a batch holds what is lent`);
      batch.release();
    },
    (pool) => pool.use((object) => void object),
    (pool) => void (world.chance(20) && pool.clear()),
    (pool) => void (world.chance(50) && pool.trim?.(world.next() % 4)),
    () => at.tick?.(),
    (pool) => {
      const level = world.met(world.lib.PoolHealthMonitor.watch(pool)).check();
      if (!world.lib.POOL_HEALTH_LEVELS.includes(level)) throw new Error(`${what}: health is ${level}`);
    },
  ];
  const look = () => {
    if (at === null) return;
    const [root] = at.pools;
    const { borrowed, size, idle, maxSize } = root.stats();
    if (borrowed !== out.length || size !== made.live.size || size > maxSize || idle + borrowed !== size) {
      throw new Error(
        `${what}: ${borrowed} lent of ${size} within ${maxSize}, ${idle} idle; ${out.length} are out, ${made.live.size} live`,
      );
    }
  };
  return {
    step() {
      at ??= open(made.hooks);
      for (const pool of at.pools) world.met(pool);
      attempt(() => world.pick(acts)(world.pick(at.pools)));
      if (world.chance(5)) look();
    },
    check: look,
    rest() {
      if (at === null) return;
      look();
      while (out.length > 0) attempt(() => give('release'));
      const [root] = at.pools;
      attempt(() => root.close());
      if (root.size !== 0 || made.live.size !== 0) throw new Error(`${what}: ${made.live.size} objects are left`);
      at.end?.();
      at = null;
      made = factory(world);
      out = [];
    },
  };
}

const MAX = 12;
const driver = (name, open) => ({
  name: `objects of a ${name}`,
  drives: [name, 'PoolLease', 'BatchAllocator', 'PoolHealthMonitor'],
  make: (world) => objectDriver(world, name, (hooks) => open(world, hooks)),
});

let serial = 0;

/** An AsyncPool whose hooks answer sooner, later or never, and whose waiters give up. */
function asyncDriver(world) {
  const { AsyncPool, AsyncBatchAllocator } = world.lib;
  const clock = manualClock();
  let pool = null;
  let batches = null;
  const out = [];
  const live = new Set();
  const waiting = new Set();
  const later = (work) => (world.chance(50) ? work() : new Promise((resolve) => setImmediate(resolve)).then(work));

  const open = () => {
    pool = world.met(
      new AsyncPool({
        max: 8,
        create: () =>
          later(() => {
            if (world.chance(3)) throw new HookError('create');
            const made = { lent: false };
            live.add(made);
            return made;
          }),
        validate: () => later(() => !world.chance(3)),
        dispose: (object) =>
          later(() => {
            if (!live.delete(object)) throw new Error('AsyncPool: an object was ended twice');
          }),
        idleTimeoutMs: 2000,
        timers: clock.timers,
        clock,
      }),
    );
    batches = world.met(new AsyncBatchAllocator(pool));
  };
  const wait = (begin, got) => {
    const stop = new AbortController();
    const entry = { stop };
    waiting.add(entry);
    const options = { signal: stop.signal, priority: world.next() % 100 };
    if (world.chance(50)) options.deadlineMs = 1 + (world.next() % 3000);
    entry.done = begin(options)
      .then(got, (error) => {
        if (!(error instanceof HookError) && !world.lib.isMemoryError(error)) world.unexpected(error);
      })
      .finally(() => waiting.delete(entry));
  };
  const hold = (object) => {
    if (object.lent) throw new Error('AsyncPool: an object was lent twice');
    object.lent = true;
    out.push(object);
  };
  const give = (how) => {
    if (out.length === 0) return;
    const [object] = out.splice(world.next() % out.length, 1);
    object.lent = false;
    if (how === 'detach') live.delete(object);
    Promise.resolve(pool[how](object)).catch((error) => world.unexpected(error));
  };
  const acts = [
    () => void (waiting.size < 20 && wait((options) => pool.acquire(options), hold)),
    () =>
      void (
        waiting.size < 20 &&
        wait(
          (options) => batches.acquireExact(1 + (world.next() % 4), options),
          (batch) => world.met(batch).release(),
        )
      ),
    () => {
      const object = pool.tryAcquire();
      if (object !== undefined) hold(object);
    },
    () => give('release'),
    () => give('release'),
    () => give(world.chance(70) ? 'destroy' : 'detach'),
    () => void (world.chance(30) && waiting.size > 0 && world.pick([...waiting]).stop.abort()),
    () => clock.advance(world.next() % 700),
  ];
  const look = () => {
    if (pool === null) return;
    const { size, maxSize, borrowed } = pool.stats();
    if (size > maxSize || borrowed < out.length)
      throw new Error(`AsyncPool: ${borrowed} lent of ${size}, ${out.length} out`);
  };
  return {
    step() {
      if (pool === null) open();
      world.attempt(world.pick(acts));
      look();
    },
    check: look,
    async rest() {
      if (pool === null) return;
      for (const { stop } of waiting) stop.abort();
      await Promise.all([...waiting].map(({ done }) => done));
      while (out.length > 0) give('release');
      await pool.close();
      if (live.size !== 0 || pool.size !== 0) throw new Error(`AsyncPool: ${live.size} objects are left`);
      if (clock.pending !== 0) throw new Error(`AsyncPool: ${clock.pending} timers are left`);
      pool = null;
    },
  };
}

export const objectPoolDrivers = [
  driver('ObjectPool', ({ lib }, hooks) => ({
    pools: [new lib.ObjectPool(hooks, { maxSize: MAX, growth: 'double', shrink: { afterReleases: 50 } })],
  })),
  driver('PriorityPool', ({ lib }, hooks) => ({
    pools: [new lib.PriorityPool(hooks, { maxSize: MAX, maxIdle: 5 })],
  })),
  driver('TtlPool', (world, hooks) => {
    const clock = manualClock();
    const pool = new world.lib.TtlPool(hooks, {
      maxSize: MAX,
      idleMs: 1000,
      maxAgeMs: 5000,
      clock,
      timers: clock.timers,
    });
    const end = () => {
      if (clock.pending !== 0) throw new Error(`TtlPool: ${clock.pending} timers are left`);
    };
    return { pools: [pool], tick: () => clock.advance(world.next() % 800), end };
  }),
  driver('LocalPool', ({ lib }, hooks) => {
    serial += 1;
    return { pools: [lib.localPool(`soak ${serial % 4}`, hooks, { maxSize: MAX })] };
  }),
  driver('HierarchicalPool', ({ lib }, hooks) => {
    const root = new lib.HierarchicalPool(hooks, { maxSize: MAX });
    const child = root.child('child', { maxSize: 8, keepIdle: 3 });
    return { pools: [root, child, child.child('grandchild'), root.child('other')] };
  }),
  { name: 'objects of an AsyncPool', drives: ['AsyncPool', 'AsyncBatchAllocator'], make: asyncDriver },
];
