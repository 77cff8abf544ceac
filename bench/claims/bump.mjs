// A number from a bump allocator, beside the same loop written out by hand and beside Buffer.allocUnsafe.
import { claim, comparison, interleave, MIB, nebula, ratioOf, timed } from '../harness.mjs';

const { BumpAllocator, StackAllocator } = nebula;
const CAPACITY = 64 * MIB;
const HELD = 65_536; // Buffers that are in use at a time, 4 MiB: what they cost the collector grows with it
const BATCH = 100_000; // allocations between two resets; 64 bytes each, so none runs out of room

/** What somebody would write into the loop itself: alignment, a bound, and a cursor that outlives the loop. */
function loopWritten(state) {
  return (times) => {
    let sum = 0;
    for (let done = 0; done < times; done += BATCH) {
      const count = Math.min(BATCH, times - done);
      for (let i = 0; i < count; i += 1) {
        const start = (state.top + 7) & -8;
        const end = start + 64;
        if (end > state.capacity) throw new Error('full');
        state.top = end;
        sum ^= start;
      }
      state.top = 0;
    }
    return sum;
  };
}

/** The same with a cursor that nobody else can see, which the compiler keeps in a register. */
function loopInRegister(times) {
  let top = 0;
  let sum = 0;
  for (let done = 0; done < times; done += BATCH) {
    const count = Math.min(BATCH, times - done);
    for (let i = 0; i < count; i += 1) {
      const start = (top + 7) & -8;
      const end = start + 64;
      if (end > CAPACITY) throw new Error('full');
      top = end;
      sum ^= start;
    }
    top = 0;
  }
  return sum;
}

/** The same as a class. */
class PlainBump {
  top = 0;
  capacity = CAPACITY;
  allocate(byteLength) {
    const start = (this.top + 7) & -8;
    const end = start + byteLength;
    if (end > this.capacity) throw new Error('full');
    this.top = end;
    return start;
  }
  reset() {
    this.top = 0;
  }
}

// Each variant gets a loop of its own from a text of its own, which its name makes different: functions of the same text
// share what the compiler learned, and would see many kinds of objects.
function loopOver(name) {
  return new Function(
    'allocator',
    'batch',
    `// ${name}
    return function run(times) {
      let sum = 0;
      for (let done = 0; done < times; done += batch) {
        const count = Math.min(batch, times - done);
        for (let i = 0; i < count; i += 1) sum ^= allocator.allocate(64);
        allocator.reset();
      }
      return sum;
    };`,
  );
}

function percentiles(once) {
  const samples = new Float64Array(2000);
  for (let i = 0; i < samples.length; i += 1) {
    const start = process.hrtime.bigint();
    once(1000);
    samples[i] = Number(process.hrtime.bigint() - start) / 1000;
  }
  samples.sort();
  return { p50: samples[1000], p99: samples[1980] };
}

function variant(name, times, loop) {
  return { name, run: () => ({ value: timed(times, loop), ...percentiles(loop) }) };
}

function forAllocator(name, times, allocator) {
  return variant(name, times, loopOver(name)(allocator, BATCH));
}

export default async function run({ quick }) {
  const times = quick ? 5_000_000 : 20_000_000;
  const held = new Array(HELD).fill(null);
  const heldBuffers = (count) => {
    for (let i = 0; i < count; i += 1) held[i & (HELD - 1)] = Buffer.allocUnsafe(64);
    return held[0];
  };
  const buffers = (count) => {
    let kept;
    for (let i = 0; i < count; i += 1) kept = Buffer.allocUnsafe(64);
    return kept;
  };
  const views = new BumpAllocator(CAPACITY);
  const viewLoop = (count) => {
    let kept;
    for (let i = 0; i < count; i += 1) {
      kept = views.view(views.allocate(64), 64);
      if (i % BATCH === 0) views.reset();
    }
    views.reset();
    return kept;
  };
  const rows = await interleave(
    [
      variant('bump loop, cursor in an object', times, loopWritten({ top: 0, capacity: CAPACITY })),
      variant('bump loop, cursor in a register', times, loopInRegister),
      forAllocator('bump of three fields, unchecked', times, new PlainBump()),
      forAllocator('BumpAllocator', times, new BumpAllocator(CAPACITY)),
      forAllocator('BumpAllocator, stats: false', times, new BumpAllocator(CAPACITY, { stats: false })),
      forAllocator('StackAllocator', times, new StackAllocator(CAPACITY)),
      variant('BumpAllocator allocate + view', times / 20, viewLoop),
      variant('Buffer.allocUnsafe(64), 65 536 in use', times / 10, heldBuffers),
      variant('Buffer.allocUnsafe(64), dropped at once', times / 10, buffers),
    ],
    quick ? 7 : 15,
  );
  const ours = 'BumpAllocator';
  return {
    title: '64 bytes from a bump allocator',
    unit: 'ns',
    extra: { p50: 'p50 of 1000', p99: 'p99 of 1000' },
    rows,
    claims: [
      claim(
        'BumpAllocator to a bump loop written out',
        ratioOf(rows, ours, 'bump loop, cursor in an object'),
        '<=',
        1.5,
      ),
      claim('Buffers in use to BumpAllocator', ratioOf(rows, 'Buffer.allocUnsafe(64), 65 536 in use', ours), '>=', 20),
      claim('counting to not counting', ratioOf(rows, ours, 'BumpAllocator, stats: false'), '<=', 1.1),
      comparison('BumpAllocator to the unchecked class', ratioOf(rows, ours, 'bump of three fields, unchecked')),
      comparison(
        'BumpAllocator to a loop whose cursor nobody else sees',
        ratioOf(rows, ours, 'bump loop, cursor in a register'),
      ),
      comparison(
        'Buffers dropped at once to BumpAllocator',
        ratioOf(rows, 'Buffer.allocUnsafe(64), dropped at once', ours),
      ),
      comparison(
        'Buffers in use to BumpAllocator allocate + view',
        ratioOf(rows, 'Buffer.allocUnsafe(64), 65 536 in use', 'BumpAllocator allocate + view'),
      ),
    ],
    notes: [
      'a Buffer that is dropped at once dies in the young generation, which costs the collector next to nothing; how much one that is in use costs grows with their number',
      'p50 and p99 are of means over 1000 calls each: the clock itself takes longer than one call',
      'offsets only, but for the row with views: no byte is touched; a first touch of a page costs the same to everybody',
    ],
  };
}
