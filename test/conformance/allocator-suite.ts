// One set of rules for every allocator, mode and stack of adaptors. A subject states what it can do in its traits; what
// the interface promises is the same for all.
import { type Allocator, type ErrorCode, isMemoryError } from '../../lib/core';
import { runModel } from './model';
import { expectRefusal, snapshot, thrownCode } from './support';

export interface AllocatorTraits {
  /** When a block's room comes back: at once in any order, at once and newest first only, or not before reset(). */
  readonly frees: 'any' | 'lifo' | 'reset';
  /** What `deallocate` notices about the size: every other one, one of another size class, or nothing. */
  readonly wrongSize: 'exact' | 'class' | 'none';
  /** Whether a free in the middle of a block throws. Default true; only a bump may say no. */
  readonly detectsInnerFree?: boolean;
  /** Largest block in bytes; default: the capacity. */
  readonly maxBlockBytes?: number;
  /** Largest alignment granted; default 4096. */
  readonly maxAlignment?: number;
  /** Code of `allocate` when all is in use. */
  readonly noRoomCode: ErrorCode;
  /** Whether it owns its memory, so that views are empty after dispose(). Default true. `shared` memory reads zeros. */
  readonly afterDispose?: 'empty' | 'kept' | 'zeros';
  /** Blocks for the exhaustion test, in bytes; default 4096. */
  readonly fillBytes?: number;
  /** False where nothing of its own bounds it. Default true. */
  readonly bounded?: boolean;
  /** Whether view() refuses what is not handed out. Default true. */
  readonly checksViews?: boolean;
}

export interface Subject {
  readonly allocator: Allocator;
  /** Runs after each test, for memory and helpers that dispose() leaves alone. */
  cleanUp?(): void;
}

