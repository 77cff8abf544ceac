// Random programs against a model that knows who has what: nothing lent twice, exact counts, exact bounds.
import * as fc from 'fast-check';
import { wrongBooks } from './pool-books';
import { type Loan, type PoolDriver, TestHooks, turns } from './pool-driver';
import { BOUND, codeOf, type MakePool, type PoolTraits } from './pool-suite';

type Kind = 'acquire' | 'release' | 'again' | 'detach' | 'destroy' | 'clear' | 'fail' | 'unfit';

interface Step {
  readonly kind: Kind;
  readonly which: number;
}

const steps = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 45, arbitrary: fc.constant('acquire' as const) },
      { weight: 35, arbitrary: fc.constant('release' as const) },
      { weight: 5, arbitrary: fc.constant('again' as const) },
      { weight: 4, arbitrary: fc.constant('detach' as const) },
      { weight: 4, arbitrary: fc.constant('destroy' as const) },
      { weight: 2, arbitrary: fc.constant('clear' as const) },
      { weight: 3, arbitrary: fc.constant('fail' as const) },
      { weight: 2, arbitrary: fc.constant('unfit' as const) },
    ),
    which: fc.nat(1000),
  }),
  { minLength: 50, maxLength: 300, size: 'max' },
);

class Model {
  readonly out: Loan[] = [];
  /** Things in somebody's hand. */
  private readonly things = new Set<unknown>();
  private last: Loan | undefined;
  private acquires = 0;
  private releases = 0;
  private detached = 0;

  constructor(
    private readonly pool: PoolDriver,
    private readonly hooks: TestHooks,
    private readonly traits: PoolTraits,
  ) {}

  async run({ kind, which }: Step): Promise<void> {
    const { pool, hooks } = this;
    if (kind === 'acquire') return this.acquire(which);
    if (kind === 'fail') return this.failing();
    if (kind === 'unfit') {
      let tested = 0;
      hooks.validate = () => (tested += 1) > 1; // the first is not fit
      await this.acquire(0);
      hooks.validate = () => true;
      return;
    }
    if (kind === 'clear') return void (await pool.clear?.());
    if (kind === 'again') {
      const { last } = this;
      if (last === undefined || this.out.includes(last)) return;
      const code = await codeOf(() => pool.release(last));
      if (code === 'nothing') throw new Error('a second release was taken');
      return;
    }
    const [loan] = this.out.length === 0 ? [] : this.out.splice(which % this.out.length, 1);
    if (loan === undefined) return;
    this.things.delete(pool.thing(loan));
    if (kind === 'detach' && pool.detach) {
      await pool.detach(loan);
      this.detached += 1;
    } else if (kind === 'destroy' && pool.destroy) await pool.destroy(loan);
    else {
      await pool.release(loan);
      this.releases += 1;
    }
    this.last = loan;
  }

  private async acquire(which: number): Promise<void> {
    const { pool } = this;
    const isFull = this.out.length === BOUND;
    let loan: Loan | undefined;
    // AsyncPool.tryAcquire makes none: only acquire() must serve below the bound.
    if (isFull || (which % 4 === 0 && this.traits.atBound === 'refuses')) loan = await pool.tryAcquire();
    else loan = await pool.acquire();
    if ((loan === undefined) !== isFull)
      throw new Error(`${this.out.length} are out, and ${isFull ? 'one' : 'none'} was got`);
    if (loan !== undefined) this.add(loan);
  }

  private async failing(): Promise<void> {
    const { hooks, pool } = this;
    if (this.out.length === BOUND) return;
    const { create } = hooks;
    hooks.create = () => {
      throw new Error('create fails');
    };
    try {
      this.add(await pool.acquire());
    } catch (error) {
      if ((error as Error).message !== 'create fails' && !(error as Error).message.includes('create fails'))
        throw error;
    } finally {
      hooks.create = create;
    }
  }

  private add(loan: Loan): void {
    const thing = this.pool.thing(loan);
    if (this.things.has(thing)) throw new Error('lent twice');
    this.things.add(thing);
    this.out.push(loan);
    this.acquires += 1;
  }

  check(): void {
    const stats = this.pool.stats();
    const wrong = wrongBooks(stats);
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
    const { acquires, releases, detached } = this;
    expect(stats).toMatchObject({ borrowed: this.out.length, acquires, releases, detached });
    if (this.hooks.wrong > 0) throw new Error('an object was ended twice');
    if (this.traits.hooks !== false && this.traits.sharesObjects !== true) {
      expect(this.hooks.live.size - this.detached).toBe(stats.size);
    }
  }
}

/** Runs random programs; fast-check prints the seed and the shortest program that fails. */
export async function runPoolModel(make: MakePool, traits: PoolTraits): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps, async (program) => {
      const hooks = new TestHooks();
      const pool = make(hooks);
      try {
        const model = new Model(pool, hooks, traits);
        for (const step of program) {
          await model.run(step);
          if (traits.asyncHooks === true) await Promise.resolve();
          model.check();
        }
        for (const loan of model.out.splice(0)) await pool.release(loan);
        const { borrowed, acquires, releases } = pool.stats();
        expect([borrowed, releases <= acquires]).toEqual([0, true]);
        await pool.close();
        await turns(1);
        if (traits.closeTakesLoans !== true) expect(pool.stats().size).toBe(0);
      } finally {
        await pool.close().catch(() => undefined);
        pool.cleanUp?.();
      }
    }),
    { numRuns: 15 },
  );
}
