import * as fc from 'fast-check';
import { ObjectPool, type ObjectPoolOptions } from '../../../lib/pools';
import { STEPS, type Thing, World } from './support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 40);

const OPTIONS: fc.Arbitrary<ObjectPoolOptions<Thing>> = fc.record(
  {
    maxSize: fc.integer({ min: 4, max: 9 }),
    maxIdle: fc.integer({ min: 2, max: 5 }),
    minSize: fc.nat(2),
    growth: fc.constantFrom<NonNullable<ObjectPoolOptions<Thing>['growth']>[]>('double', { fixed: 3 }, { percent: 60 }),
    validateOn: fc.constantFrom('acquire', 'release', 'both', 'none'),
    shrink: fc.record({ keepIdle: fc.nat(2), afterReleases: fc.integer({ min: 1, max: 9 }) }),
    traceBorrowers: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe('ObjectPool does what its books say', () => {
  test.each([false, true])('whatever hooks do, closed in between: %s', (closes) => {
    fc.assert(
      fc.property(OPTIONS, STEPS, (options, steps) => {
        const world = new World();
        world.pool = new ObjectPool(world.hooks, options);
        for (const step of steps) {
          world.step(step, closes);
          expect(world.pool.idle).toBeLessThanOrEqual(options.maxIdle ?? Number.POSITIVE_INFINITY);
          expect(world.pool.leaks().length).toBe(options.traceBorrowers === true ? world.pool.borrowed : 0);
        }
        world.end();
      }),
      { numRuns: RUNS },
    );
  });
});
