// HeapAllocator on a service's mix: 375 sizes from 24 bytes to 18 KiB, small ones more often, 2.5 KB in the mean.
import { claim, comparison, interleave, ratioOf } from '../harness.mjs';
import { bufferVariant, heapVariant, makeTrace, randomOf, withAllocatorsOfC } from '../heap-trace.mjs';

const LIVE = 40_000;
const SIZES = 375;
const MEAN = 2500;
const LARGEST = 18 * 1024;
const OURS = 'HeapAllocator: deallocate + allocate';
const BUFFER = 'Buffer.allocUnsafe, the old one dropped';

/** Distinct sizes, evenly spread over the logarithm with some jitter, and how often each is at most asked for. */
export function serviceMix() {
  const random = randomOf(375);
  const sizes = new Set([24, LARGEST]);
  while (sizes.size < SIZES) sizes.add(Math.round(24 * (LARGEST / 24) ** random()));
  const sorted = [...sizes].sort((a, b) => a - b);
  const meanOf = (power) => {
    const weights = sorted.map((size) => size ** power);
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    return sorted.reduce((sum, size, i) => sum + size * weights[i], 0) / all;
  };
  let [low, high] = [-3, 3];
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (meanOf(middle) < MEAN) low = middle;
    else high = middle;
  }
  let sum = 0;
  const upTo = sorted.map((size) => {
    sum += size ** low;
    return sum;
  });
  return { sizes: sorted, upTo: upTo.map((weight) => weight / sum) };
}

export default async function run({ quick }) {
  const { sizes, upTo } = serviceMix();
  const trace = makeTrace(LIVE, (random) => {
    const at = random();
    return sizes[upTo.findIndex((limit) => at <= limit)] ?? LARGEST;
  });
  const pairs = quick ? 500_000 : 2_000_000;
  return withAllocatorsOfC(trace, pairs, async (programs, notes) => {
    const variants = [
      heapVariant(OURS, trace, pairs),
      bufferVariant(BUFFER, trace, quick ? 50_000 : 150_000),
      ...programs,
    ];
    const rows = await interleave(variants, quick ? 3 : 7);
    const ours = rows.find(({ name }) => name === OURS);
    return {
      title: `a service's mix: ${SIZES} sizes, mean 2.5 KB, up to 18 KiB, ${LIVE} live`,
      unit: 'ns',
      extra: { cpu: 'CPU', p50: 'p50', p99: 'p99', lostPercent: 'lost %', roundingPercent: 'of it rounding %' },
      rows,
      claims: [
        claim('Buffer.allocUnsafe to a pair', ratioOf(rows, BUFFER, OURS), '>=', 8),
        comparison('% of the held memory lost to rounding, half-full slabs and bookkeeping', ours.lostPercent),
        ...programs.map(({ name }) => comparison(`a pair, to ${name}`, ratioOf(rows, OURS, name))),
      ],
      notes: [
        ...notes,
        'the mix is made for this benchmark after a documented shape; how long blocks live is random, which no service is',
        'p50 and p99 are of batches of 1000 pairs, per pair; CPU is processor time of all threads',
      ],
    };
  });
}
