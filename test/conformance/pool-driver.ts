// Every pool looks the same to the suite: calls that answer by promises, loans that are told apart, one set of books.
import type { Pool, PoolStats } from '../../lib/pools';

/** What one loan is to the suite: an object, or a lease. */
export type Loan = object;

export interface PoolDriver {
  acquire(): Promise<Loan>;
  tryAcquire(): Promise<Loan | undefined>;
  release(loan: Loan): Promise<void>;
  detach?(loan: Loan): Promise<void>;
  destroy?(loan: Loan): Promise<void>;
  /** @returns how many it ended */
  clear?(): Promise<number>;
  close(): Promise<void>;
  stats(): PoolStats;
  /** What may be in one hand at a time: the object, the slot's number. */
  thing(loan: Loan): unknown;
  /** Runs after each test, for what close() leaves. */
  cleanUp?(): void;
}

/** The hooks of a subject. What they do is the suite's to change between calls. */
export class TestHooks {
  made = 0;
  readonly live = new Set<object>();
  /** Objects whose dispose ran more than once, or that were never made here. */
  wrong = 0;
  create: () => unknown = () => ({ id: this.made });
  reset: (object: object) => unknown = () => undefined;
  validate: (object: object) => unknown = () => true;
  dispose: (object: object) => unknown = () => undefined;

  /** For a pool: one set of functions that look up what is asked now. */
  get all(): {
    create: () => object;
    reset: (o: object) => void;
    validate: (o: object) => boolean;
    dispose: (o: object) => void;
  } {
    return {
      create: () => {
        const made = this.create();
        const note = (object: unknown): unknown => {
          this.made += 1;
          if (typeof object === 'object' && object !== null) this.live.add(object);
          return object;
        };
        return (made instanceof Promise ? made.then(note) : note(made)) as object;
      },
      reset: (object) => this.reset(object) as undefined,
      validate: (object) => this.validate(object) as boolean,
      dispose: (object) => {
        if (!this.live.delete(object)) this.wrong += 1;
        return this.dispose(object) as undefined;
      },
    };
  }
}

/** For pools of one thread that answer at once. */
export function syncDriver(pool: Pool<object>): PoolDriver {
  return {
    acquire: async () => pool.acquire(),
    tryAcquire: async () => pool.tryAcquire(),
    release: async (loan) => pool.release(loan),
    detach: async (loan) => void pool.detach(loan),
    destroy: async (loan) => pool.destroy(loan),
    clear: async () => pool.clear(),
    close: async () => pool.close(),
    stats: () => pool.stats(),
    thing: (loan) => loan,
  };
}

/** What AsyncPool has. */
interface AnsweringPool {
  acquire(): Promise<object>;
  tryAcquire(): object | undefined;
  release(object: object): unknown;
  detach(object: object): unknown;
  destroy(object: object): unknown;
  clear(): Promise<number>;
  close(): Promise<void>;
  stats(): PoolStats;
}

/** Longer than any work of the suite's hooks; no time passes, only turns of the event loop. */
export async function turns(count: number = 3): Promise<void> {
  for (let at = 0; at < count; at += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function asyncDriver(pool: AnsweringPool): PoolDriver {
  return {
    acquire: () => pool.acquire(),
    tryAcquire: async () => pool.tryAcquire(),
    release: async (loan) => void (await pool.release(loan)),
    detach: async (loan) => void pool.detach(loan),
    destroy: async (loan) => void (await pool.destroy(loan)),
    clear: () => pool.clear(),
    // It resolves when the last loan has come back.
    close: async () => {
      void pool.close();
      await turns();
    },
    stats: () => pool.stats(),
    thing: (loan) => loan,
  };
}

/** What pools of leases have. */
interface LeasingPool {
  acquire(): object | Promise<object>;
  tryAcquire(): object | undefined;
  release(lease: never): void;
  close(): void;
  stats(): PoolStats;
}

export function leaseDriver<P extends LeasingPool>(pool: P, thing: (lease: never) => unknown): PoolDriver {
  return {
    acquire: async () => pool.acquire(),
    tryAcquire: async () => pool.tryAcquire(),
    release: async (loan) => pool.release(loan as never),
    close: async () => pool.close(),
    stats: () => pool.stats(),
    thing: (loan) => thing(loan as never),
  };
}
