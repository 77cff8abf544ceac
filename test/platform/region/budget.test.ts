import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type BudgetLike, memoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { codeOf, PAGE, scratchFolder, thrown } from './support';

/** A budget that is exact and has no parents. */
class Plain implements BudgetLike {
  readonly name = 'plain';
  used = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  reserve(bytes: number): void {
    if (!this.tryReserve(bytes)) throw memoryError('ERR_MEMORY_BUDGET_EXCEEDED', 'plain', { requestedBytes: bytes });
  }

  tryReserve(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.used -= bytes;
  }
}

describe('the budget of a region', () => {
  const folder = scratchFolder();
  it('is charged in whole pages until the region is freed', () => {
    const budget = new Plain(10 * PAGE);
    const region = Region.map(PAGE + 1, { budget });
    const shared = Region.shared(PAGE, { budget });
    expect(budget.used).toBe(3 * PAGE);
    region.free();
    expect(codeOf(() => region.free())).toBe('ERR_MEMORY_DOUBLE_FREE');
    shared.free();
    expect(budget.used).toBe(0);
  });

  it('refuses before anything is mapped, and is not charged for what fails', () => {
    const budget = new Plain(2 * PAGE);
    expect(codeOf(() => Region.map(3 * PAGE, { budget }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(codeOf(() => Region.shared(3 * PAGE, { budget }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(codeOf(() => Region.map(PAGE, { budget, numa: { bind: [900] } }))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
    expect(codeOf(() => Region.map(PAGE, { budget: {} as BudgetLike }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(budget.used).toBe(0);
  });

  it('counts what a file region maps', () => {
    const path = join(folder, 'charged');
    writeFileSync(path, Buffer.alloc(PAGE + 5));
    const budget = new Plain(2 * PAGE);
    const region = Region.mapFile(path, { budget });
    expect(budget.used).toBe(2 * PAGE);
    expect(codeOf(() => Region.mapFile(path, { budget }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    region.free();
    expect(budget.used).toBe(0);
  });

  it('follows remap(), also where that is refused', () => {
    const budget = new Plain(4 * PAGE);
    const region = Region.map(PAGE, { budget });
    region.remap(4 * PAGE);
    expect(budget.used).toBe(4 * PAGE);
    expect(codeOf(() => region.remap(5 * PAGE))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect([region.byteLength, budget.used]).toEqual([4 * PAGE, 4 * PAGE]);
    region.remap(2 * PAGE);
    expect(budget.used).toBe(2 * PAGE);
    const pin = region.pin();
    expect(codeOf(() => region.remap(3 * PAGE))).toBe('ERR_MEMORY_IN_USE');
    expect(budget.used).toBe(2 * PAGE);
    pin.release();
    const next = region.renew();
    expect(budget.used).toBe(2 * PAGE);
    next.free();
    expect(budget.used).toBe(0);
  });

  it('may refuse to take the bytes back: the region is freed, and the next one offers them again', () => {
    const budget = new Plain(3 * PAGE);
    const region = Region.map(PAGE, { budget });
    budget.release = (): void => {
      throw new Error('not now');
    };
    region.remap(2 * PAGE);
    region.remap(PAGE);
    region.free();
    expect([region.state, budget.used]).toEqual(['freed', 2 * PAGE]);
    delete (budget as Partial<Plain>).release;
    const next = Region.map(PAGE, { budget });
    expect(budget.used).toBe(PAGE);
    next.free();
    expect(budget.used).toBe(0);
  });

  it("must answer at once: a promise is refused, and what it takes later is nobody's", async () => {
    const budget = new Plain(4 * PAGE);
    const region = Region.map(PAGE, { budget });
    budget.reserve = (async () => {
      throw new Error('too late');
    }) as unknown as Plain['reserve'];
    const refused = { code: 'ERR_MEMORY_INVALID_ARGUMENT', message: expect.stringContaining('must return nothing') };
    expect(thrown(() => Region.map(PAGE, { budget }))).toMatchObject(refused);
    expect(thrown(() => region.remap(2 * PAGE))).toMatchObject(refused);
    expect(region.byteLength).toBe(PAGE);
    await new Promise((resolve) => setImmediate(resolve)); // a rejection that nobody handles would end the process here
    region.free();
    expect(budget.used).toBe(0);
  });

  it('may call the region from inside', () => {
    const budget = new Plain(9 * PAGE);
    const inside = (act: () => void): void => {
      budget.reserve = (bytes) => {
        delete (budget as Partial<Plain>).reserve;
        act();
        budget.reserve(bytes);
      };
    };
    const region = Region.map(PAGE, { budget });
    inside(() => region.remap(3 * PAGE));
    region.remap(5 * PAGE);
    expect([region.byteLength, budget.used]).toEqual([5 * PAGE, 5 * PAGE]);
    inside(() => region.free());
    expect(codeOf(() => region.remap(7 * PAGE))).toBe('ERR_MEMORY_FREED');
    expect(budget.used).toBe(0);
  });

  it('gets its bytes back for a region that nobody freed', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const budget = new Plain(PAGE);
    (() => Region.map(PAGE, { budget }))();
    for (let turn = 0; turn < 100 && budget.used > 0; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
    expect(budget.used).toBe(0);
  });
});
