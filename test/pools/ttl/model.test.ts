import * as fc from 'fast-check';
import { TtlPool } from '../../../lib/pools';
import { FakeTime, STEPS, type Thing, World } from '../object/support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 40);

const LIMITS = fc.record(
  { idleMs: fc.integer({ min: 1, max: 600 }), maxAgeMs: fc.integer({ min: 1, max: 2000 }) },
  { requiredKeys: [] },
);
const MORE = fc.record({
  maxSize: fc.integer({ min: 1, max: 8 }),
  timer: fc.boolean(),
  validateOn: fc.constantFrom('acquire', 'none', 'both'),
});

describe('TtlPool does what its books say', () => {
  test.each([false, true])('and lends nothing that has expired, closed in between: %s', (closes) => {
    fc.assert(
      fc.property(LIMITS, MORE, STEPS, (limits, more, steps) => {
        const time = new FakeTime();
        const world = new World();
        const back = new Map<Thing, number>();
        const born = new Map<Thing, number>();
        world.pass = (ms) => {
          if (ms >= 0) time.advance(ms);
          else time.now += 50; // within a hook
        };
        world.onBack = (thing) => back.set(thing, time.now);
        world.pool = new TtlPool(world.hooks, { ...limits, ...more, clock: time, timers: time });
        const { idleMs = limits.maxAgeMs === undefined ? 300_000 : Infinity, maxAgeMs = Infinity } = limits;
        let begun = 0;
        world.onLent = (thing) => {
          // Hooks may take their time once the object is chosen: what counts is when the call began.
          if (back.has(thing)) expect(begun - back.get(thing)!).toBeLessThan(idleMs);
          if (born.has(thing)) expect(begun - born.get(thing)!).toBeLessThan(maxAgeMs);
          else born.set(thing, time.now);
        };
        for (const step of steps) {
          begun = time.now;
          world.step(step, closes);
          if (more.timer && world.pool.closed) expect(time.pending).toBe(0);
        }
        world.end();
        expect(time.pending).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });
});
