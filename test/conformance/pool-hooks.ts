// What a pool does when the hooks of its user fail, answer with nonsense, or call the pool: its bounds are exact afterwards.
import { expectBooks, wrongBooks } from './pool-books';
import { type Loan, type PoolDriver, TestHooks, turns } from './pool-driver';
import { BOUND, codeOf, type MakePool, type PoolTraits } from './pool-suite';

type HookName = 'create' | 'reset' | 'validate' | 'dispose';
const HOOKS: readonly HookName[] = ['create', 'reset', 'validate', 'dispose'];

/** The message of whatever a promise rejects with, or 'fine'. */
async function messageOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'fine';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function hookConformance(make: MakePool, traits: PoolTraits): void {
  const kinds = traits.asyncHooks === true ? (['throws', 'rejects'] as const) : (['throws'] as const);

  describe('with hooks', () => {
    let hooks: TestHooks;
    let pool: PoolDriver;
    let usual: Record<HookName, never>;
    beforeEach(() => {
      hooks = new TestHooks();
      usual = { create: hooks.create, reset: hooks.reset, validate: hooks.validate, dispose: hooks.dispose } as never;
      pool = make(hooks);
    });
    afterEach(async () => {
      for (const name of HOOKS) hooks[name] = usual[name];
      await messageOf(() => pool.close());
      pool.cleanUp?.();
    });

    const fail = (kind: 'throws' | 'rejects', name: HookName): void => {
      hooks[name] = () => {
        if (kind === 'throws') throw new Error(`${name} fails`);
        return Promise.reject(new Error(`${name} fails`));
      };
    };
    /** The whole bound can be lent, so no place was lost; and then all comes back. */
    const expectWhole = async (): Promise<void> => {
      for (const name of HOOKS) hooks[name] = usual[name];
      await turns();
      expectBooks(pool.stats());
      const loans: Loan[] = [];
      while (pool.stats().borrowed < BOUND) loans.push(await pool.acquire());
      expect(new Set(loans).size).toBe(loans.length);
      expect(await pool.tryAcquire()).toBeUndefined();
      for (const loan of loans) await pool.release(loan);
      expectBooks(pool.stats());
      expect(hooks.wrong).toBe(0);
    };

    for (const kind of kinds) {
      it(`stands a create that ${kind}`, async () => {
        fail(kind, 'create');
        for (let at = 0; at < 2 * BOUND; at += 1)
          expect(await messageOf(() => pool.acquire())).toContain('create fails');
        expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0 });
        expect(pool.stats().refusals).toBe(2 * BOUND);
        await expectWhole();
      });

      it(`stands a create that ${kind} in the middle`, async () => {
        const loans = [await pool.acquire(), await pool.acquire()];
        fail(kind, 'create');
        expect(await messageOf(() => pool.acquire())).toContain('create fails');
        expect(pool.stats()).toMatchObject({ borrowed: 2, size: 2 });
        for (const loan of loans) await pool.release(loan);
        await expectWhole();
      });

      it(`ends an object whose reset ${kind}`, async () => {
        const loan = await pool.acquire();
        fail(kind, 'reset');
        const told = await messageOf(() => pool.release(loan));
        expect(['fine', 'reset fails']).toContain(told);
        await turns();
        expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 0, size: 0, releases: 1, disposals: 1 });
        await expectWhole();
      });

      it(`ends an object whose validate ${kind}`, async () => {
        const loans = [await pool.acquire(), await pool.acquire()];
        for (const loan of loans) await pool.release(loan);
        fail(kind, 'validate');
        const told = await messageOf(async () => pool.release(await pool.acquire()));
        expect(told === 'fine' || told.includes('validate fails')).toBe(true);
        await turns();
        expect(pool.stats().invalid).toBeGreaterThan(0);
        await expectWhole();
      });

      it(`frees the place of an object whose dispose ${kind}`, async () => {
        const loans: Loan[] = [];
        for (let at = 0; at < BOUND; at += 1) loans.push(await pool.acquire());
        fail(kind, 'dispose');
        for (const loan of loans.slice(0, 2)) if (pool.destroy) await messageOf(() => pool.destroy!(loan));
        for (const loan of loans.slice(2)) await pool.release(loan);
        if (pool.clear) await messageOf(() => pool.clear!());
        await turns();
        expect(pool.stats()).toMatchObject({ size: 0, borrowed: 0, idle: 0 });
        await expectWhole();
      });
    }

    it('ends an object that is not fit any more and lends another one', async () => {
      const first = await pool.acquire();
      await pool.release(first);
      hooks.validate = (object) => object !== first;
      const second = await pool.acquire();
      expect(second).not.toBe(first);
      expect(pool.stats()).toMatchObject({ invalid: 1, disposals: 1, borrowed: 1, size: 1 });
      expectBooks(pool.stats());
      await pool.release(second);
    });

    if (traits.asyncHooks !== true) {
      it('refuses hooks that answer by promises', async () => {
        const unhandled: unknown[] = [];
        const listen = (error: unknown): void => void unhandled.push(error);
        process.on('unhandledRejection', listen);
        try {
          for (const name of HOOKS) {
            for (const used of HOOKS) hooks[used] = usual[used];
            const loan = await pool.acquire();
            hooks[name] = () => Promise.reject(new Error('late'));
            const code = await codeOf(async () => {
              if (name === 'create') await pool.acquire();
              else if (name === 'dispose') await pool.destroy?.(loan);
              else {
                await pool.release(loan);
                if (name === 'validate') await pool.acquire();
              }
            });
            expect({ name, code }).toEqual({ name, code: 'ERR_MEMORY_INVALID_ARGUMENT' });
            hooks[name] = usual[name];
            if (name === 'create') await pool.release(loan);
            await turns();
            expectBooks(pool.stats());
          }
          expect(unhandled).toEqual([]);
        } finally {
          process.off('unhandledRejection', listen);
        }
        await expectWhole();
      });
    }

    it('refuses a create that makes no object, or the same one again', async () => {
      for (const nonsense of [undefined, null, 1, 'x', true]) {
        hooks.create = () => nonsense;
        expect(await messageOf(() => pool.acquire())).not.toBe('fine');
        expect(pool.stats()).toMatchObject({ size: 0, borrowed: 0 });
      }
      hooks.create = usual.create;
      const loan = await pool.acquire();
      hooks.create = () => loan;
      expect(await messageOf(() => pool.acquire())).not.toBe('fine');
      expect(pool.stats()).toMatchObject({ size: 1, borrowed: 1 });
      hooks.create = usual.create;
      await pool.release(loan);
      await expectWhole();
    });

    for (const name of HOOKS) {
      it(`stands a ${name} that calls the pool`, async () => {
        const held: Loan[] = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
        const extra: Loan[] = [];
        const work: Promise<unknown>[] = [];
        const wrong: string[] = []; // a hook that throws, be it an assertion, is the pool's to deal with
        let depth = 0;
        hooks[name] = (object?: object) => {
          depth += 1;
          wrong.push(...wrongBooks(pool.stats(), false));
          if (depth <= 5) {
            const loan = held.pop();
            if (loan !== undefined) work.push(messageOf(() => pool.release(loan)));
            work.push(
              pool.tryAcquire().then(
                (more) => void (more && extra.push(more)),
                () => undefined,
              ),
            );
            if (object !== undefined) work.push(messageOf(() => pool.release(object)));
            if (pool.clear && depth % 2 === 0) work.push(messageOf(() => pool.clear!()));
            wrong.push(...wrongBooks(pool.stats(), false));
          }
          return (usual[name] as (object?: object) => unknown)(object);
        };
        for (const loan of held.splice(0, 1)) work.push(messageOf(() => pool.release(loan)));
        for (const loan of held.splice(0, 1)) work.push(messageOf(() => pool.destroy!(loan)));
        for (const take of [pool.tryAcquire, pool.acquire, pool.acquire]) {
          void take().then(
            (more) => void (more && extra.push(more)),
            () => undefined,
          );
        }
        await Promise.all(work);
        if (pool.clear) await messageOf(() => pool.clear!());
        await turns();
        for (const used of HOOKS) hooks[used] = usual[used];
        for (let left = 20; pool.stats().waiting > 0 && left > 0; left -= 1) {
          for (const loan of extra.splice(0, 1)) await pool.release(loan);
          await turns();
        }
        expect(wrong).toEqual([]);
        expect(depth).toBeGreaterThan(0);
        const out = [...held, ...extra];
        expect(new Set(out).size).toBe(out.length); // nobody has what another one has
        expectBooks(pool.stats());
        expect(pool.stats().borrowed).toBe(out.length);
        for (const loan of out) await pool.release(loan);
        await expectWhole();
      });

      it(`stands a ${name} that closes the pool`, async () => {
        const loans = [await pool.acquire(), await pool.acquire()];
        await pool.release(loans[0] as Loan);
        let calls = 0;
        hooks[name] = (object?: object) => {
          calls += 1;
          void messageOf(() => pool.close());
          return (usual[name] as (object?: object) => unknown)(object);
        };
        const got: Loan[] = [];
        const take = async (): Promise<void> => void got.push(await pool.acquire());
        await messageOf(take);
        await messageOf(take);
        const giveBack = name === 'dispose' ? pool.destroy! : pool.release; // a child that closes ends nothing itself
        await messageOf(() => giveBack(loans[1] as Loan));
        await messageOf(() => pool.close());
        for (const loan of got) await messageOf(() => pool.release(loan));
        await turns();
        expect(calls).toBeGreaterThan(0);
        expect(pool.stats()).toMatchObject({ size: 0, borrowed: 0, idle: 0 });
        expectBooks(pool.stats());
        expect(await codeOf(() => pool.acquire())).toBe('ERR_MEMORY_CLOSED');
        expect(hooks.wrong).toBe(0);
        if (traits.sharesObjects !== true) expect(hooks.live.size).toBe(0);
      });
    }
  });
}
