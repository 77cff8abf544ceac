import type * as Machine from '../../../lib/platform/machine';
import { MachinePark } from '../../sysroots';

const mockState = { root: '/' };
jest.mock('../../../lib/platform/machine', () => {
  const actual = jest.requireActual<typeof Machine>('../../../lib/platform/machine');
  return { ...actual, openSysroot: () => actual.openSysroot(mockState.root) };
});

import { type NumaSpec, Region } from '../../../lib/platform';
import { type Failure, native, POLICIES } from '../../../lib/platform/native';
import { codeOf, PAGE, thrown } from './support';

const park = new MachinePark();
afterAll(() => park.remove());
afterEach(() => {
  jest.restoreAllMocks();
  mockState.root = '/';
});

const failure = (call: string, errno: number): Failure => ({ failed: 1, call, errno, detail: 0 });
const available = !('failed' in Object(native().tryFeature(10))); // numaPolicy
const withNuma = available ? describe : describe.skip;

withNuma('on the nodes of this machine', () => {
  test.each<[NumaSpec, string]>([
    ['local', 'local'],
    [{ bind: 0 }, 'bind 0'],
    [{ bind: [0, 0] }, 'bind 0'],
    [{ preferred: 0 }, 'preferred 0'],
    [{ preferredMany: [0] }, 'preferredMany 0'],
    [{ interleave: [0] }, 'interleave 0'],
    [{ interleave: 'all' }, 'interleave all'],
    [{ weighted: { 0: 3 } }, 'weighted 0:3'],
  ])('%j is put in force, and populated pages are found there', (numa, text) => {
    using region = Region.map('1MiB', { numa, populate: true, strict: true });
    expect(region.placement).toMatchObject({ asked: { numa: text }, got: { numa: text }, fallbacks: [] });
    expect(region.placement.got.numaVerified).toBe(numa !== 'local');
    const { nodes, absentPages, pageBytes } = region.nodes();
    const pages = [...nodes.values()].reduce((sum, count) => sum + count, 0);
    expect([pages, absentPages, pageBytes]).toEqual([256, 0, PAGE]);
    if (numa !== 'local' && numa !== undefined && !('interleave' in numa)) expect([...nodes.keys()]).toEqual([0]);
  });

  it('nodes() counts what was touched', () => {
    using region = Region.map(4 * PAGE, { pages: 'base' });
    region.bytes[PAGE] = 1;
    const { nodes, absentPages, source } = region.nodes();
    expect([[...nodes.values()], absentPages, source]).toEqual([[1], 3, 'move_pages']);
    expect(region.nodes({ offset: PAGE, length: 1 }).absentPages).toBe(0);
    expect(region.nodes({ offset: 2 * PAGE, length: 0 }).nodes.size).toBe(0);
  });

  it('bind() and migrate() act on present pages', () => {
    using region = Region.map(8 * PAGE, { populate: true });
    region.bind({ bind: 0 }, { move: true });
    region.bind('local', { offset: PAGE, length: PAGE });
    region.bind({ interleave: 'all' });
    expect(region.migrate(0)).toBe(8);
    expect(region.migrate(0, { offset: PAGE, length: 2 * PAGE })).toBe(2);
    using shared = Region.shared(4 * PAGE, { numa: { bind: 0 }, populate: true });
    expect(shared.placement.got).toMatchObject({ numa: 'bind 0', numaVerified: true });
  });

  it('strict bind populates, because only then it can be verified', () => {
    using region = Region.map(4 * PAGE, { numa: { bind: 0 }, strict: true });
    expect(region.placement.got).toMatchObject({ populated: true, numaVerified: true });
  });
});

