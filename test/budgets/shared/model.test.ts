import * as fc from 'fast-check';
import type { Reservation } from '../../../lib/budgets';
import { checkTeam, Team } from './support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 30);

interface Step {
  readonly kind: 'reserve' | 'release' | 'acquire' | 'cancel' | 'abort' | 'resize' | 'pass';
  readonly who: number;
  readonly amount: number;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind'][]>(
    'reserve',
    'reserve',
    'release',
    'release',
    'acquire',
    'acquire',
    'cancel',
    'abort',
    'resize',
    'pass',
  ),
  who: fc.nat(3),
  amount: fc.integer({ min: 1, max: 120 }),
});

const LIMIT = 200;

/** Four members, what each is known to have, and who waits. */
class World {
  readonly team: Team;
  readonly own = [0, 0, 0, 0];
  readonly got: { who: number; reservation: Reservation }[] = [];
  readonly waiting = new Map<Promise<unknown>, AbortController>();
  failures: string[] = [];

  constructor(quantumBytes: number) {
    this.team = new Team(4, { limitBytes: LIMIT, quantumBytes });
  }

  async step({ kind, who, amount }: Step): Promise<void> {
    const budget = this.team.at(who);
    const own = this.own[who] as number;
    if (kind === 'reserve' && budget.tryReserve(amount)) this.own[who] = own + amount;
    if (kind === 'release' && own > 0) {
      const part = Math.min(own, amount);
      this.own[who] = own - part;
      budget.release(part);
    }
    if (kind === 'acquire') this.acquire(who, amount);
    if (kind === 'cancel') this.got.splice(amount % Math.max(1, this.got.length), 1)[0]?.reservation.cancel();
    if (kind === 'abort') [...this.waiting.values()][amount % Math.max(1, this.waiting.size)]?.abort();
    if (kind === 'resize') {
      try {
        budget.resize(LIMIT + (amount % 2) * amount);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_MEMORY_BUDGET_EXCEEDED' });
      }
    }
    if (kind === 'pass') this.team.timers.advance(amount);
    await Promise.resolve();
  }

  private acquire(who: number, amount: number): void {
    const controller = new AbortController();
    const deadline = amount % 3 === 0 ? { deadlineMs: amount } : {};
    const wait: Promise<void> = this.team
      .at(who)
      .acquire(amount, { signal: controller.signal, priority: amount % 100, ...deadline })
      .then(
        (reservation) => void this.got.push({ who, reservation }),
        (error: { code: string }) => void this.failures.push(error.code),
      )
      .finally(() => this.waiting.delete(wait));
    this.waiting.set(wait, controller);
  }

  /** What is known to be reserved is what the books say; promises that just settled may be ahead of this world. */
  check(): void {
    const budget = this.team.at(0);
    checkTeam(budget);
    for (const [who, own] of this.own.entries()) {
      const reserved = this.got
        .filter((entry) => entry.who === who)
        .reduce((sum, entry) => sum + entry.reservation.bytes, 0);
      expect(this.team.at(who).stats().ownBytes).toBeGreaterThanOrEqual(own + reserved);
    }
  }

  /** Everything is given back again and again: everybody who waits is served. */
  async drain(): Promise<void> {
    for (const [who, own] of this.own.entries()) if (own > 0) this.team.at(who).release(own);
    this.own.fill(0);
    for (let turn = 0; turn < 200 && (this.waiting.size > 0 || this.got.length > 0); turn += 1) {
      for (const { reservation } of this.got.splice(0)) reservation.cancel();
      await this.team.pass(16);
    }
  }
}

test('random members under random time keep the limit, starve nobody and come to rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(STEP, { minLength: 20, maxLength: 120, size: 'max' }),
      fc.constantFrom(1, 7, 50),
      async (steps, quantum) => {
        const world = new World(quantum);
        for (const step of steps) {
          await world.step(step);
          world.check();
        }
        await world.drain();
        world.check();
        expect([world.waiting.size, world.team.at(0).usedBytes]).toEqual([0, 0]);
        for (const code of world.failures) expect(code).toMatch(/^ERR_MEMORY_(TIMEOUT|ABORTED)$/);
        await world.team.pass(300);
        expect(world.team.at(0).stats().heldBytes).toBe(0);
        world.team.end();
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: 40_000 },
  );
});
