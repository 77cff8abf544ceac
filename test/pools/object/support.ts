import * as fc from 'fast-check';
import type { PoolHooks, SyncPoolStats } from '../../../lib/pools';
import type { PoolBase } from '../../../lib/pools/base';

export { codeOf } from '../../platform/region/support';
export { FakeTime } from '../../support/fake-time';

/** An object of a pool under test. */
export class Thing {
  readonly id: number;
  disposed = 0;
  resets = 0;
  fit = true;

  constructor(id: number) {
    this.id = id;
  }
}

/** Hooks that count what they do, and what they made. */
export function things(): { readonly made: Thing[]; readonly hooks: Required<PoolHooks<Thing>> } {
  const made: Thing[] = [];
  const hooks: Required<PoolHooks<Thing>> = {
    create: () => {
      const thing = new Thing(made.length);
      made.push(thing);
      return thing;
    },
    reset: (thing) => {
      thing.resets += 1;
    },
    validate: (thing) => thing.fit,
    dispose: (thing) => {
      thing.disposed += 1;
    },
  };
  return { made, hooks };
}

/** What must hold between two calls, whatever happened. */
export function checkBooks(pool: { stats(): SyncPoolStats }): void {
  const stats = pool.stats();
  const { idle, borrowed, size, maxSize, creates, disposals, detached, acquires, hits, misses } = stats;
  expect(size).toBe(idle + borrowed);
  expect(size).toBe(creates - disposals - detached);
  expect(size).toBeLessThanOrEqual(maxSize ?? Number.POSITIVE_INFINITY);
  expect(acquires).toBe(hits + misses);
  expect(stats.peakSize).toBeGreaterThanOrEqual(size);
  expect(stats.peakBorrowed).toBeGreaterThanOrEqual(borrowed);
  expect(Math.min(...Object.values(stats).filter((value) => typeof value === 'number'))).toBeGreaterThanOrEqual(0);
}

export type Failure = 'none' | 'create' | 'reset' | 'validate' | 'invalid' | 'dispose' | 'reenter' | 'slow' | 'promise';

export interface Step {
  readonly kind:
    | 'acquire'
    | 'tryAcquire'
    | 'lease'
    | 'endLease'
    | 'release'
    | 'destroy'
    | 'detach'
    | 'again'
    | 'foreign'
    | 'use'
    | 'clear'
    | 'shrinkTo'
    | 'trim'
    | 'reserve'
    | 'pass'
    | 'close';
  readonly which: number;
  readonly fails: Failure;
}

const often = <const T>(times: number, value: T): T[] => Array.from({ length: times }, () => value);

export const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Step['kind'][]>(
      ...often(8, 'acquire' as const),
      ...often(3, 'tryAcquire' as const),
      ...often(9, 'release' as const),
      ...often(3, 'pass' as const),
      'lease',
      'lease',
      'endLease',
      'destroy',
      'detach',
      'again',
      'foreign',
      'use',
      'clear',
      'shrinkTo',
      'trim',
      'reserve',
      'close',
    ),
    which: fc.nat(1000),
    fails: fc.constantFrom<Failure[]>(
      ...often(8, 'none' as const),
      'create',
      'reset',
      'validate',
      'invalid',
      'dispose',
      'reenter',
      'slow',
      'promise',
    ),
  }),
  { minLength: 1, maxLength: 120, size: 'max' },
);

const PLANNED = 'planned';

/** A pool, and what its user knows of each object. */
export class World {
  readonly made: Thing[] = [];
  readonly lent: Thing[] = [];
  readonly past: Thing[] = [];
  readonly leases: { readonly thing: Thing; readonly lease: Disposable & { readonly held: boolean } }[] = [];
  readonly detached = new Set<Thing>();
  destroyed = 0;
  closing = 0;
  fails: Failure = 'none';
  which = 0;
  pool!: PoolBase<Thing>;
  /** Called with an object that was just lent. */
  onLent: (thing: Thing) => void = () => {};
  onBack: (thing: Thing) => void = () => {};
  pass: (ms: number) => void = () => {};
  private nested = 0;

  readonly hooks: PoolHooks<Thing> = {
    create: () => {
      this.hook('create');
      const thing = new Thing(this.made.length);
      this.made.push(thing);
      return thing;
    },
    reset: (thing) => {
      expect(thing.disposed).toBe(0);
      return this.hook('reset');
    },
    validate: (thing) => {
      expect(thing.disposed).toBe(0);
      this.hook('validate');
      return this.fails !== 'invalid';
    },
    dispose: (thing) => {
      thing.disposed += 1;
      return this.hook('dispose');
    },
  };

  step({ kind, which, fails }: Step, closes: boolean): void {
    this.fails = fails;
    this.which = which;
    if (kind !== 'close') this.act(kind, which);
    else if (closes && which % 8 === 0) this.guarded(() => this.pool.close());
    this.fails = 'none';
    this.check();
  }

  /** All goes home; nothing is left. */
  end(): void {
    for (const { thing, lease } of this.leases.splice(0)) this.endLease(thing, lease);
    for (const thing of [...this.lent]) this.release(thing);
    this.pool.close();
    this.check();
    expect(this.pool.size).toBe(0);
    expect(this.made.filter((thing) => thing.disposed === 0).length).toBe(this.detached.size);
  }

