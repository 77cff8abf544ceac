import fc from 'fast-check';
import { isMemoryError } from '../../../lib/core';
import { type SharedSlotLease, type SlotLease, ThreadSafePool } from '../../../lib/pools/shared';
import { FakeTime } from '../../support/fake-time';
import { type AnyPool, KINDS, type Kind } from './support';

const RUNS = Number(process.env['FC_RUNS'] ?? 150);
const SLOTS = 5;

/** What happens: which action, on which attachment, on which lease. */
const actions = fc.array(fc.tuple(fc.nat(99), fc.nat(2), fc.nat(30)), { minLength: 1, maxLength: 120 });

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'nothing';
  } catch (error) {
    if (!isMemoryError(error)) throw error;
    return error.code;
  }
}

describe.each(Object.keys(KINDS))('a %s of several attachments', (name) => {
  const kind = KINDS[name] as Kind;

  test('has every slot once: free, or held by the lease that says so', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const first = kind.create({ slots: SLOTS, slotBytes: 16, owners: 3, zeroOnRelease: list.length % 2 === 0 });
        const { handle } = first;
        const pools: AnyPool[] = [first, kind.attach(handle), kind.attach(handle)];
        const holders = new Map<number, SlotLease>();
        const leases: [SlotLease, AnyPool][] = [];
        const offers: [SharedSlotLease, SlotLease][] = [];
        const keep = (lease: SlotLease, pool: AnyPool): void => {
          holders.set(lease.slot, lease);
          leases.push([lease, pool]);
        };
        for (const [what, who, which] of list) {
          const pool = pools[who] as AnyPool;
          const [lease, its] = leases[which % Math.max(1, leases.length)] ?? [];
          const isHolder = lease !== undefined && holders.get(lease.slot) === lease;
          if (what < 45) {
            const got = pool.tryAcquire();
            // Nobody is refused while a slot is free.
            expect(got === undefined).toBe(holders.size === SLOTS);
            if (got !== undefined) {
              expect(holders.has(got.slot)).toBe(false);
              keep(got, pool);
            }
          } else if (what < 75 && lease !== undefined && its !== undefined) {
            expect(codeOf(() => lease.release()) === 'nothing').toBe(isHolder);
            if (isHolder) holders.delete(lease.slot);
          } else if (what < 80 && lease !== undefined) {
            const data = isHolder ? lease.lease : undefined;
            if (data !== undefined) offers.push([data, lease]);
          } else if (what < 92 && offers.length > 0) {
            const [data, of] = offers[which % offers.length] as [SharedSlotLease, SlotLease];
            const fits = holders.get(data.slot) === of;
            const outcome = codeOf(() => keep(pool.adopt(data), pool));
            expect(outcome).toBe(fits ? 'nothing' : 'ERR_MEMORY_STALE_HANDLE');
          } else if (what < 94) {
            for (const [slot, held] of holders) {
              if (leases.some(([each, of]) => each === held && of === pool)) holders.delete(slot);
            }
            pool.close();
            pools[who] = kind.attach(handle);
          } else {
            expect(pool.recover().owners).toBe(0);
          }
          for (const [each] of leases) expect(each.held).toBe(holders.get(each.slot) === each);
          expect(pools.map(({ borrowed }) => borrowed)).toEqual([holders.size, holders.size, holders.size]);
        }
        for (const lease of holders.values()) lease.release();
        const all = Array.from({ length: SLOTS }, () => (pools[0] as AnyPool).tryAcquire()?.slot);
        expect(all.sort()).toEqual([0, 1, 2, 3, 4]);
        for (const pool of pools) pool.close();
      }),
      { numRuns: RUNS },
    );
  });
});

interface Request {
  readonly order: number;
  readonly priority: number;
  readonly stop: AbortController;
  lease?: SlotLease;
}

describe('a ThreadSafePool on which several attachments wait', () => {
  test('serves the best of all who wait, and never more than there are', async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (list) => {
        const time = new FakeTime();
        const own = { timers: time, clock: time };
        const first = ThreadSafePool.create({ slots: 2, slotBytes: 16, owners: 3, ...own });
        const pools = [first, ThreadSafePool.attach(first.handle, own), ThreadSafePool.attach(first.handle, own)];
        const waiting = new Set<Request>();
        const held = new Set<Request>();
        const wrong: string[] = [];
        /** In this turn: promises of one turn may be heard of in another order. */
        const served: Request[] = [];
        let arrivals = 0;
        const turn = () => new Promise((resolve) => setImmediate(resolve));
        const ask = (pool: ThreadSafePool, priority: number, deadlineMs: number | undefined): void => {
          const request: Request = { order: arrivals, priority, stop: new AbortController() };
          arrivals += 1;
          waiting.add(request);
          const { signal } = request.stop;
          pool.acquire({ priority, signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) }).then(
            (lease) => {
              waiting.delete(request);
              request.lease = lease;
              held.add(request);
              served.push(request);
              if (held.size > 2) wrong.push(`${held.size} of 2 are lent`);
            },
            (error) => {
              if (!/^ERR_MEMORY_(TIMEOUT|ABORTED)$/.test(error.code)) wrong.push(String(error));
              waiting.delete(request);
            },
          );
        };
        for (const [what, who, which] of list) {
          const pool = pools[who] as ThreadSafePool;
          if (what < 45) ask(pool, which % 3, which % 4 === 0 ? which : undefined);
          else if (what < 70 && held.size > 0) {
            const request = [...held][which % held.size] as Request;
            held.delete(request);
            request.lease?.release();
          } else if (what < 75 && waiting.size > 0) {
            ([...waiting][which % waiting.size] as Request).stop.abort();
          } else if (what < 85) {
            const lease = pool.tryAcquire();
            if (lease !== undefined) expect([waiting.size, held.size < 2]).toEqual([0, true]);
            lease?.release();
          } else {
            time.advance(which % 5);
          }
          await turn();
          for (const { order, priority } of served.splice(0)) {
            for (const other of waiting) {
              const better = other.priority > priority || (other.priority === priority && other.order < order);
              if (better) wrong.push(`${order} was served before ${other.order}`);
            }
          }
          expect(wrong).toEqual([]);
          expect(first.borrowed).toBe(held.size);
          expect(first.stats().waiting).toBe(waiting.size);
        }
        // Nothing is lost: whoever still waits is served in the end.
        for (let round = 0; waiting.size + held.size > 0; round += 1) {
          expect(round).toBeLessThan(400);
          for (const { lease } of held) lease?.release();
          held.clear();
          time.advance(17);
          await turn();
        }
        expect([first.borrowed, first.tryAcquire()?.held]).toEqual([0, true]);
        for (const pool of pools) pool.close();
        expect(time.pending).toBe(0);
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});
