import { CachedProvider, NumaProvider, type NumaProviderOptions } from '../../../lib/allocators/providers';
import { memoryError } from '../../../lib/core';
import { openSysroot, type Sysroot } from '../../../lib/platform';
import { MachinePark, type MachineSpec, numaMachines } from '../../sysroots';
import { codeOf, Flaky, MIB, PAGE, TestBudget } from './support';

const park = new MachinePark();
afterAll(() => park.remove());

const GIB = 2 ** 20; // in KiB
const four: MachineSpec = {
  ...numaMachines.hmat,
  nodes: (numaMachines.hmat.nodes ?? []).map((node) => ({ ...node, freeKiB: node.id === 0 ? 64 : 2 * GIB })),
};
const sysroot = (spec: MachineSpec = four): Sysroot => openSysroot(park.root(spec));

/** A provider on a machine that is not this one: its nodes' memory is this machine's. */
function make(options: NumaProviderOptions = {}) {
  const below = new Map<number, Flaky>();
  let here = 0;
  const numa = new NumaProvider({
    sysroot: sysroot(),
    currentNode: () => here,
    provider: (node) => {
      const flaky = new Flaky();
      below.set(node, flaky);
      return flaky;
    },
    ...options,
  });
  return { numa, below, move: (node: number) => (here = node) };
}