  private act(kind: Step['kind'], which: number): void {
    const { pool } = this;
    const thing = this.lent[which % Math.max(1, this.lent.length)];
    if (kind === 'acquire') this.took(() => pool.acquire());
    if (kind === 'tryAcquire') this.took(() => pool.tryAcquire());
    if (kind === 'lease') this.guarded(() => this.takeLease());
    if (kind === 'endLease') {
      const [loan] = this.leases.splice(which % Math.max(1, this.leases.length), 1);
      if (loan !== undefined) this.endLease(loan.thing, loan.lease);
    }
    if (kind === 'release' && thing !== undefined) this.release(thing);
    if (kind === 'destroy' && thing !== undefined) {
      this.gone(thing);
      this.destroyed += 1;
      this.guarded(() => pool.destroy(thing));
    }
    if (kind === 'detach' && thing !== undefined) {
      this.gone(thing);
      this.detached.add(pool.detach(thing));
    }
    if (kind === 'again') this.again(this.past[which % Math.max(1, this.past.length)]);
    if (kind === 'foreign') expect(() => pool.release(new Thing(-1))).toThrow(/not of this pool/);
    if (kind === 'use') this.use(which);
    if (kind === 'clear') this.guarded(() => pool.clear());
    if (kind === 'shrinkTo') this.guarded(() => pool.shrinkTo(which % 6));
    if (kind === 'trim') this.guarded(() => pool.trim(which % 4));
    if (kind === 'reserve') this.guarded(() => pool.reserve(which % 8));
    if (kind === 'pass') this.pass(which % 400);
  }

  private took(call: () => Thing | undefined): void {
    this.guarded(() => {
      const thing = call();
      if (thing === undefined) return;
      this.mayBeLent(thing);
      this.lent.push(thing);
    });
  }

  private mayBeLent(thing: Thing): void {
    expect(this.lent.includes(thing)).toBe(false);
    expect(this.leases.some((loan) => loan.thing === thing && loan.lease.held)).toBe(false);
    expect(this.detached.has(thing)).toBe(false);
    expect(thing.disposed).toBe(0);
    this.onLent(thing);
  }

  private takeLease(): void {
    const lease = this.pool.lease();
    this.mayBeLent(lease.value);
    this.leases.push({ thing: lease.value, lease });
  }

  private endLease(thing: Thing, lease: Disposable): void {
    this.guarded(() => lease[Symbol.dispose]());
    this.past.push(thing);
    this.onBack(thing);
  }

  private use(which: number): void {
    this.guarded(() => {
      this.pool.use((thing) => {
        this.mayBeLent(thing);
        if (which % 3 === 0) throw new Error(PLANNED);
        if (which % 3 === 1) {
          this.destroyed += 1;
          this.pool.destroy(thing);
        }
      });
    });
    // Whichever it was came back now.
    for (const thing of this.made) if (!this.lent.includes(thing)) this.onBack(thing);
  }

  private release(thing: Thing): void {
    this.gone(thing);
    this.guarded(() => this.pool.release(thing));
    this.onBack(thing);
  }

  private gone(thing: Thing): void {
    this.lent.splice(this.lent.indexOf(thing), 1);
    this.past.push(thing);
  }

  private again(thing: Thing | undefined): void {
    if (thing === undefined || this.lent.includes(thing) || this.leases.some((loan) => loan.thing === thing)) return;
    const wanted = this.detached.has(thing) ? /not of this pool/ : /given back before|called from inside/;
    expect(() => this.pool.release(thing)).toThrow(wanted);
    expect(() => this.pool.destroy(thing)).toThrow(wanted);
    expect(() => this.pool.detach(thing)).toThrow(wanted);
  }

  private hook(name: 'create' | 'reset' | 'validate' | 'dispose'): undefined {
    const { fails } = this;
    if (fails === name) throw new Error(PLANNED);
    if (fails === 'slow') this.pass(-1);
    if (fails === 'promise' && name !== 'validate' && name !== 'create') return Promise.reject(new Error('x')) as never;
    if (fails !== 'reenter' || this.nested > 2) return undefined;
    this.nested += 1;
    const { which } = this;
    this.which = (which * 7 + 3) % 1000;
    const kinds = ['acquire', 'release', 'clear', 'tryAcquire', 'destroy', 'detach', 'reserve', 'trim'] as const;
    this.act(kinds[which % kinds.length]!, which);
    this.nested -= 1;
    return undefined;
  }

  /** Errors that are none of the pool's mistakes. */
  private guarded(call: () => unknown): void {
    try {
      call();
    } catch (error) {
      const { message, code } = error as { message: string; code?: string };
      const expected = [
        'ERR_MEMORY_POOL_EXHAUSTED',
        'ERR_MEMORY_CLOSED',
        'ERR_MEMORY_INVALID_STATE',
        'ERR_MEMORY_INVALID_ARGUMENT',
      ];
      if (message !== PLANNED && !expected.includes(code ?? '')) throw error;
    }
  }

  private check(): void {
    const { pool } = this;
    checkBooks(pool);
    const stats = pool.stats();
    const leased = this.leases.filter(({ lease }) => lease.held).length;
    expect(stats.borrowed).toBe(this.lent.length + leased);
    expect(stats.creates).toBe(this.made.length);
    expect(stats.disposals).toBe(this.made.filter((thing) => thing.disposed > 0).length);
    expect(this.made.filter((thing) => thing.disposed > 1)).toEqual([]);
    expect([...this.detached].filter((thing) => thing.disposed > 0)).toEqual([]);
    expect(this.lent.filter((thing) => thing.disposed > 0)).toEqual([]);
    expect(stats.detached).toBe(this.detached.size);
    expect(stats.acquires).toBe(stats.releases + stats.borrowed + stats.detached + this.destroyed);
  }
}
