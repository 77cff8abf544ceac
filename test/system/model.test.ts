import * as fc from 'fast-check';
import { MemoryBudget } from '../../lib/budgets';
import { isMemoryError, PRESSURE_LEVELS } from '../../lib/core';
import type { MemoryLease, Tenant } from '../../lib/system';
import { chargeOf } from '../../lib/system/tiers/charge';
import { checkTree } from '../budgets/support';
import { codeOf, FakeMonitor, FakeTime, small, turns } from './support';

const KINDS = [
  'allocate',
  'allocate',
  'request',
  'request',
  'free',
  'free',
  'free',
  'tenant',
  'close',
  'pressure',
  'trim',
  'bad',
] as const;

interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly which: number;
  readonly bytes: number;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  which: fc.nat(10_000),
  bytes: fc.oneof(
    fc.integer({ min: 1, max: 1024 }),
    fc.integer({ min: 1025, max: 100_000 }),
    fc.integer({ min: 100_000, max: 3_000_000 }),
  ),
});

interface Block {
  readonly bytes: number;
  readonly owner: Tenant | null;
  readonly handle: number;
  readonly lease: MemoryLease | null;
  readonly mark: number;
  readonly charge: number;
}

class World {
  readonly budget = new MemoryBudget('service', { limitBytes: 12_000_000, quantumBytes: 4096 });
  readonly monitor = new FakeMonitor();
  readonly timers = new FakeTime();
  readonly told = { allocations: 0, deallocations: 0 };
  readonly system = small({
    budget: this.budget,
    monitor: this.monitor,
    timers: this.timers,
    plugins: [
      {
        name: 'counts',
        onAllocation: () => void (this.told.allocations += 1),
        onDeallocation: () => {
          this.told.deallocations += 1;
          throw new RangeError('a plugin that throws at each free');
        },
      },
    ],
  });
  readonly blocks: Block[] = [];
  readonly tenants: Tenant[] = [];
  private serial = 0;
  dropped = 0;

  step({ kind, which, bytes }: Step): void {
    const owner = this.tenants[which % (this.tenants.length + 2)] ?? null;
    const steps: Record<Step['kind'], () => void> = {
      allocate: () => this.attempt(() => this.allocate(owner, bytes, which)),
      request: () => this.attempt(() => this.request(owner, bytes, which)),
      free: () => this.free(which),
      tenant: () => this.tenants.length < 4 && this.attempt(() => this.makeTenant(bytes, which)),
      close: () => this.close(owner, which),
      pressure: () => this.monitor.set(PRESSURE_LEVELS[which % 3] ?? 'none'),
      trim: () => this.system.trim(),
      bad: () => this.misuse(which, bytes),
    };
    steps[kind]();
  }

  private allocate(owner: Tenant | null, bytes: number, which: number): void {
    const before = this.chargedTo(owner);
    const handle = (owner ?? this.system).allocate(bytes);
    const charge = this.chargedTo(owner) - before;
    this.note({ bytes, owner, handle, lease: null, mark: which & 255, charge }, 16);
  }

  private request(owner: Tenant | null, bytes: number, which: number): void {
    const alignment = 2 ** (which % 13);
    const before = this.chargedTo(owner);
    const lease = (owner ?? this.system).request(bytes, { priority: which % 101, alignment });
    const charge = this.chargedTo(owner) - before;
    this.note({ bytes, owner, handle: lease.handle, lease, mark: which & 255, charge }, alignment);
  }

  private chargedTo(owner: Tenant | null): number {
    return owner === null ? this.system.stats().chargedBytes : owner.usedBytes;
  }

  private note(block: Block, alignment: number): void {
    expect(block.charge).toBeGreaterThanOrEqual(chargeOf(block.bytes));
    const pages = Math.ceil(block.bytes / 4096) * 4096; // of a region of its own
    if (alignment <= 16) expect([chargeOf(block.bytes), pages]).toContain(block.charge);
    const view = this.system.view(block.handle, block.bytes);
    view[0] = block.mark;
    view[view.length - 1] = block.mark;
    this.blocks.push(block);
  }

  private free(which: number): void {
    const [block] = this.blocks.splice(which % Math.max(1, this.blocks.length), 1);
    if (block === undefined) return;
    const view = this.system.view(block.handle, block.bytes);
    expect([view[0], view.at(-1)]).toEqual([block.mark, block.mark]); // nobody else wrote there
    if (block.lease !== null) block.lease.free();
    else this.system.free(block.handle, block.bytes);
  }

