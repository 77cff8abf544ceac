// Random programs against a model that keeps every block: no overlap, right alignment, containment, exact accounting.
import * as fc from 'fast-check';
import type { Allocator } from '../../lib/core';
import type { AllocatorTraits, Subject } from './allocator-suite';

type Operation =
  | { readonly kind: 'allocate'; readonly bytes: number; readonly alignment: number; readonly trying: boolean }
  | { readonly kind: 'free'; readonly which: number }
  | { readonly kind: 'reset' };

interface Block {
  readonly offset: number;
  readonly bytes: number;
  readonly stamp: number;
}

function operations(traits: AllocatorTraits): fc.Arbitrary<Operation[]> {
  const { maxBlockBytes = 20_000, maxAlignment = 4096 } = traits;
  const bytes = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: Math.min(1024, maxBlockBytes) }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: Math.min(20_000, maxBlockBytes) }) },
  );
  const alignment = fc.nat({ max: Math.log2(maxAlignment) }).map((power) => 2 ** (power <= 4 ? power : power % 5));
  return fc.array(
    fc.oneof(
      {
        weight: 53,
        arbitrary: fc.record({ kind: fc.constant('allocate' as const), bytes, alignment, trying: fc.boolean() }),
      },
      { weight: 45, arbitrary: fc.record({ kind: fc.constant('free' as const), which: fc.nat(10_000) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
    ),
    { minLength: 50, maxLength: 400, size: 'max' },
  );
}

/** What the books must say after the operations so far. */
class Model {
  readonly live: Block[] = [];
  allocations = 0;
  deallocations = 0;
  failures = 0;
  resets = 0;
  requestedBytes = 0;
  private stamps = 0;
  private readonly frees: AllocatorTraits['frees'];

  constructor(traits: AllocatorTraits) {
    this.frees = traits.frees;
  }

  add(allocator: Allocator, offset: number, bytes: number, alignment: number): void {
    this.allocations += 1;
    if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`offset ${offset}`);
    if (offset % alignment !== 0) throw new Error(`offset ${offset} is not aligned to ${alignment}`);
    const other = this.live.find((block) => offset < block.offset + block.bytes && block.offset < offset + bytes);
    if (other) throw new Error(`[${offset}, +${bytes}) overlaps [${other.offset}, +${other.bytes})`);
    if (!allocator.owns(offset) || !allocator.owns(offset + bytes - 1)) throw new Error(`${offset} is not owned`);
    this.stamps = (this.stamps % 250) + 1;
    const block = { offset, bytes, stamp: this.stamps };
    const view = allocator.view(offset, bytes);
    if (view.length !== bytes) throw new Error(`view of ${bytes} bytes has ${view.length}`);
    view.fill(block.stamp);
    this.live.push(block);
    this.requestedBytes += bytes;
  }

  remove(allocator: Allocator, which: number): void {
    const at = this.frees === 'lifo' ? this.live.length - 1 : which % this.live.length;
    const [block] = this.live.splice(at, 1);
    if (block === undefined) return;
    this.checkContents(allocator, block);
    allocator.deallocate(block.offset, block.bytes);
    this.deallocations += 1;
    this.requestedBytes -= block.bytes;
  }

  checkContents(allocator: Allocator, { offset, bytes, stamp }: Block): void {
    const view = allocator.view(offset, bytes);
    if (view.some((byte) => byte !== stamp)) throw new Error(`block ${offset} was overwritten`);
  }

  clear(): void {
    this.live.length = 0;
    this.resets += 1;
    this.requestedBytes = 0;
  }

  checkBooks(allocator: Allocator): void {
    const stats = allocator.stats();
    const { allocations, deallocations, failures, resets, liveAllocations } = stats;
    const expected = {
      allocations: this.allocations,
      deallocations: this.deallocations,
      failures: this.failures,
      resets: this.resets,
      liveAllocations: this.live.length,
    };
    expect({ allocations, deallocations, failures, resets, liveAllocations }).toEqual(expected);
    if (stats.usedBytes < this.requestedBytes) throw new Error(`${stats.usedBytes} used < ${this.requestedBytes}`);
    if (stats.usedBytes > stats.peakUsedBytes) throw new Error('used is above its peak');
    if (stats.usedBytes > stats.reservedBytes) throw new Error('used is above what is reserved');
    if (stats.capacityBytes !== null && stats.usedBytes > stats.capacityBytes)
      throw new Error('used is above capacity');
    const returns = this.frees !== 'reset' || this.live.length === this.allocations;
    if (returns && this.live.length === 0 && this.frees !== 'reset') expect(stats.usedBytes).toBe(0);
  }
}

function step(allocator: Allocator, model: Model, operation: Operation): void {
  if (operation.kind === 'allocate') {
    const { bytes, alignment, trying } = operation;
    let offset = -1;
    try {
      offset = trying ? allocator.tryAllocate(bytes, alignment) : allocator.allocate(bytes, alignment);
    } catch (error) {
      if ((error as { category?: string }).category !== 'exhausted') throw error;
    }
    if (offset === -1) model.failures += 1;
    else model.add(allocator, offset, bytes, alignment);
  } else if (operation.kind === 'reset') {
    allocator.reset();
    model.clear();
  } else if (model.live.length > 0) {
    model.remove(allocator, operation.which);
  }
}

/** Runs random programs; fast-check prints the seed and the shortest program that fails. */
export function runModel(make: () => Subject, traits: AllocatorTraits): void {
  fc.assert(
    fc.property(operations(traits), (program) => {
      const { allocator, cleanUp } = make();
      try {
        const model = new Model(traits);
        for (const operation of program) {
          step(allocator, model, operation);
          if ((operation.kind === 'allocate' ? operation.bytes : 0) % 8 === 0) model.checkBooks(allocator);
        }
        for (const block of model.live) model.checkContents(allocator, block);
        while (model.live.length > 0) model.remove(allocator, 0);
        model.checkBooks(allocator);
        if (traits.frees !== 'reset') expect(allocator.usedBytes).toBe(0);
        allocator.reset();
        expect(allocator.usedBytes).toBe(0);
      } finally {
        allocator[Symbol.dispose]();
        cleanUp?.();
      }
    }),
    { numRuns: 15 },
  );
}
