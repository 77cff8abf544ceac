// Random programs on a tree: each object is on one level, no limit is passed, and a request is refused only when it must be.
import * as fc from 'fast-check';
import { HierarchicalPool } from '../../../lib/pools';
import type { Level } from '../../../lib/pools/hierarchical/level';
import { checkTree, levelOf, type Thing } from './support';

const KINDS = [
  'acquire',
  'acquire',
  'acquire',
  'release',
  'release',
  'detach',
  'destroy',
  'clear',
  'reclaim',
  'fail',
  'unfit',
  'close',
] as const;

interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly pool: number;
  readonly which: number;
}

const limits = fc.array(
  fc.record({ maxSize: fc.integer({ min: 1, max: 6 }), keepIdle: fc.integer({ min: 0, max: 4 }) }),
  {
    minLength: 6,
    maxLength: 6,
  },
);
const program = fc.array(fc.record({ kind: fc.constantFrom(...KINDS), pool: fc.nat(6), which: fc.nat(1000) }), {
  minLength: 40,
  maxLength: 200,
  size: 'max',
});

/** Whether a request here can be served: the first level on the way that is full has something idle below. */
function servable(level: Level<Thing>): boolean {
  for (let at: Level<Thing> | null = level; at !== null; at = at.parent) {
    if (at.stack.length > 0) return true;
    if (at.places >= at.maxSize) return at.idle > 0;
  }
  return true;
}

it('behaves as its model over thousands of operations', () => {
  let served = 0;
  let refused = 0;
  fc.assert(
    fc.property(limits, program, (limit, steps) => {
      let id = 0;
      let fails = false;
      let unfit = 0;
      const live = new Set<Thing>();
      const root = new HierarchicalPool<Thing>(
        {
          create: () => {
            if (fails) throw new Error('fails');
            const made = { id: (id += 1) };
            live.add(made);
            return made;
          },
          validate: () => (unfit > 0 ? (unfit -= 1) < 0 : true),
          dispose: (thing) => {
            if (!live.delete(thing)) throw new Error('ended twice');
          },
        },
        { maxSize: 10 },
      );
      const parents = [0, 1, 1, 0, 4, 5]; // chains of three and four levels
      const pools = [root];
      for (const [at, options] of limit.entries())
        pools.push((pools[parents[at] as number] as typeof root).child(`${at}`, options));
      const out: { pool: typeof root; thing: Thing }[] = [];
      const run = ({ kind, pool: number, which }: Step): void => {
        const pool = pools[number % pools.length] as typeof root;
        if (kind === 'clear') pool.clear();
        else if (kind === 'reclaim') pool.reclaim(which % 4);
        else if (kind === 'close') close(pool, which);
        else if (kind === 'acquire' || kind === 'fail' || kind === 'unfit') request(kind, pool, which);
        else giveBack(kind, which);
      };
      const close = (pool: typeof root, which: number): void => {
        if (which % 20 === 0 && pool !== root) pool.close();
      };
      const request = (kind: string, pool: typeof root, which: number): void => {
        if (pool.closed) return;
        const possible = servable(levelOf(pool));
        fails = kind === 'fail';
        unfit = kind === 'unfit' ? 1 + (which % 3) : 0;
        try {
          const thing = pool.tryAcquire();
          if (kind !== 'unfit') expect(thing !== undefined).toBe(possible);
          if (thing === undefined) {
            refused += 1;
            return;
          }
          served += 1;
          expect(out.some((loan) => loan.thing === thing)).toBe(false);
          out.push({ pool, thing });
        } catch (error) {
          if ((error as Error).message !== 'fails') throw error;
        } finally {
          fails = false;
          unfit = 0;
        }
      };
      const giveBack = (kind: 'release' | 'detach' | 'destroy', which: number): void => {
        const [loan] = out.length === 0 ? [] : out.splice(which % out.length, 1);
        if (loan === undefined) return;
        loan.pool[kind](loan.thing);
        if (kind === 'detach') live.delete(loan.thing);
      };
      for (const step of steps) {
        run(step);
        checkTree(root);
        expect([root.borrowed, live.size]).toEqual([out.length, root.size]);
      }
      for (const { pool, thing } of out) pool.release(thing);
      checkTree(root);
      root.close();
      expect([root.size, live.size]).toEqual([0, 0]);
    }),
    { numRuns: 15 },
  );
  expect(Math.min(served, refused)).toBeGreaterThan(10);
});