const BAD_SIZES: readonly [unknown, ErrorCode][] = [
  [0, 'ERR_MEMORY_OUT_OF_RANGE'],
  [-1, 'ERR_MEMORY_OUT_OF_RANGE'],
  [2 ** 53, 'ERR_MEMORY_OUT_OF_RANGE'],
  [Number.POSITIVE_INFINITY, 'ERR_MEMORY_OUT_OF_RANGE'],
  [1.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['64', 'ERR_MEMORY_INVALID_ARGUMENT'],
  [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [64n, 'ERR_MEMORY_INVALID_ARGUMENT'],
];
const BAD_ALIGNMENTS: readonly unknown[] = [0, 3, -8, 1.5, 24, 8192, 2 ** 40, Number.NaN, '8', null];

/** Registers the suite for one subject. `make` is called once a test. */
export function allocatorConformance(name: string, make: () => Subject, traits: AllocatorTraits): void {
  const { frees, fillBytes = 4096, maxAlignment = 4096, maxBlockBytes = Number.POSITIVE_INFINITY } = traits;
  const fits = (bytes: number) => Math.min(bytes, maxBlockBytes);

  describe(`conformance of ${name}`, () => {
    let subject: Subject;
    let allocator: Allocator;
    beforeEach(() => {
      subject = make();
      allocator = subject.allocator;
    });
    afterEach(() => {
      allocator[Symbol.dispose]();
      subject.cleanUp?.();
    });

    it('begins empty', () => {
      const { name: label, ...numbers } = allocator.stats();
      expect(typeof label).toBe('string');
      expect(numbers).toMatchObject({ allocations: 0, deallocations: 0, failures: 0, resets: 0, liveAllocations: 0 });
      expect([allocator.usedBytes, numbers.usedBytes, numbers.peakUsedBytes]).toEqual([0, 0, 0]);
      expect(allocator.capacityBytes).toBe(numbers.capacityBytes);
      expect(allocator.owns(0)).toBe(false);
    });

    it('hands out memory that can be written and read', () => {
      const size = fits(100);
      const offset = allocator.allocate(size);
      expect(Number.isSafeInteger(offset) && offset >= 0).toBe(true);
      const view = allocator.view(offset, size);
      expect(view.length).toBe(size);
      view.fill(0xa7);
      expect([...allocator.view(offset, size)]).toEqual(new Array(size).fill(0xa7));
      expect(allocator.usedBytes).toBeGreaterThanOrEqual(size);
      const stats = allocator.stats();
      expect(stats).toMatchObject({ allocations: 1, liveAllocations: 1, usedBytes: allocator.usedBytes });
      expect(stats.peakUsedBytes).toBe(stats.usedBytes);
      expect(stats.reservedBytes).toBeGreaterThanOrEqual(stats.usedBytes);
    });

    it('hands out different memory at each call', () => {
      const size = fits(48);
      const blocks = Array.from({ length: 20 }, (_, id) => {
        const offset = id % 2 === 0 ? allocator.allocate(size) : allocator.tryAllocate(size);
        allocator.view(offset, size).fill(id + 1);
        return offset;
      });
      expect(new Set(blocks).size).toBe(20);
      blocks.forEach((offset, id) => {
        expect(allocator.view(offset, size).every((byte) => byte === id + 1)).toBe(true);
      });
    });

    it('grants every alignment that is a power of two, up to its largest', () => {
      const size = fits(24);
      const live: number[] = [];
      for (let alignment = 1; alignment <= maxAlignment; alignment *= 2) {
        live.push(allocator.allocate(1));
        const offset = allocator.allocate(size, alignment);
        live.push(offset);
        expect({ alignment, rest: offset % alignment }).toEqual({ alignment, rest: 0 });
        expect(allocator.view(offset, size).byteOffset % alignment).toBe(0);
      }
      if (frees === 'reset') return;
      for (let at = live.length - 1; at >= 0; at -= 1) {
        allocator.deallocate(live[at] ?? -1, at % 2 === 0 ? 1 : size);
      }
      expect(allocator.usedBytes).toBe(0);
    });

    it('refuses what is no size, and its books stay as they were', () => {
      const kept = allocator.allocate(fits(32));
      for (const [size, code] of BAD_SIZES) {
        const before = snapshot(allocator);
        expectRefusal(code, () => allocator.allocate(size as number), `allocate(${String(size)})`);
        expectRefusal(code, () => allocator.tryAllocate(size as number), `tryAllocate(${String(size)})`);
        expectRefusal(code, () => allocator.deallocate(kept, size as number), `deallocate(${String(size)})`);
        expectRefusal(code, () => allocator.view(kept, size as number), `view(${String(size)})`);
        expect(snapshot(allocator)).toEqual(before);
      }
    });

    it('refuses what is no alignment', () => {
      const before = snapshot(allocator);
      for (const alignment of BAD_ALIGNMENTS) {
        const where = `alignment ${String(alignment)}`;
        expectRefusal('ERR_MEMORY_INVALID_ALIGNMENT', () => allocator.allocate(8, alignment as number), where);
        expectRefusal('ERR_MEMORY_INVALID_ALIGNMENT', () => allocator.tryAllocate(8, alignment as number), where);
      }
      expect(snapshot(allocator)).toEqual(before);
    });

    it('refuses offsets that are none', () => {
      allocator.allocate(fits(32));
      const before = snapshot(allocator);
      for (const offset of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '0', null, undefined]) {
        const codes = ['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE'];
        expect(codes).toContain(thrownCode(() => allocator.deallocate(offset as number, 8)));
        expect(codes).toContain(thrownCode(() => allocator.view(offset as number, 8)));
        expect(allocator.owns(offset as number)).toBe(false);
      }
      expect(snapshot(allocator)).toEqual(before);
    });

    it('says so when a request can never fit', () => {
      const before = snapshot(allocator);
      const huge = 2 ** 50;
      expect(allocator.tryAllocate(huge)).toBe(-1);
      const codes = ['ERR_MEMORY_TOO_LARGE', ...(traits.bounded === false ? ['ERR_MEMORY_OUT_OF_MEMORY'] : [])];
      expect(codes).toContain(thrownCode(() => allocator.allocate(huge)));
      const { failures, ...books } = snapshot(allocator);
      const { failures: none, ...same } = before;
      expect(books).toEqual(same);
      expect((failures as number) - (none as number)).toBe(2);
    });

    if (traits.bounded !== false) {
      it('fills up, refuses, and serves again after reset()', () => {
        const size = fits(fillBytes);
        let count = 0;
        while (allocator.tryAllocate(size) !== -1) {
          count += 1;
          if (count > 1_000_000) throw new Error('it never fills up');
        }
        expect(count).toBeGreaterThan(2);
        const before = snapshot(allocator);
        let error: unknown;
        try {
          allocator.allocate(size);
        } catch (caught) {
          error = caught;
        }
        expect(isMemoryError(error) && error.code).toBe(traits.noRoomCode);
        expect(isMemoryError(error) && [error.requestedBytes, typeof error.hint]).toEqual([size, 'string']);
        expect({ ...snapshot(allocator), failures: before['failures'] }).toEqual(before);
        allocator.reset();
        expect([allocator.usedBytes, allocator.stats().liveAllocations, allocator.stats().resets]).toEqual([0, 0, 1]);
        let again = 0;
        while (allocator.tryAllocate(size) !== -1) again += 1;
        expect(again).toBe(count);
      });
    }

    it('knows what it owns', () => {
      const size = fits(64);
      const first = allocator.allocate(size);
      const second = allocator.allocate(size);
      expect([allocator.owns(first), allocator.owns(first + size - 1), allocator.owns(second)]).toEqual([
        true,
        true,
        true,
      ]);
      expect(allocator.owns(2 ** 52)).toBe(false);
      if (frees !== 'reset') {
        allocator.deallocate(second, size);
        expect([allocator.owns(first), allocator.owns(second)]).toEqual([true, false]);
      }
      allocator.reset();
      expect([allocator.owns(first), allocator.owns(second)]).toEqual([false, false]);
    });

    if (traits.checksViews !== false) {
      it('shows nothing that it has not handed out', () => {
        const size = fits(64);
        const offset = allocator.allocate(size);
        const codes = [
          'ERR_MEMORY_OUT_OF_RANGE',
          'ERR_MEMORY_INVALID_STATE',
          'ERR_MEMORY_FREED',
          'ERR_MEMORY_FOREIGN_FREE',
        ];
        expect(codes).toContain(thrownCode(() => allocator.view(2 ** 51, 8)));
        expect(codes).toContain(thrownCode(() => allocator.view(offset, 2 ** 40)));
        allocator.reset();
        expect(codes).toContain(thrownCode(() => allocator.view(offset, size)));
      });
    }

    it('gives everything back by deallocate', () => {
      const size = fits(128);
      const blocks = Array.from({ length: 16 }, () => allocator.allocate(size));
      const peak = allocator.usedBytes;
      for (const offset of blocks.reverse()) allocator.deallocate(offset, size);
      expect(allocator.stats()).toMatchObject({ deallocations: 16, liveAllocations: 0, peakUsedBytes: peak });
      if (frees !== 'reset') expect(allocator.usedBytes).toBe(0);
    });

    it('refuses blocks that it never handed out', () => {
      const size = fits(64);
      const offset = allocator.allocate(size);
      const before = snapshot(allocator);
      const codes = ['ERR_MEMORY_FOREIGN_FREE', 'ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_LIFO_VIOLATION'];
      expect(codes).toContain(thrownCode(() => allocator.deallocate(2 ** 51, size)));
      if (traits.detectsInnerFree !== false) {
        expect(codes).toContain(thrownCode(() => allocator.deallocate(offset + 1, size - 1)));
      }
      expect(snapshot(allocator)).toEqual(before);
      allocator.deallocate(offset, size);
    });

    it('refuses to free twice, and after a reset', () => {
      const size = fits(64);
      const first = allocator.allocate(size);
      const offset = allocator.allocate(size);
      allocator.deallocate(offset, size);
      const before = snapshot(allocator);
      const codes = ['ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_FOREIGN_FREE', 'ERR_MEMORY_LIFO_VIOLATION'];
      expect(codes).toContain(thrownCode(() => allocator.deallocate(offset, size)));
      expect(snapshot(allocator)).toEqual(before);
      allocator.reset();
      const empty = snapshot(allocator);
      expect([...codes, 'ERR_MEMORY_STALE_HANDLE']).toContain(thrownCode(() => allocator.deallocate(first, size)));
      expect(snapshot(allocator)).toEqual(empty);
    });

    if (traits.wrongSize !== 'none') {
      it('refuses to free with another size', () => {
        const size = fits(64);
        const wrong = traits.wrongSize === 'exact' ? size - 1 : size * 4;
        const offset = allocator.allocate(size);
        const before = snapshot(allocator);
        expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => allocator.deallocate(offset, wrong), `size ${wrong}`);
        expect(snapshot(allocator)).toEqual(before);
        allocator.deallocate(offset, size);
      });
    }

    it('is closed by dispose(), once and for all', () => {
      const size = fits(64);
      const offset = allocator.allocate(size);
      const view = allocator.view(offset, size);
      view.fill(9);
      allocator[Symbol.dispose]();
      allocator[Symbol.dispose]();
      for (const call of [
        () => allocator.allocate(8),
        () => allocator.tryAllocate(8),
        () => allocator.deallocate(offset, size),
        () => allocator.view(offset, size),
        () => allocator.reset(),
      ]) {
        expectRefusal('ERR_MEMORY_CLOSED', call, String(call));
      }
      expect(allocator.owns(offset)).toBe(false);
      expect(typeof allocator.stats().allocations).toBe('number');
      const { afterDispose = 'empty' } = traits;
      const zeros = view.length === 0 || view.every((byte) => byte === 0);
      // Node.js 20 empties views in a moment without requests only; until then they read zeros.
      const mayBeLate = process.versions.node.startsWith('20.');
      if (afterDispose === 'empty') expect(mayBeLate ? zeros : view.length === 0).toBe(true);
      if (afterDispose === 'zeros') expect(zeros).toBe(true);
    });

    it('behaves as its model over thousands of operations', () => {
      runModel(make, traits);
    });
  });
}
