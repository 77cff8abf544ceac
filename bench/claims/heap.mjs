// HeapAllocator on random sizes of 16 to 1016 bytes with 50 000 live, beside Buffers, @thi.ng/malloc and C's allocators.
import { claim, comparison, interleave, ratioOf } from '../harness.mjs';
import { bufferVariant, heapVariant, makeTrace, thingVariant, withAllocatorsOfC } from '../heap-trace.mjs';

const LIVE = 50_000;
const OURS = 'HeapAllocator: deallocate + allocate';
const BUFFER = 'Buffer.allocUnsafe, the old one dropped';
const THING = '@thi.ng/malloc with 1 000 live: free + malloc';
const sizeOf = (random) => 16 + Math.floor(random() * 1001);

export default async function run({ quick }) {
  const trace = makeTrace(LIVE, sizeOf);
  const pairs = quick ? 500_000 : 2_000_000;
  return withAllocatorsOfC(trace, pairs, async (programs, notes) => {
    const variants = [heapVariant(OURS, trace, pairs), bufferVariant(BUFFER, trace, quick ? 200_000 : 500_000)];
    const thing = await thingVariant(THING, makeTrace(1000, sizeOf), quick ? 10_000 : 30_000);
    if (thing === null) notes.push('@thi.ng/malloc cannot be installed here: its row is missing');
    else variants.push(thing);
    variants.push(...programs);
    const rows = await interleave(variants, quick ? 3 : 7);
    const ours = rows.find(({ name }) => name === OURS);
    const claims = [
      claim('nanoseconds of a pair', ours.median, '<=', 60),
      comparison('the same, processor time', ours.cpu),
      comparison('the same, median of all batches of 1000', ours.p50),
      claim('Buffer.allocUnsafe to a pair', ratioOf(rows, BUFFER, OURS), '>=', 8),
      ...(thing === null ? [] : [claim('@thi.ng/malloc to a pair', ratioOf(rows, THING, OURS), '>=', 50)]),
      claim('% of the held memory lost to rounding, half-full slabs and bookkeeping', ours.lostPercent, '<=', 12),
      ...programs.map(({ name }) => comparison(`a pair, to ${name}`, ratioOf(rows, OURS, name))),
    ];
    return {
      title: `a block freed and another allocated, random 16-1016 bytes, ${LIVE} live`,
      unit: 'ns',
      extra: { cpu: 'CPU', p50: 'p50', p99: 'p99', lostPercent: 'lost %', roundingPercent: 'of it rounding %' },
      rows,
      claims,
      notes: [
        ...notes,
        'p50 and p99 are of batches of 1000 pairs (50 for @thi.ng/malloc), per pair; single slow pairs do not show',
        'CPU is processor time of all threads, the collector included: what a busy machine disturbs least',
        'nobody touches the blocks; a Buffer makes its view, and a view of a heap block costs 90-110 ns more',
        '@thi.ng/malloc sorts and searches one list: with 50 000 live a pair takes milliseconds, so it runs with 1 000',
      ],
    };
  });
}
