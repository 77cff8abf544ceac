import type * as Machine from '../../../lib/platform/machine';
import { MachinePark, type MachineSpec } from '../../sysroots';

// The chain of pages under states that this machine is not in: files of /sys come from a synthetic machine, refusals of
// the kernel from the native half.

const mockState = { root: '/' };
jest.mock('../../../lib/platform/machine', () => {
  const actual = jest.requireActual<typeof Machine>('../../../lib/platform/machine');
  return { ...actual, openSysroot: () => actual.openSysroot(mockState.root) };
});

import { Region } from '../../../lib/platform';
import { ADVICE, type Failure, native } from '../../../lib/platform/native';
import { untilCollected } from '../../support/collected';
import { MIB, PAGE, thrown } from './support';

const park = new MachinePark();
afterAll(() => park.remove());
afterEach(() => {
  jest.restoreAllMocks();
  mockState.root = '/';
});

const POOLS = '/sys/kernel/mm/hugepages';
function machine(enabled: string, pools: Record<string, string> = {}): void {
  const files: Record<string, string> = { '/sys/kernel/mm/transparent_hugepage/enabled': `${enabled}\n` };
  for (const [path, text] of Object.entries(pools)) files[`${POOLS}/${path}`] = `${text}\n`;
  const spec: MachineSpec = { files };
  mockState.root = park.root(spec);
}

const POOL_2MIB = {
  'hugepages-2048kB/nr_hugepages': '10',
  'hugepages-2048kB/free_hugepages': '7',
  'hugepages-2048kB/resv_hugepages': '4',
};
const failure = (call: string, errno: number): Failure => ({ failed: 1, call, errno, detail: 0 });

/** The kernel has no page of its pools to give. */
function emptyPools(): void {
  const original = native().mapAnonymous;
  jest
    .spyOn(native(), 'mapAnonymous')
    .mockImplementation((bytes, align, huge, guard, node) =>
      huge === 0 ? original(bytes, align, huge, guard, node) : failure('mmap', 12),
    );
}

function refuseAdvice(words: Record<string, number>): jest.SpyInstance {
  const original = native().advise;
  return jest.spyOn(native(), 'advise').mockImplementation((holder, offset, length, advice) => {
    const errno = words[ADVICE[advice] ?? ''];
    return errno === undefined ? original(holder, offset, length, advice) : failure('madvise', errno);
  });
}

const wantedOf = (region: Region) => region.placement.fallbacks.map(({ wanted }) => wanted);

it('goes from 1 GiB over 2 MiB to transparent pages, each step with its reason and its command', () => {
  emptyPools();
  machine('always [madvise] never', POOL_2MIB);
  using region = Region.map('1GiB', { pages: 'huge' });
  expect(region.placement.got).toMatchObject({ pages: 'thp', pageBytes: PAGE });
  expect(region.placement.fallbacks).toEqual([
    {
      wanted: '1GiB pages',
      code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
      errno: 12,
      reason: 'this machine has no huge pages of 1 GiB',
      fix: '',
    },
    {
      wanted: '2MiB pages',
      code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
      errno: 12,
      // 3 of the 7 free ones are not promised to somebody else.
      reason: '512 huge pages of 2 MiB needed, the pool has 3 free of 10',
      fix: `echo ${10 + 512 - 3} | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages`,
    },
  ]);
});

it('asks for the largest page that the request fills', () => {
  const spy = jest.spyOn(native(), 'mapAnonymous').mockReturnValue(failure('mmap', 12));
  const sizes = (size: number | string, pages: 'huge' | '2MiB' | '1GiB') => {
    spy.mockClear();
    thrown(() => Region.map(size, { pages }));
    return spy.mock.calls.map(([, , huge]) => huge);
  };
  expect(sizes(1024 * MIB - 1, 'huge')).toEqual([2 * MIB, 0]);
  expect(sizes('1GiB', 'huge')).toEqual([1024 * MIB, 2 * MIB, 0]);
  expect(sizes('2MiB', '1GiB')).toEqual([1024 * MIB, 2 * MIB, 0]);
  expect(sizes('4MiB', '2MiB')).toEqual([2 * MIB, 0]);
});

it('with strict throws at the first step that cannot be had, and leaves nothing mapped', async () => {
  await untilCollected();
  emptyPools();
  machine('always [madvise] never', POOL_2MIB);
  const before = native().totals().regions;
  const error = thrown(() => Region.map('16MiB', { pages: '2MiB', strict: true }));
  expect(error).toMatchObject({
    code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
    category: 'exhausted',
    requestedBytes: 16 * MIB,
    errno: 12,
    hint: 'echo 15 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
  });
  expect(error.message).toContain('8 huge pages of 2 MiB needed, the pool has 3 free of 10');
  expect(native().totals().regions).toBe(before);
});

