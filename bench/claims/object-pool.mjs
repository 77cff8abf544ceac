// Objects taken from a pool and given back, beside pools that check and count nothing, and beside objects for the collector.
import { claim, comparison, interleave, nebula, ratioOf, timed } from '../harness.mjs';
import { peer } from '../peer.mjs';

const { ObjectPool, PriorityPool, TtlPool } = nebula;
const LIVE = 256;

// Loops of a text of their own each: functions of the same text share what the compiler learned, and would see many
// kinds of pools.
let loops = 0;
function ownLoop(body, ...values) {
  loops += 1;
  return new Function('make', 'live', 'pool', `// ${loops}\n${body}`)(...values);
}

const BODY = `
  return function run(times) {
    let sum = 0;
    for (let i = 0; i < times; i += 1) {
      const object = TAKE;
      object.first = i;
      sum += object.second;
      GIVE;
    }
    return sum;
  };`;

// LIVE objects out at any time, the oldest of a shuffled order given back: what a service does.
const CHURN = `
  let at = 0;
  return function run(times) {
    for (let i = 0; i < times; i += 1) {
      at = (at + 97) & ${LIVE - 1};
      const object = live[at];
      GIVE;
      live[at] = TAKE;
      live[at].first = i;
    }
    return live[0];
  };`;

/** A class of its own for each row: what one row does to its objects must not slow another one down. */
function ownClass() {
  loops += 1;
  return new Function(`// ${loops}
  return class Task {
    constructor() {
      this.next = null;
      this.first = 0;
      this.second = 1;
      this.third = 0.5;
      this.name = '';
      this.done = false;
    }
  };`)();
}

const WORDS = {
  ours: ['pool.acquire()', 'pool.release(object)'],
  reusify: ['pool.get()', 'pool.release(object)'],
  deepool: ['pool.use()', 'pool.recycle(object)'],
  fresh: ['new make()', ''],
};

function variant(name, times, kind, makePool, live) {
  const [take, give] = WORDS[kind];
  const make = ownClass();
  const pool = makePool?.(make);
  const taken = Array.from({ length: live ?? 0 }, () => new Function('pool', 'make', `return ${take}`)(pool, make));
  const body = (live === undefined ? BODY : CHURN).replaceAll('TAKE', take).replaceAll('GIVE', give);
  const loop = ownLoop(body, make, taken, pool);
  return { name, run: () => timed(times, loop) };
}

const reset = (task) => {
  task.first = 0;
  task.done = false;
};

/** Pools of eight classes in turn: the code of the pool sees objects of many kinds, as in a large service. */
function eightClasses(times) {
  const pools = Array.from({ length: 8 }, (_, i) => {
    const Kind = new Function(`return class Kind${i} { constructor() { this.own${i} = 0; this.first = 0; } }`)();
    return new ObjectPool(() => new Kind());
  });
  const loop = (count) => {
    for (let i = 0; i < count; i += 1) {
      const pool = pools[i & 7];
      pool.release(pool.acquire());
    }
  };
  return () => timed(times, loop);
}

export default async function run({ quick }) {
  const times = quick ? 3_000_000 : 10_000_000;
  const [reusify, deepool] = [await peer('reusify@1.1.0'), await peer('deepool@3.0.1')];
  const plain = (make) => new ObjectPool(() => new make());
  const variants = [
    variant('ObjectPool, a pair', times, 'ours', plain),
    variant(
      'ObjectPool, a pair, with reset',
      times,
      'ours',
      (make) => new ObjectPool({ create: () => new make(), reset }),
    ),
    variant(
      'ObjectPool, a pair, with reset and validate',
      times,
      'ours',
      (make) => new ObjectPool({ create: () => new make(), reset, validate: (task) => task.second === 1 }),
    ),
    variant(`ObjectPool, ${LIVE} live`, times, 'ours', plain, LIVE),
    variant('PriorityPool, a pair', times / 10, 'ours', (make) => new PriorityPool(() => new make())),
    variant('TtlPool, a pair', times / 10, 'ours', (make) => new TtlPool(() => new make())),
    variant('new, a pair', times, 'fresh'),
    variant(`new, ${LIVE} live`, times, 'fresh', undefined, LIVE),
  ];
  variants.push({ name: 'ObjectPool, a pair, eight classes', run: eightClasses(times) });
  const leases = plain(ownClass());
  const leaseLoop = (count) => {
    for (let i = 0; i < count; i += 1) leases.lease().release();
  };
  variants.push({ name: 'ObjectPool, lease + release', run: () => timed(times / 10, leaseLoop) });
  if (reusify !== null) {
    variants.push(variant('reusify, a pair', times, 'reusify', reusify));
    variants.push(variant(`reusify, ${LIVE} live`, times, 'reusify', reusify, LIVE));
  }
  if (deepool !== null) {
    const makePool = (make) => deepool.create(() => new make());
    variants.push(variant('deepool, a pair', times, 'deepool', makePool));
    variants.push(variant(`deepool, ${LIVE} live`, times, 'deepool', makePool, LIVE));
  }
  const rows = await interleave(variants, quick ? 7 : 11);
  const medianOf = (wanted) => rows.find(({ name }) => name === wanted).median;
  const beside = (peerName, what) =>
    rows.some(({ name }) => name === `${peerName}, ${what}`)
      ? [comparison(`ObjectPool to ${peerName}, ${what}`, ratioOf(rows, `ObjectPool, ${what}`, `${peerName}, ${what}`))]
      : [];
  return {
    title: 'objects taken from a pool and given back',
    unit: 'ns',
    rows,
    claims: [
      claim('ns for acquire + release, checked and counted', medianOf('ObjectPool, a pair'), '<=', 20),
      claim('ns for acquire + release with a reset hook', medianOf('ObjectPool, a pair, with reset'), '<=', 20),
      claim(`ns for acquire + release, ${LIVE} live`, medianOf(`ObjectPool, ${LIVE} live`), '<=', 20),
      claim('ns for acquire + release, eight classes in turn', medianOf('ObjectPool, a pair, eight classes'), '<=', 20),
      ...['reusify', 'deepool', 'new'].flatMap((name) => [...beside(name, 'a pair'), ...beside(name, `${LIVE} live`)]),
    ],
    notes: [
      'reusify and deepool check and count nothing: an object given back twice is lent to two holders',
      'an object that the collector may take costs more the longer it lives; `new, a pair` is optimized away in part',
      ...(reusify === null || deepool === null ? ['a peer could not be installed: its rows are left out'] : []),
    ],
  };
}
