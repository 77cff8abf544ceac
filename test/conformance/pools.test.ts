import {
  BufferPool,
  HierarchicalPool,
  LocalPool,
  LockFreePool,
  ObjectPool,
  PriorityPool,
  ThreadSafePool,
  TtlPool,
  WorkStealingPool,
} from '../../lib/pools';
import { AsyncPool } from '../../lib/pools/async';
import { FakeTime } from '../support/fake-time';
import { asyncDriver, leaseDriver, syncDriver } from './pool-driver';
import { BOUND, type PoolTraits, poolConformance } from './pool-suite';

const OBJECTS: PoolTraits = { atBound: 'refuses', lends: 'objects' };

poolConformance('ObjectPool', ({ all }) => syncDriver(new ObjectPool(all, { maxSize: BOUND })), OBJECTS);
poolConformance(
  'ObjectPool.debug',
  ({ all }) => syncDriver(ObjectPool.debug(all, { maxSize: BOUND, validateOn: 'both' })),
  OBJECTS,
);
poolConformance(
  'ObjectPool.production',
  ({ all }) => syncDriver(ObjectPool.production(all, { maxSize: BOUND, shrink: { afterReleases: 1000 } })),
  OBJECTS,
);
poolConformance(
  'ObjectPool.performance',
  ({ all }) => syncDriver(ObjectPool.performance(all, { maxSize: BOUND, growth: { fixed: 1 } })),
  OBJECTS,
);
poolConformance(
  'ObjectPool with callbacks that throw and reject',
  ({ all }) => {
    const fails = (): void => {
      throw new Error('callback');
    };
    const rejects = (): void => Promise.reject(new Error('callback')) as never;
    const callbacks = { onCreate: fails, onAcquire: rejects, onRelease: fails, onDispose: rejects, onHookError: fails };
    return syncDriver(new ObjectPool(all, { maxSize: BOUND, callbacks }));
  },
  OBJECTS,
);
poolConformance('LocalPool', ({ all }) => syncDriver(new LocalPool(all, { maxSize: BOUND })), OBJECTS);
poolConformance(
  'TtlPool',
  ({ all }) => {
    const time = new FakeTime();
    return syncDriver(new TtlPool(all, { maxSize: BOUND, maxAgeMs: '1h', clock: time, timers: time }));
  },
  OBJECTS,
);

poolConformance('PriorityPool', ({ all }) => syncDriver(new PriorityPool(all, { maxSize: BOUND })), OBJECTS);

poolConformance('HierarchicalPool', ({ all }) => syncDriver(new HierarchicalPool(all, { maxSize: BOUND })), OBJECTS);
poolConformance(
  'HierarchicalPool, a grandchild at its own limit',
  ({ all }) => {
    const root = new HierarchicalPool(all, { maxSize: 3 * BOUND });
    const grandchild = root.child('child', { maxSize: 2 * BOUND }).child('grandchild', { maxSize: BOUND });
    return { ...syncDriver(grandchild), cleanUp: () => root.close() };
  },
  { ...OBJECTS, sharesObjects: true },
);
poolConformance(
  'HierarchicalPool, a grandchild that keeps nothing',
  ({ all }) => {
    const root = new HierarchicalPool(all, { maxSize: 3 * BOUND });
    const grandchild = root.child('child', { keepIdle: 0 }).child('grandchild', { maxSize: BOUND });
    return { ...syncDriver(grandchild), cleanUp: () => root.close() };
  },
  { ...OBJECTS, sharesObjects: true },
);

poolConformance(
  'AsyncPool',
  ({ all }) => {
    const time = new FakeTime();
    return asyncDriver(new AsyncPool({ ...all, max: BOUND, clock: time, timers: time }));
  },
  { atBound: 'waits', lends: 'objects', asyncHooks: true },
);

const SLOTS: PoolTraits = {
  ...{ atBound: 'refuses', lends: 'leases', hooks: false, fixed: true, closeTakesLoans: true },
};
const slots = { slots: BOUND, slotBytes: 64 };
const slot = ({ slot: number }: { slot: number }): number => number;

poolConformance('LockFreePool', () => leaseDriver(LockFreePool.create(slots), slot), SLOTS);
poolConformance('WorkStealingPool', () => leaseDriver(WorkStealingPool.create(slots), slot), SLOTS);
poolConformance('ThreadSafePool', () => leaseDriver(ThreadSafePool.create(slots), slot), {
  ...SLOTS,
  atBound: 'waits',
});

const LEASES: PoolTraits = { atBound: 'refuses', lends: 'leases', hooks: false, boundIsOfClass: true };

for (const reuse of ['fast', 'batch', 'safe'] as const) {
  poolConformance(
    `BufferPool, reuse '${reuse}'`,
    () => {
      const pool = new BufferPool({ classes: ['4KiB'], maxBuffersPerClass: BOUND, oversize: 'refuse', reuse });
      const taking = { acquire: () => pool.acquire(4096), tryAcquire: () => pool.tryAcquire(4096) };
      return {
        ...leaseDriver(pool as never, ({ slot: at }: { slot: object }) => at),
        acquire: async () => taking.acquire(),
        tryAcquire: async () => taking.tryAcquire(),
      };
    },
    LEASES,
  );
}