it('a node that is not there is an error that names those that are', () => {
  for (const numa of [{ bind: 999 }, { preferred: 999 }, { interleave: [0, 999] }, { weighted: { 999: 1 } }] as const) {
    const error = thrown(() => Region.map(PAGE, { numa }));
    expect(error).toMatchObject({
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      message: expect.stringContaining('node 999 does not exist'),
    });
  }
  using region = Region.map(PAGE);
  expect(codeOf(() => region.bind({ bind: 999 }))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
  expect(codeOf(() => region.migrate(999))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
  expect(codeOf(() => region.migrate(-1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect(codeOf(() => region.migrate('0' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => region.bind({ bind: 0 }, { mvoe: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

it('bind never asks the kernel for its own bind, which kills', () => {
  const calls = jest.spyOn(native(), 'setPolicy');
  using region = Region.map('1MiB', { numa: { bind: [0] }, populate: true });
  const policies = calls.mock.calls.map(([, , , policy]) => POLICIES[policy]);
  expect(policies).toEqual(['preferred']);
  expect(region.byteLength).toBe(1 << 20);
});

describe('blocked and unable kernels', () => {
  it('EPERM is a permission that a container lacks', () => {
    jest.spyOn(native(), 'setPolicy').mockReturnValue(failure('mbind', 1));
    using region = Region.map(PAGE, { numa: { bind: 0 } });
    expect(region.placement).toMatchObject({
      got: { numa: null, numaVerified: false },
      fallbacks: [
        { wanted: 'numa bind 0', code: 'ERR_MEMORY_PERMISSION', errno: 1, fix: expect.stringContaining('SYS_NICE') },
      ],
    });
    expect(codeOf(() => region.bind({ bind: 0 }))).toBe('ERR_MEMORY_PERMISSION');
    expect(codeOf(() => Region.map(PAGE, { numa: { bind: 0 }, strict: true }))).toBe('ERR_MEMORY_PERMISSION');
  });

  it('ENOSYS is a kernel without NUMA, EINVAL a node that is not allowed', () => {
    using region = Region.map(PAGE);
    const spy = jest.spyOn(native(), 'setPolicy').mockReturnValue(failure('mbind', 38));
    expect(thrown(() => region.bind({ preferred: 0 }))).toMatchObject({
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      errno: 38,
    });
    spy.mockReturnValue(failure('mbind', 22));
    expect(thrown(() => region.bind({ preferred: 0 }))).toMatchObject({
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      errno: 22,
    });
  });

  it('page location falls back to numa_maps, which is a file', () => {
    using region = Region.map('1MiB', { populate: true, fork: 'exclude' });
    jest.spyOn(native(), 'queryNodes').mockReturnValue(failure('move_pages', 1));
    const { nodes, source, absentPages } = region.nodes();
    expect([source, nodes.get(0), absentPages]).toEqual(['numa_maps', 256, 0]);
  });

  it('verification that is blocked is said', () => {
    jest.spyOn(native(), 'queryNodes').mockReturnValue(failure('move_pages', 1));
    using region = Region.map(PAGE, { numa: { bind: 0 }, populate: true });
    expect(region.placement.fallbacks).toEqual([
      expect.objectContaining({ wanted: 'numa bind 0 verified', code: 'ERR_MEMORY_PERMISSION' }),
    ]);
    expect(region.placement.got.numaVerified).toBe(false);
  });
});

describe('on a machine with four nodes', () => {
  beforeEach(() => {
    mockState.root = park.root({
      node: { online: '0-3', has_memory: '0-3', possible: '0-3' },
      nodes: [0, 1, 2, 3].map((id) => ({
        id,
        cpus: `${id}`,
        memoryKiB: 1 << 20,
        freeKiB: id === 3 ? 64 : 1 << 19,
        distance: '10 20 20 20',
      })),
      files: {
        '/sys/kernel/mm/mempolicy/weighted_interleave/node0': '1\n',
        '/sys/kernel/mm/mempolicy/weighted_interleave/node1': '1\n',
      },
    });
  });

  /** The policies that the kernel would be asked for: offset, length, policy, nodes. */
  function record(refuse: readonly string[] = []): unknown[][] {
    const calls: unknown[][] = [];
    jest.spyOn(native(), 'setPolicy').mockImplementation((_, offset, length, policy, ids) => {
      const word = POLICIES[policy] ?? '';
      calls.push([
        offset / PAGE,
        length / PAGE,
        word,
        [...new Uint16Array(ids.buffer, ids.byteOffset, ids.byteLength / 2)],
      ]);
      return refuse.includes(word) ? failure('mbind', 22) : undefined;
    });
    return calls;
  }

  it('several bound nodes are preferred together, or share the range on an old kernel', () => {
    const calls = record();
    Region.map(8 * PAGE, { numa: { bind: [2, 1] } }).free();
    expect(calls).toEqual([[0, 8, 'preferredMany', [1, 2]]]);
    jest.restoreAllMocks();
    const old = record(['preferredMany']);
    Region.map(8 * PAGE, { numa: { bind: [2, 1] } }).free();
    expect(old.slice(1)).toEqual([
      [0, 4, 'preferred', [1]],
      [4, 4, 'preferred', [2]],
    ]);
  });

  it("weights that are not the kernel's split the range by share", () => {
    const calls = record();
    Region.map(8 * PAGE, { numa: { weighted: { 0: 3, 1: 1 } } }).free();
    expect(calls).toEqual([
      [0, 6, 'preferred', [0]],
      [6, 2, 'preferred', [1]],
    ]);
  });

  it("weights that are the kernel's are its affair, unless it is too old", () => {
    const calls = record();
    Region.map(8 * PAGE, { numa: { weighted: { 0: 2, 1: 2 } } }).free();
    expect(calls).toEqual([[0, 8, 'weightedInterleave', [0, 1]]]);
    jest.restoreAllMocks();
    const old = record(['weightedInterleave']);
    Region.map(8 * PAGE, { numa: { weighted: { 0: 2, 1: 2 } } }).free();
    expect(old.slice(1)).toEqual([
      [0, 4, 'preferred', [0]],
      [4, 4, 'preferred', [1]],
    ]);
  });

  it("interleave 'all' names every node with memory", () => {
    const calls = record();
    Region.map(8 * PAGE, { numa: { interleave: 'all' } }).free();
    expect(calls).toEqual([[0, 8, 'interleave', [0, 1, 2, 3]]]);
  });

  it('a node without room is said before population; strict refuses', () => {
    record();
    const ask = { numa: { bind: 3 }, populate: true } as const;
    using region = Region.map('1MiB', ask);
    expect(region.placement.fallbacks[0]).toMatchObject({
      wanted: 'numa bind 3',
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      reason: `node 3 has ${64 * 1024} bytes free, ${1 << 20} are asked`,
    });
    expect(codeOf(() => Region.map('1MiB', { ...ask, strict: true }))).toBe('ERR_MEMORY_NUMA_UNAVAILABLE');
  });

  it('pages that spilled to another node are reported and not verified', () => {
    record();
    jest.spyOn(native(), 'queryNodes').mockImplementation((_, __, ___, out) => {
      const cells = new Int32Array(out.buffer);
      cells.fill(1);
      cells[0] = 2;
      cells[1] = -2;
      return cells.length;
    });
    using region = Region.map(8 * PAGE, { numa: { bind: 1 }, populate: true });
    expect(region.placement.got.numaVerified).toBe(false);
    expect(region.placement.fallbacks).toEqual([
      expect.objectContaining({ reason: '1 pages lie on other nodes, 1 have no page' }),
    ]);
    expect(codeOf(() => Region.map(8 * PAGE, { numa: { bind: 1 }, populate: true, strict: true }))).toBe(
      'ERR_MEMORY_NUMA_UNAVAILABLE',
    );
  });
});