describe('on a machine of four nodes', () => {
  it('takes from the node of the thread', () => {
    const { numa, move } = make();
    expect(numa.nodes).toEqual([0, 1, 2, 3]);
    for (const node of [1, 2, 3]) {
      move(node);
      const region = numa.acquire(PAGE);
      expect(numa.choiceOf(region)).toEqual({ home: node, node, passed: [] });
      numa.release(region);
    }
    expect(numa.stats()).toMatchObject({ remote: 0, acquired: 3, byNode: { 0: 0, 1: 0, 2: 0, 3: 0 } });
  });

  it('passes a full node over for the nearest with room, and says so', () => {
    const { numa } = make(); // node 0 has 64 KiB free; 2 is at 17, 1 at 21, 3 at 28
    const small = numa.acquire(16 * PAGE);
    const large = numa.acquire(17 * PAGE);
    expect(numa.choiceOf(small).node).toBe(0);
    expect(numa.choiceOf(large)).toEqual({
      home: 0,
      node: 2,
      passed: [{ node: 0, reason: '64 KiB free, 68 KiB asked' }],
    });
    expect(numa.stats()).toMatchObject({ remote: 1, byNode: { 0: 1, 1: 0, 2: 1, 3: 0 } });
    numa.release(small);
    numa.release(large);
    expect(numa.stats()).toMatchObject({ liveBytes: 0, byNode: { 0: 0, 2: 0 } });
  });

  it('goes on where a node turns out to be full, in order of distance', () => {
    const { numa, below, move } = make();
    move(3); // 1 is at 17, 0 and 2 at 28
    for (const node of [3, 1]) (below.get(node) as Flaky).failAcquire = 1;
    const region = numa.acquire(PAGE);
    const { node, passed } = numa.choiceOf(region);
    expect([node, passed.map((each) => each.node)]).toEqual([0, [3, 1]]);
    numa.release(region);
  });

  it('tries full nodes after all before it refuses', () => {
    const { numa, below } = make();
    for (const node of [1, 2, 3]) (below.get(node) as Flaky).failAcquire = 1;
    const region = numa.acquire(17 * PAGE);
    expect(numa.choiceOf(region)).toMatchObject({ node: 0, home: 0 });
    for (const flaky of below.values()) flaky.failAcquire = 1;
    expect(codeOf(() => numa.acquire(PAGE))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect(numa.stats()).toMatchObject({ failures: 1, liveRegions: 1 });
    numa.release(region);
  });

  it('when strict tries no node that has no room', () => {
    const { numa, below } = make({ strict: true, nodes: [0, 1] });
    (below.get(1) as Flaky).failAcquire = 1;
    expect(codeOf(() => numa.acquire(17 * PAGE))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
    expect((below.get(0) as Flaky).live).toBe(0);
    expect(() => numa.acquire(3 * 2 ** 30)).toThrow(/node 0: 64 KiB free.*node 1: 2 GiB free/);
    const region = numa.acquire(17 * PAGE);
    expect(numa.choiceOf(region).node).toBe(1);
    numa.release(region);
  });

  it('does not go on after an error that no other node can help', () => {
    const { numa, below } = make();
    jest.spyOn(below.get(0) as Flaky, 'acquire').mockImplementationOnce(() => {
      throw memoryError('ERR_MEMORY_INVALID_STATE', 'broken');
    });
    expect(codeOf(() => numa.acquire(PAGE))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(numa.stats()).toMatchObject({ liveRegions: 0, failures: 1 });
  });

  it('uses only the nodes named, from wherever the thread runs', () => {
    const { numa, move } = make({ nodes: [3, 1, 3] });
    expect(numa.nodes).toEqual([1, 3]);
    for (const [home, node] of [
      [0, 1],
      [2, 1], // both at 28: the lower number
      [3, 3],
      [77, 1], // a node that is not there
    ] as const) {
      move(home);
      const region = numa.acquire(PAGE);
      expect(numa.choiceOf(region).node).toBe(node);
      numa.release(region);
    }
  });

  it('has a provider a node, with the same books', () => {
    const budget = new TestBudget();
    const { numa, below } = make({ budget });
    const one = numa.node(1);
    expect([one.name, one.pageBytes]).toEqual(['NumaProvider.node1', PAGE]);
    const region = one.acquire(5);
    expect(numa.choiceOf(region)).toEqual({ home: 1, node: 1, passed: [] });
    expect([budget.used, (below.get(1) as Flaky).live]).toEqual([PAGE, PAGE]);
    expect(codeOf(() => numa.node(0).release(region))).toBe('ERR_MEMORY_FOREIGN_FREE');
    const fresh = one.renew(region);
    expect(numa.choiceOf(fresh).node).toBe(1);
    expect(codeOf(() => one.release(region))).toBe('ERR_MEMORY_DOUBLE_FREE');
    numa.release(fresh); // either takes it back
    expect(codeOf(() => one.release(fresh))).toBe('ERR_MEMORY_DOUBLE_FREE');
    (below.get(1) as Flaky).failAcquire = 1;
    expect(codeOf(() => one.acquire(PAGE))).toBe('ERR_MEMORY_OUT_OF_MEMORY'); // and no other node
    expect(budget.used).toBe(0);
    expect(codeOf(() => numa.node(7))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
    expect(codeOf(() => numa.node(-1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('trims and ends the caches of its nodes', () => {
    const caches: CachedProvider[] = [];
    const { numa, move } = make({
      provider: () => {
        const cache = new CachedProvider(undefined, { decayMs: null });
        caches.push(cache);
        return cache;
      },
    });
    for (const node of [1, 2, 3]) {
      move(node);
      numa.release(numa.acquire(MIB));
    }
    expect(numa.trim(2 * MIB)).toBe(MIB);
    expect(caches.map((cache) => cache.stats().cachedBytes)).toEqual([0, MIB, MIB, 0]);
    numa.dispose();
    expect(caches.every((cache) => cache.disposed)).toBe(true);
  });

  it('keeps its books when a node refuses to take a region back', () => {
    const { numa, below } = make();
    const region = numa.acquire(PAGE);
    (below.get(0) as Flaky).failRelease = 1;
    expect(codeOf(() => numa.release(region))).toBe('ERR_MEMORY_IN_USE');
    expect(numa.stats()).toMatchObject({ liveRegions: 1, byNode: { 0: 1 } });
    region.free();
    numa.release(region);
    expect(numa.stats()).toMatchObject({ liveRegions: 0, byNode: { 0: 0 } });
    expect((below.get(0) as Flaky).live).toBe(0);
  });
});

describe('other machines', () => {
  it('without distances take the node itself, then the lowest', () => {
    const spec: MachineSpec = {
      ...four,
      nodes: (four.nodes ?? []).map((node) => ({ ...node, distance: null })),
    };
    const { numa, below, move } = make({ sysroot: sysroot(spec) });
    move(2);
    (below.get(2) as Flaky).failAcquire = 1;
    const region = numa.acquire(17 * PAGE);
    expect(numa.choiceOf(region)).toMatchObject({ home: 2, node: 1 });
    numa.release(region);
  });

  it('without /sys have one node', () => {
    const { numa } = make({ sysroot: sysroot({}) });
    expect(numa.nodes).toEqual([0]);
    numa.release(numa.acquire(PAGE));
  });

  it('this one serves as it is', () => {
    const numa = new NumaProvider();
    const region = numa.acquire(3 * PAGE);
    expect(region.placement.asked.numa).toBe(`preferred ${numa.choiceOf(region).node}`);
    numa.release(region);
    const strict = new NumaProvider({ strict: true, nodes: [numa.nodes[0] as number] });
    const bound = strict.acquire(3 * PAGE);
    expect(bound.placement.got).toMatchObject({ numaVerified: true, populated: true });
    strict.release(bound);
  });
});

test.each([
  [{ nodes: [] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ nodes: [9] }, 'ERR_MEMORY_NUMA_UNAVAILABLE'],
  [{ nodes: [-1] }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ nodes: 0 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ strict: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ sysroot: '/' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ currentNode: 0 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ provider: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ map: {}, provider: () => new Flaky() }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ map: { guard: 5 }, provider: undefined }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ node: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
])('options %p are refused', (options, code) => {
  const given = { sysroot: sysroot(), ...('map' in options ? {} : { provider: () => new Flaky() }), ...options };
  if ('map' in options) Object.assign(given, { sysroot: openSysroot() });
  expect(codeOf(() => new NumaProvider(given as never))).toBe(code);
});