  private makeTenant(bytes: number, which: number): void {
    const guardPages = which % 2 === 0;
    this.tenants.push(this.system.tenant(`t${this.serial++}`, { limitBytes: bytes + 4096, guardPages }));
  }

  private close(tenant: Tenant | null, which: number): void {
    if (tenant === null) return;
    const force = which % 2 === 0;
    const mine = this.blocks.filter(({ owner }) => owner === tenant);
    this.attempt(() => {
      tenant.close({ force });
      expect(force || mine.length === 0).toBe(true);
      for (const block of mine) this.blocks.splice(this.blocks.indexOf(block), 1);
      this.dropped += mine.length;
      this.tenants.splice(this.tenants.indexOf(tenant), 1);
    });
  }

  /** What is wrong throws, and changes nothing. */
  private misuse(which: number, bytes: number): void {
    const block = this.blocks[which % Math.max(1, this.blocks.length)];
    const wrong = [
      () => this.system.free(which * 4096 + 7, bytes),
      () => void this.system.allocate(-bytes),
      () => void this.system.request('many' as never),
    ];
    if (block !== undefined) {
      wrong.push(
        () => this.system.free(block.handle + 8, block.bytes),
        () => this.system.free(block.handle, block.bytes + 5000),
      );
    }
    for (const work of wrong) expect(codeOf(work)).toMatch(/^ERR_MEMORY_/);
  }

  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isMemoryError(error) || !/(exhausted|state|validation)/.test(error.category)) throw error;
      if (error.code === 'ERR_MEMORY_INVALID_ARGUMENT') throw error;
    }
  }

  check(): void {
    const { system, budget, blocks } = this;
    const stats = system.stats();
    const charge = (mine: readonly Block[]) => mine.reduce((sum, { charge }) => sum + charge, 0);
    expect(stats.liveBlocks).toBe(blocks.length);
    expect(budget.usedBytes).toBe(charge(blocks));
    expect(stats.chargedBytes).toBe(charge(blocks.filter(({ owner }) => owner === null)));
    expect(stats.owedBytes).toBe(0);
    for (const tenant of this.tenants) {
      expect(tenant.usedBytes).toBe(charge(blocks.filter(({ owner }) => owner === tenant)));
      expect(tenant.usedBytes).toBeLessThanOrEqual(tenant.capacityBytes);
    }
    const leases = blocks.filter(({ lease }) => lease !== null);
    const held = stats.holders.reduce((sum, holder) => sum + holder.bytes, 0);
    // Leases of tenants that were closed by force are held until they are let go of.
    expect(held).toBeGreaterThanOrEqual(leases.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(this.told.allocations - this.told.deallocations - this.dropped).toBe(blocks.length);
    checkTree(budget);
  }

  async end(force: boolean): Promise<void> {
    const { system, timers, budget } = this;
    let outcome = 'pending';
    const ending = system.shutdown({ deadlineMs: 100, force }).then(
      () => {
        outcome = 'stopped';
      },
      (error: { code: string }) => {
        outcome = error.code;
      },
    );
    const held = this.blocks.length;
    if (!force) while (this.blocks.length > held / 2) this.free(3);
    timers.advance(100);
    await ending;
    if (!force && this.blocks.length > 0) {
      expect([outcome, system.state]).toEqual(['ERR_MEMORY_TIMEOUT', 'draining']);
      this.check();
      while (this.blocks.length > 0) this.free(1);
      await system.shutdown({ deadlineMs: 0 });
    } else {
      expect(outcome).toBe('stopped');
    }
    await turns();
    expect(system.state).toBe('stopped');
    expect([budget.usedBytes, system.stats().liveBlocks, system.stats().total.reservedBytes]).toEqual([0, 0, 0]);
    expect([budget.stats().children.length, timers.pending]).toEqual([0, 0]);
    budget.close();
  }
}

test('random requests, frees, tenants, pressure and misuse: the books sum up, to the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(STEP, { minLength: 30, maxLength: 120, size: 'max' }),
      fc.boolean(),
      async (steps, force) => {
        const world = new World();
        for (const step of steps) {
          world.step(step);
          world.check();
        }
        await world.end(force);
      },
    ),
    { numRuns: 15 },
  );
});