it('steps down when a huge page is promised and not there at population', () => {
  const made: number[] = [];
  const original = { map: native().mapAnonymous, populate: native().populate, release: native().release };
  jest.spyOn(native(), 'mapAnonymous').mockImplementation((bytes, align, huge, guard, node) => {
    made.push(huge);
    return original.map(bytes, align, 0, guard, node);
  });
  const release = jest.spyOn(native(), 'release');
  jest.spyOn(native(), 'populate').mockReturnValueOnce(failure('madvise', 14));
  using region = Region.map('4MiB', { pages: '2MiB' });
  expect(made).toEqual([2 * MIB, 0]);
  expect(release).toHaveBeenCalledTimes(1);
  expect(region.placement.fallbacks).toEqual([expect.objectContaining({ wanted: '2MiB pages', errno: 14 })]);
  expect(region.placement.got.pages).toBe('thp');
});

describe('transparent huge pages', () => {
  it('that are switched off end in base pages, with the switch', () => {
    machine('always madvise [never]');
    using region = Region.map('4MiB', { pages: 'thp' });
    expect(region.placement.got.pages).toBe('base');
    expect(region.placement.fallbacks).toEqual([
      expect.objectContaining({
        wanted: 'transparent huge pages',
        code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
        fix: 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
      }),
    ]);
  });

  it('that are switched off are collapsed when populated', () => {
    machine('always madvise [never]');
    const advise = refuseAdvice({ hugepage: 22 });
    using region = Region.map('5MiB', { pages: 'thp', populate: true });
    const collapse = advise.mock.calls.find(([, , , advice]) => ADVICE[advice] === 'collapse');
    expect(collapse?.slice(1, 3)).toEqual([0, 4 * MIB]);
    expect(region.placement.got).toMatchObject({ pages: 'thp', populated: true });
    expect(region.pageStats().hugeBytes).toBe(4 * MIB);
    expect(wantedOf(region)).toEqual(['transparent huge pages']);
  });

  it('that cannot be collapsed either end in base pages, populated', () => {
    machine('always madvise [never]');
    refuseAdvice({ hugepage: 22, collapse: 22 });
    using region = Region.map('4MiB', { pages: 'thp', populate: true });
    expect(region.placement.got).toMatchObject({ pages: 'base', populated: true });
    expect(wantedOf(region)).toEqual(['transparent huge pages', 'collapsed huge pages']);
    expect(region.placement.fallbacks[1]).toMatchObject({ errno: 22, reason: expect.stringContaining('EINVAL') });
  });

  it('are not made of less than one, nor between guard pages', () => {
    using small = Region.map(MIB, { pages: 'thp' });
    expect(small.placement).toMatchObject({
      got: { pages: 'base' },
      fallbacks: [{ reason: expect.stringContaining('do not fill') }],
    });
    using guarded = Region.map('4MiB', { pages: '2MiB', guard: true });
    expect(wantedOf(guarded)).toEqual(['2MiB pages', 'transparent huge pages']);
    expect(guarded.placement.fallbacks.every(({ reason }) => reason.includes('guard pages'))).toBe(true);
  });

  it('are taken back when they are refused with strict', async () => {
    await untilCollected();
    machine('always madvise [never]');
    const before = native().totals().regions;
    expect(thrown(() => Region.map('4MiB', { pages: 'thp', strict: true })).code).toBe(
      'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
    );
    refuseAdvice({ hugepage: 22, collapse: 22 });
    expect(thrown(() => Region.map('4MiB', { pages: 'thp', populate: true, strict: true })).errno).toBe(22);
    expect(native().totals().regions).toBe(before);
  });
});

describe('population', () => {
  it('beyond what the machine has left is an error and not the kernel killing somebody', () => {
    mockState.root = park.root({ meminfo: { MemTotal: 8192, MemFree: 100, MemAvailable: 1024 } });
    const error = thrown(() => Region.map('2MiB', { populate: true }));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_OUT_OF_MEMORY', requestedBytes: 2 * MIB, availableBytes: MIB });
    expect(thrown(() => Region.map('2MiB', { lock: true })).code).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    using lazy = Region.map('2MiB');
    expect(thrown(() => lazy.populate()).code).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect(thrown(() => lazy.lock()).code).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    lazy.populate({ length: PAGE });
    expect(thrown(() => Region.shared('2MiB', { populate: true })).code).toBe('ERR_MEMORY_OUT_OF_MEMORY');
  });

  it('that fails leaves nothing mapped', async () => {
    await untilCollected();
    const before = native().totals().regions;
    jest.spyOn(native(), 'populate').mockReturnValue(failure('madvise', 12));
    expect(thrown(() => Region.map(PAGE, { populate: true }))).toMatchObject({
      code: 'ERR_MEMORY_OUT_OF_MEMORY',
      syscall: 'madvise',
      errno: 12,
    });
    expect(thrown(() => Region.map('4MiB', { pages: 'thp', populate: true })).errno).toBe(12);
    expect(thrown(() => Region.shared(PAGE, { populate: true })).errno).toBe(12);
    expect(native().totals().regions).toBe(before);
  });
});
