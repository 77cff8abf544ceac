// One set of rules for every pool. A subject states what it is in its traits; what all promise is the same.
import { type ErrorCode, isMemoryError } from '../../lib/core';
import { expectBooks } from './pool-books';
import { type Loan, type PoolDriver, TestHooks, turns } from './pool-driver';
import { hookConformance } from './pool-hooks';
import { runPoolModel } from './pool-model';

/** The bound of every subject. */
export const BOUND = 4;

export interface PoolTraits {
  /** What acquire() does at the bound. */
  readonly atBound: 'refuses' | 'waits';
  /** What is lent: the object itself, or a lease of its own for each loan, by which a late release is told from the next one's. */
  readonly lends: 'objects' | 'leases';
  /** Whether the subject uses the hooks that it is given. Default true. */
  readonly hooks?: boolean;
  /** Hooks may answer by promises. Default false. */
  readonly asyncHooks?: boolean;
  /** Objects are there from the start and for good: nothing is made, ended, or let go. Default false. */
  readonly fixed?: boolean;
  /** Whether close() takes back what is lent, and later calls for it are refused. Default false. */
  readonly closeTakesLoans?: boolean;
  /** The bound is of a part of the pool, so that its statistics name none. Default false. */
  readonly boundIsOfClass?: boolean;
  /** Objects that leave may be alive: for a child, whose parent has them. Default false. */
  readonly sharesObjects?: boolean;
}

export type MakePool = (hooks: TestHooks) => PoolDriver;

