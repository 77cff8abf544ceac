import { SharedHeapAllocator } from '../../../lib/allocators';

// A slab whose owner leaves it while its last block is freed: one of the two must see that it is empty.
type Step = (words: Int32Array, at: number, value: number) => number;

/** Runs `work` once, between two steps of whoever makes this one next. */
function amid(name: 'add' | 'or', before: boolean, wanted: (at: number) => boolean, work: () => void): () => number {
  const original = Atomics[name] as Step;
  let met = 0;
  jest.spyOn(Atomics, name).mockImplementation(((words: Int32Array, at: number, value: number) => {
    if (met > 0 || !wanted(at)) return original.call(Atomics, words, at, value);
    met += 1;
    if (before) work();
    const answer = original.call(Atomics, words, at, value);
    if (!before) work();
    return answer;
  }) as never);
  return () => met;
}

function pair() {
  const stays = SharedHeapAllocator.create('1MiB');
  const leaves = SharedHeapAllocator.attach(stays.handle);
  const block = leaves.allocate(100);
  leaves.disown(block);
  const { slabs } = stays as unknown as {
    slabs: { table: { orphans: number }; bitmapAt(span: number): number };
  };
  return { stays, leaves, block, slabs };
}

afterEach(() => jest.restoreAllMocks());

it('who leaves looks again: the block was freed by somebody who still saw an owner', () => {
  const { stays, leaves, block, slabs } = pair();
  const met = amid(
    'add',
    false,
    (at) => at === slabs.table.orphans,
    () => stays.deallocate(block, 100),
  );
  leaves.dispose();
  expect(met()).toBe(1);
  expect(stays.audit()).toMatchObject({ liveBlocks: 0, heldSpans: 0, orphans: 0 });
  stays.dispose();
});

it('who frees looks again: the owner left between its look and its free', () => {
  const { stays, leaves, block, slabs } = pair();
  const met = amid(
    'or',
    true,
    (at) => at === slabs.bitmapAt(0),
    () => leaves.dispose(),
  );
  stays.deallocate(block, 100);
  expect(met()).toBe(1);
  expect(stays.audit()).toMatchObject({ liveBlocks: 0, heldSpans: 0, orphans: 0 });
  stays.dispose();
});
