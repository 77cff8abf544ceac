// Objects lent by promises, beside the two pools that most services use: alone, and 64 tasks on 10 objects.
import { claim, comparison, interleave, nebula, ratioOf } from '../harness.mjs';
import { peer } from '../peer.mjs';

const { AsyncPool } = nebula;
const OBJECTS = 10;
const TASKS = 64;
const BATCH = 1000;

const PAIRS = `return async function run(times) {
  for (let i = 0; i < times; i += 1) {
    const object = await ACQUIRE;
    pool.release(object);
  }
};`;

// Each task holds its object over a turn of promises, as one that asks a server would.
const CROWD = `return async function run(times) {
  let left = times;
  const task = async () => {
    while (left > 0) {
      left -= 1;
      const object = await ACQUIRE;
      await null;
      pool.release(object);
    }
  };
  await Promise.all(Array.from({ length: ${TASKS} }, task));
};`;

// Loops of a text of their own each: functions of the same text share what the compiler learned.
let loops = 0;
function ownLoop(pool, body, acquire) {
  loops += 1;
  return new Function('pool', `// ${loops}\n${body.replace('ACQUIRE', acquire)}`)(pool);
}

/** The mean of an operation; p50 and p99 are of batches of 1000. */
async function timedBatches(operations, loop) {
  const batches = Math.max(1, Math.floor(operations / BATCH));
  const samples = new Float64Array(batches);
  let total = 0;
  for (let i = 0; i < batches; i += 1) {
    const start = performance.now();
    await loop(BATCH);
    const ms = performance.now() - start;
    samples[i] = (ms * 1e6) / BATCH;
    total += ms;
  }
  samples.sort();
  const at = (share) => samples[Math.min(batches - 1, Math.floor(batches * share))];
  return { value: (total * 1e6) / (batches * BATCH), p50: at(0.5), p99: at(0.99) };
}

function variants(name, makePool, times, acquire = 'pool.acquire()') {
  const alone = ownLoop(makePool(), PAIRS, acquire);
  const crowd = ownLoop(makePool(), CROWD, acquire);
  return [
    { name: `${name}, alone`, run: () => timedBatches(times, alone) },
    { name: `${name}, ${TASKS} tasks on ${OBJECTS}`, run: () => timedBatches(times, crowd) },
  ];
}

export default async function run({ quick }) {
  const times = quick ? 200_000 : 1_000_000;
  const [generic, tarn] = [await peer('generic-pool@3.9.0'), await peer('tarn@3.1.2')];
  const create = async () => ({});
  const ours = (more) => () => new AsyncPool({ create, max: OBJECTS, ...more });
  const lent = { idleTimeoutMs: '30s' };
  const tested = { validate: () => true, reset: () => {} };
  const all = [
    ...variants('AsyncPool', ours(), times),
    ...variants('AsyncPool with an idle timeout', ours(lent), times),
    ...variants('AsyncPool with validate and reset', ours(tested), times),
  ];
  if (generic !== null) {
    const make = () => generic.createPool({ create, destroy: async () => {} }, { max: OBJECTS });
    all.push(...variants('generic-pool', make, times / 5));
  }
  if (tarn !== null) {
    const make = () => new tarn.Pool({ create, destroy: () => {}, min: 0, max: OBJECTS });
    all.push(...variants('tarn', make, times / 20, 'pool.acquire().promise'));
  }
  const rows = await interleave(all, quick ? 5 : 9);
  const row = (name) => rows.find((known) => known.name === name);
  const crowd = `${TASKS} tasks on ${OBJECTS}`;
  const claims = [claim('ns for acquire + release, awaited, one free', row('AsyncPool, alone').median, '<=', 150)];
  const beside = (name, least) => {
    claims.push(claim(`${name} to AsyncPool, alone`, ratioOf(rows, `${name}, alone`, 'AsyncPool, alone'), '>=', least));
    claims.push(
      comparison(`${name} to AsyncPool, ${crowd}`, ratioOf(rows, `${name}, ${crowd}`, `AsyncPool, ${crowd}`)),
    );
  };
  if (generic !== null) beside('generic-pool', 8);
  if (tarn !== null) beside('tarn', 25);
  return {
    title: 'objects lent by promises',
    unit: 'ns',
    extra: { p50: 'p50 of 1000', p99: 'p99 of 1000' },
    rows,
    claims,
    notes: [
      'p50 and p99 are of means over 1000 pairs each: the clock itself takes longer than one pair',
      'with an idle timeout the clock is read twice a pair, at acquire and at release; generic-pool reads it once, and lends what is too old',
      ...(generic === null || tarn === null ? ['a peer could not be installed: its rows are left out'] : []),
    ],
  };
}