/** The code of what a promise rejects with; 'nothing' when it does not. Errors of other kinds are thrown on. */
export async function codeOf(work: () => Promise<unknown>): Promise<ErrorCode | 'nothing'> {
  try {
    await work();
  } catch (error) {
    if (isMemoryError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

/** Registers the suite for one subject. `make` is called once a test, with hooks to use. */
export function poolConformance(name: string, make: MakePool, traits: PoolTraits): void {
  const fixed = traits.fixed === true;
  const maxSize = traits.boundIsOfClass === true ? null : BOUND;
  const ended: readonly string[] = ['ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_STALE_HANDLE', 'ERR_MEMORY_FOREIGN_FREE'];

  describe(`conformance of ${name}`, () => {
    let hooks: TestHooks;
    let pool: PoolDriver;
    beforeEach(() => {
      hooks = new TestHooks();
      pool = make(hooks);
    });
    afterEach(async () => {
      try {
        await pool.close();
      } finally {
        pool.cleanUp?.();
      }
    });

    const fill = async (): Promise<Loan[]> => {
      const loans: Loan[] = [];
      for (let at = 0; at < BOUND; at += 1) loans.push(await pool.acquire());
      return loans;
    };
    const books = (quiet = true): void => expectBooks(pool.stats(), quiet);

    it('begins with nothing lent', () => {
      expect(pool.stats()).toMatchObject({
        borrowed: 0,
        acquires: 0,
        releases: 0,
        refusals: 0,
        waiting: 0,
        detached: 0,
      });
      expect(typeof pool.stats().name).toBe('string');
      books();
    });

    it('lends, takes back and lends again', async () => {
      const first = await pool.acquire();
      expect(pool.stats()).toMatchObject({ borrowed: 1, acquires: 1, releases: 0, peakBorrowed: 1 });
      books();
      const thing = pool.thing(first);
      await pool.release(first);
      expect(pool.stats()).toMatchObject({ borrowed: 0, releases: 1 });
      books();
      const again = await pool.acquire();
      expect(pool.stats()).toMatchObject({ acquires: 2, peakBorrowed: 1 });
      if (!fixed) expect([pool.thing(again) === thing, pool.stats().hits]).toEqual([true, 1]);
      await pool.release(again);
      books();
    });

    it('never lends a thing twice at a time, and no more than its bound', async () => {
      const loans = await fill();
      expect(new Set(loans.map((loan) => pool.thing(loan))).size).toBe(BOUND);
      expect(pool.stats()).toMatchObject({ borrowed: BOUND, size: BOUND, maxSize });
      expect(await pool.tryAcquire()).toBeUndefined();
      expect(pool.stats().refusals).toBe(1);
      books();
      for (const loan of loans) await pool.release(loan);
      books();
    });

    if (traits.atBound === 'refuses') {
      it('says at the bound what the bound is', async () => {
        const loans = await fill();
        let error: unknown;
        try {
          await pool.acquire();
        } catch (caught) {
          error = caught;
        }
        if (!isMemoryError(error, 'ERR_MEMORY_POOL_EXHAUSTED')) throw error;
        expect([error.retryable, error.hint.length > 10, error.message.includes(`${BOUND}`)]).toEqual([
          true,
          true,
          true,
        ]);
        expect(pool.stats().refusals).toBe(1);
        await pool.release(loans[0] as Loan);
        await pool.release(await pool.acquire());
        books();
      });
    } else {
      it('waits at the bound, and serves in the order of arrival', async () => {
        const loans = await fill();
        const served: number[] = [];
        const waiting = [0, 1, 2].map(async (id) => {
          const loan = await pool.acquire();
          served.push(id);
          await pool.release(loan);
        });
        await turns();
        expect([served, pool.stats().waiting]).toEqual([[], 3]);
        expect(await pool.tryAcquire()).toBeUndefined(); // overtakes nobody
        await pool.release(loans[0] as Loan);
        await Promise.all(waiting);
        expect([served, pool.stats().waiting]).toEqual([[0, 1, 2], 0]);
        books();
      });

      it('refuses those who wait when it closes', async () => {
        await fill();
        const waiting = codeOf(() => pool.acquire());
        await turns();
        await pool.close();
        expect(await waiting).toBe('ERR_MEMORY_CLOSED');
        expect(pool.stats().waiting).toBe(0);
      });
    }

    it('refuses a second release', async () => {
      const kept = await pool.acquire();
      const loan = await pool.acquire();
      await pool.release(loan);
      await turns(1); // callbacks that reject are counted by now
      const before = pool.stats();
      expect(await codeOf(() => pool.release(loan))).toBe('ERR_MEMORY_DOUBLE_FREE');
      if (pool.detach) expect(await codeOf(() => pool.detach!(loan))).toBe('ERR_MEMORY_DOUBLE_FREE');
      if (pool.destroy) expect(await codeOf(() => pool.destroy!(loan))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(pool.stats()).toEqual(before);
      await pool.release(kept);
    });

    it('refuses what is not its own', async () => {
      const other = make(new TestHooks());
      const foreign = await other.acquire();
      const loan = await pool.acquire();
      await turns(1); // callbacks that reject are counted by now
      const before = pool.stats();
      // A lease is a name for its loan, and so is what passes for it; an object is itself.
      const lookalikes = traits.lends === 'objects' ? [Object.create(loan), new Proxy(loan, {}), { ...loan }] : [];
      for (const wrong of [foreign, ...lookalikes, {}, [], null, undefined, 1, 'x', Symbol('s')]) {
        const codes = ['ERR_MEMORY_FOREIGN_FREE', 'ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_STALE_HANDLE'];
        for (const call of [pool.release, pool.detach, pool.destroy]) {
          if (call !== undefined) expect(codes).toContain(await codeOf(() => call(wrong as Loan)));
        }
      }
      expect(pool.stats()).toEqual(before);
      await pool.release(loan);
      await other.release(foreign);
      await other.close();
      other.cleanUp?.();
      books();
    });

    if (traits.lends === 'leases') {
      it('tells a late release from that of the next holder', async () => {
        const loans = await fill();
        const old = loans[0] as Loan;
        await pool.release(old);
        const next = await pool.acquire();
        expect(ended).toContain(await codeOf(() => pool.release(old)));
        expect(pool.stats().borrowed).toBe(BOUND);
        await pool.release(next);
        expect(ended).toContain(await codeOf(() => pool.release(old)));
      });
    }

    it('lets an object go for good', async () => {
      const { detach } = pool;
      if (detach === undefined) return;
      const loans = await fill();
      const gone = loans[1] as Loan;
      await detach(gone);
      expect(pool.stats()).toMatchObject({ borrowed: BOUND - 1, size: BOUND - 1, detached: 1, releases: 0 });
      books();
      expect(await codeOf(() => pool.release(gone))).toBe('ERR_MEMORY_FOREIGN_FREE');
      expect(await codeOf(() => detach(gone))).toBe('ERR_MEMORY_FOREIGN_FREE');
      const next = await pool.acquire(); // its place is free
      expect(next).not.toBe(gone);
      books();
      await pool.close();
      expect(hooks.live.has(gone)).toBe(true); // never ended
    });

    it('ends an object that is broken', async () => {
      const { destroy } = pool;
      if (destroy === undefined) return;
      const loans = await fill();
      await destroy(loans[2] as Loan);
      expect(pool.stats()).toMatchObject({ borrowed: BOUND - 1, size: BOUND - 1, disposals: 1 });
      expect(hooks.live.size).toBe(BOUND - 1);
      expect(ended).toContain(await codeOf(() => pool.release(loans[2] as Loan)));
      await pool.acquire();
      books();
    });

    it('ends what is idle and nothing else', async () => {
      const { clear } = pool;
      if (clear === undefined) return;
      const loans = await fill();
      for (const loan of loans.slice(0, 3)) await pool.release(loan);
      expect(await clear()).toBe(3);
      expect(pool.stats()).toMatchObject({ idle: 0, borrowed: 1, size: 1 });
      books();
      expect(await clear()).toBe(0);
      await pool.release(loans[3] as Loan);
      for (const loan of await fill()) await pool.release(loan);
      books();
    });

    it('closes with loans out, once and for all', async () => {
      const loans = await fill();
      await pool.release(loans[0] as Loan);
      await pool.close();
      await pool.close();
      expect(await codeOf(() => pool.acquire())).toBe('ERR_MEMORY_CLOSED');
      expect(await codeOf(() => pool.tryAcquire())).toBe('ERR_MEMORY_CLOSED');
      if (traits.closeTakesLoans === true) {
        expect(['ERR_MEMORY_CLOSED', ...ended]).toContain(await codeOf(() => pool.release(loans[1] as Loan)));
        return;
      }
      expect(pool.stats()).toMatchObject({ idle: 0, borrowed: BOUND - 1 });
      for (const loan of loans.slice(1)) await pool.release(loan);
      await turns();
      expect(pool.stats()).toMatchObject({ idle: 0, borrowed: 0, size: 0 });
      books();
      if (pool.clear && traits.hooks !== false) expect(hooks.wrong).toBe(0);
      if (traits.hooks !== false && traits.sharesObjects !== true) expect(hooks.live.size).toBe(0);
    });

    if (traits.hooks !== false) hookConformance(make, traits);

    it('behaves as its model over thousands of operations', async () => {
      await runPoolModel(make, traits);
    });
  });
}
