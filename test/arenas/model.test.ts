// Random programs of blocks, frees, marks, rewinds, scopes and resets against a model that keeps every block.
import * as fc from 'fast-check';
import { Arena, type ArenaMark, type ArenaRef } from '../../lib/arenas';
import { codeOf, TestBudget, TestProvider } from './support';

type Step =
  | { kind: 'allocate'; bytes: number; alignment: number }
  | { kind: 'free' | 'rewind' | 'resize'; which: number }
  | { kind: 'mark' | 'reset' | 'trim' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 50,
    arbitrary: fc.record({
      kind: fc.constant('allocate' as const),
      bytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 9000 })),
      alignment: fc.constantFrom(1, 2, 8, 64, 512),
    }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('free' as const), which: fc.nat(1000) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('mark' as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('rewind' as const), which: fc.nat(1000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('resize' as const), which: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('trim' as const) }) },
);

interface Block {
  readonly ref: ArenaRef;
  readonly bytes: number;
  readonly stamp: number;
  /** In the order of allocation. */
  readonly order: number;
}

class Model {
  live: Block[] = [];
  gone: ArenaRef[] = [];
  marks: { mark: ArenaMark; order: number; good: boolean }[] = [];
  orders = 0;

  drop(keep: (block: Block) => boolean): void {
    for (const block of this.live) if (!keep(block)) this.gone.push(block.ref);
    this.live = this.live.filter(keep);
  }
}

function run(arena: Arena, model: Model, s: Step): void {
  if (s.kind === 'allocate') {
    const ref = arena.allocateRef(s.bytes, s.alignment);
    model.orders += 1;
    const block = { ref, bytes: s.bytes, stamp: (model.orders % 250) + 1, order: model.orders };
    if (ref.offset % s.alignment !== 0) throw new Error('alignment');
    const other = model.live.find((o) => ref.offset < o.ref.offset + o.bytes && o.ref.offset < ref.offset + s.bytes);
    if (other) throw new Error(`${ref.offset} overlaps ${other.ref.offset}`);
    ref.view().fill(block.stamp);
    model.live.push(block);
  } else if (s.kind === 'mark') {
    model.marks.push({ mark: arena.mark(), order: model.orders, good: true });
  } else if (s.kind === 'reset') {
    arena.reset();
    model.drop(() => false);
    for (const mark of model.marks) mark.good = false;
  } else if (s.kind === 'trim') {
    arena.trim();
  } else if (s.kind === 'rewind' && model.marks.length > 0) {
    const at = s.which % model.marks.length;
    const { mark, order, good } = model.marks[at] as Model['marks'][0];
    // Marks at one place are one mark, so a later one at the same place is as good as this one.
    const same = model.marks.some((other) => other.good && other.mark === mark);
    expect(codeOf(() => arena.rewind(mark))).toBe(good || same ? 'nothing' : 'ERR_MEMORY_STALE_HANDLE');
    if (!good) return;
    model.drop((block) => block.order <= order);
    for (const later of model.marks) if (later.mark > mark) later.good = false;
  } else if (s.kind === 'free' && model.live.length > 0) {
    const [block] = model.live.splice(s.which % model.live.length, 1) as [Block];
    arena.deallocate(block.ref.offset, block.bytes);
    model.gone.push(block.ref);
  } else if (s.kind === 'resize' && model.live.length > 0) {
    const at = s.which % model.live.length;
    const block = model.live[at] as Block;
    if (!arena.tryResize(block.ref.offset, block.bytes, block.bytes + 8)) return;
    const ref = arena.ref(block.ref.offset, block.bytes + 8);
    ref.view().fill(block.stamp);
    model.live[at] = { ...block, ref, bytes: block.bytes + 8 };
  }
}

function check(arena: Arena, model: Model): void {
  for (const { ref, bytes, stamp } of model.live) {
    if (!ref.valid) throw new Error(`${ref.offset} is stale`);
    if (!arena.owns(ref.offset) || !arena.owns(ref.offset + bytes - 1)) throw new Error(`${ref.offset} is not owned`);
    if (ref.view().some((byte) => byte !== stamp)) throw new Error(`${ref.offset} was overwritten`);
  }
  for (const ref of model.gone) if (ref.valid) throw new Error(`${ref.offset} is gone and valid`);
  model.gone = model.gone.slice(-20);
  const stats = arena.stats();
  expect(stats.liveAllocations).toBe(model.live.length);
  const asked = model.live.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(stats.usedBytes).toBeGreaterThanOrEqual(asked);
  expect(stats.peakUsedBytes).toBeGreaterThanOrEqual(stats.usedBytes);
  expect(stats.reservedBytes).toBeGreaterThanOrEqual(stats.usedBytes);
  if (model.live.length === 0) expect(stats.usedBytes).toBe(0);
}

test.each([
  ['reuse', false],
  ['detach', true],
] as const)('an arena behaves as its model: onReset %s, zero %s', (onReset, zero) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 300, size: 'max' }), (program) => {
      const budget = new TestBudget();
      const provider = new TestProvider();
      const arena = new Arena('4KiB', { maxChunkBytes: '16KiB', onReset, zero, budget, provider });
      const model = new Model();
      try {
        program.forEach((s, i) => {
          run(arena, model, s);
          if (i % 7 === 0) check(arena, model);
          expect(budget.used).toBe(arena.heldBytes);
        });
        check(arena, model);
      } finally {
        arena.dispose();
      }
      expect([budget.used, provider.out]).toEqual([0, 0]);
    }),
    { numRuns: 25 },
  );
});
