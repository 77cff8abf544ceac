import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileProvider, HugePageProvider, PageProvider, SharedProvider } from '../../../lib/allocators/providers';
import { memory, Region } from '../../../lib/platform';
import { untilCollected } from '../../support/collected';
import { codeOf, MIB, PAGE, residentBytes, TestBudget } from './support';

const folder = mkdtempSync(join(tmpdir(), 'nebula-provider-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => jest.restoreAllMocks());

describe('PageProvider', () => {
  it('maps whole pages and frees them at once', async () => {
    await untilCollected();
    const before = memory.totals().regions;
    const pages = new PageProvider();
    const region = pages.acquire(PAGE + 1);
    expect([region.byteLength, pages.owns(region)]).toEqual([2 * PAGE, true]);
    expect(pages.stats()).toEqual({
      name: 'PageProvider',
      acquired: 1,
      released: 0,
      failures: 0,
      liveRegions: 1,
      liveBytes: 2 * PAGE,
      peakLiveBytes: 2 * PAGE,
      cachedRegions: 0,
      cachedBytes: 0,
      hits: 0,
      misses: 1,
    });
    pages.release(region);
    expect([region.state, pages.owns(region), memory.totals().regions]).toEqual(['freed', false, before]);
    expect(pages.stats()).toMatchObject({ released: 1, liveRegions: 0, liveBytes: 0, peakLiveBytes: 2 * PAGE });
  });

  it('maps as its options say', () => {
    const options = { carrier: 'shared', populate: true, pages: 'base', fork: 'exclude', regionName: 'mine' } as const;
    const pages = new PageProvider({ ...options, name: 'p' });
    const region = pages.acquire(4 * PAGE);
    expect([region.name, pages.name]).toEqual(['mine', 'p']);
    expect(region.placement.asked).toMatchObject({ carrier: 'shared', populate: true, pages: 'base' });
    expect(residentBytes(region)).toBe(4 * PAGE);
    pages.release(region);
  });

  it('has presets', async () => {
    await untilCollected();
    const debug = PageProvider.debug();
    const guarded = debug.acquire(PAGE);
    const fast = PageProvider.performance({ carrier: 'local' });
    const thp = fast.acquire(2 * MIB);
    expect(thp.placement.asked).toMatchObject({ pages: 'thp', carrier: 'local' });
    debug.release(guarded);
    fast.release(thp);
    PageProvider.production().dispose();
  });

  test.each([
    [{ pages: '2MiB' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ carrier: 'both' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ numa: { bind: [] } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ numa: { bind: 1000 } }, 'ERR_MEMORY_NUMA_UNAVAILABLE'],
    [{ guard: 'yes' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ budget: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ name: 7 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('options %p are refused at once', async (options, code) => {
    await untilCollected();
    const before = memory.totals().regions;
    expect(codeOf(() => new PageProvider(options as never))).toBe(code);
    expect(memory.totals().regions).toBe(before);
  });

  it('settles the books of a region that its holder freed', () => {
    const budget = new TestBudget();
    const pages = new PageProvider({ budget });
    const region = pages.acquire(PAGE);
    region.free();
    expect(budget.used).toBe(PAGE);
    pages.release(region);
    expect([budget.used, pages.stats().liveRegions]).toEqual([0, 0]);
    expect(codeOf(() => pages.release(region))).toBe('ERR_MEMORY_DOUBLE_FREE');
    pages.acquire(PAGE).free();
    pages.dispose(); // as dispose does
    expect(budget.used).toBe(0);
  });

  it('leaves books and budget as they were whatever throws', () => {
    const budget = new TestBudget(4 * PAGE);
    const pages = new PageProvider({ budget });
    const region = pages.acquire(3 * PAGE);
    const before = pages.stats();
    const same = (): void => {
      expect({ ...pages.stats(), failures: 0 }).toEqual({ ...before, failures: 0 });
      expect(budget.used).toBe(3 * PAGE);
    };
    expect(codeOf(() => pages.acquire(PAGE + 1))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    same();
    expect(pages.tryAcquire(2 * PAGE)).toBeNull();
    jest.spyOn(Region, 'map').mockImplementationOnce(() => {
      throw new Error('no map');
    });
    expect(() => pages.acquire(PAGE)).toThrow('no map');
    same();
    const pin = region.pin();
    expect(codeOf(() => pages.release(region))).toBe('ERR_MEMORY_IN_USE');
    expect(codeOf(() => pages.renew(region))).toBe('ERR_MEMORY_IN_USE');
    same();
    pin.release();
    expect(codeOf(() => pages.dispose())).toBe('ERR_MEMORY_IN_USE');
    same();
    expect(pages.stats().failures).toBe(3);
    const fresh = pages.renew(region);
    expect(codeOf(() => pages.release(region))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => pages.renew(region))).toBe('ERR_MEMORY_DOUBLE_FREE');
    pages.release(fresh);
    pages.dispose();
    expect(budget.used).toBe(0);
    expect(codeOf(() => pages.acquire(PAGE))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pages.tryAcquire(PAGE))).toBe('ERR_MEMORY_CLOSED');
  });

  it('does not take back what another provider handed out', () => {
    const one = new PageProvider();
    const other = new PageProvider();
    const region = one.acquire(PAGE);
    expect(codeOf(() => other.release(region))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => other.renew(region))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(region.state).toBe('live');
    one.release(region);
  });
});

describe('HugePageProvider without a pool', () => {
  // Pools of this size are empty on the machines that run this; see huge-pages.test.ts for a full one.
  it('says what it fell back to', () => {
    const huge = new HugePageProvider('1GiB');
    expect(huge.pageBytes).toBe(1024 * MIB);
    const region = huge.acquire(1);
    expect(region.byteLength).toBe(1024 * MIB);
    if (region.placement.got.pages !== '1GiB') {
      expect(region.placement.fallbacks[0]?.code).toBe('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
      expect(huge.stats().fellBack).toBe(1);
      const strict = new HugePageProvider('1GiB', { strict: true });
      expect(codeOf(() => strict.acquire(1))).toBe('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
      expect(strict.stats()).toMatchObject({ failures: 1, liveBytes: 0 });
    }
    huge.release(region);
  });

  test.each(['4KiB', 'huge', 5, null])('refuses pages %p', (pages) => {
    expect(codeOf(() => new HugePageProvider(pages as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('refuses options that it has not', () => {
    expect(codeOf(() => new HugePageProvider('thp', { guard: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => new HugePageProvider('thp', { carrier: 'x' } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});

describe('FileProvider', () => {
  it('leaves no file behind, and reads and writes like memory', () => {
    const files = new FileProvider(folder);
    const region = files.acquire(3 * PAGE);
    expect(readdirSync(folder)).toEqual([]);
    expect(files.pathOf(region)).toBeNull();
    expect([region.kind, region.byteLength]).toEqual(['file', 3 * PAGE]);
    region.bytes.fill(8);
    region.flush();
    files.release(region);
    expect(codeOf(() => files.pathOf(region))).toBe('ERR_MEMORY_DOUBLE_FREE');
  });

  it('keeps files where asked to, and renews none of them', () => {
    const files = new FileProvider(folder, { keep: true, prefix: 'kept' });
    const region = files.acquire(PAGE);
    const path = files.pathOf(region) ?? '';
    expect(readdirSync(folder)).toEqual([path.slice(folder.length + 1)]);
    region.bytes[0] = 5;
    using other = Region.mapFile(path, { mode: 'shared' });
    expect(other.bytes[0]).toBe(5);
    expect(codeOf(() => files.renew(region))).toBe('ERR_MEMORY_INVALID_STATE');
    files.release(region);
    expect(readdirSync(folder)).toHaveLength(1);
    rmSync(path);
  });

  it('leaves nothing when mapping fails', () => {
    const budget = new TestBudget();
    const files = new FileProvider(folder, { budget });
    expect(codeOf(() => files.acquire(2 ** 50))).not.toBe('none');
    expect([readdirSync(folder), budget.used, files.stats().liveRegions]).toEqual([[], 0, 0]);
  });

  it('refuses what is no folder', () => {
    const file = join(folder, 'plain');
    writeFileSync(file, 'x');
    expect(codeOf(() => new FileProvider(join(folder, 'absent')))).toBe('ERR_MEMORY_SYSCALL');
    expect(codeOf(() => new FileProvider(file))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    rmSync(file);
    for (const bad of ['', 5, null, undefined]) {
      expect(codeOf(() => new FileProvider(bad as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    for (const prefix of ['a/b', '', 5, '..\\x']) {
      expect(codeOf(() => new FileProvider(folder, { prefix } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => new FileProvider(folder, { keep: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('SharedProvider', () => {
  it('makes memory that others attach to, and gives up only its own hold', () => {
    const shared = new SharedProvider();
    const region = shared.acquire(PAGE);
    expect([region.kind, region.name, region.placement.asked.carrier]).toEqual(['shared', null, 'shared']);
    const other = Region.attach(region.handle);
    region.bytes[0] = 4;
    shared.release(region);
    expect(other.bytes[0]).toBe(4);
    other.free();
  });

  it('names what it makes, and takes the names away', () => {
    const shared = new SharedProvider({ prefix: 'nebula-test' });
    const regions = [shared.acquire(PAGE), shared.acquire(PAGE)];
    const names = regions.map(({ name }) => name as string);
    expect(new Set(names).size).toBe(2);
    using other = Region.open(names[0] as string);
    other.bytes[0] = 9;
    expect(regions[0]?.bytes[0]).toBe(9);
    const pin = regions[1]?.pin();
    expect(codeOf(() => shared.release(regions[1] as Region))).toBe('ERR_MEMORY_IN_USE');
    Region.open(names[1] as string).free(); // still there
    pin?.release();
    Region.unlink(names[1] as string);
    for (const region of regions) shared.release(region); // somebody was faster
    for (const name of names) expect(codeOf(() => Region.open(name))).toBe('ERR_MEMORY_SYSCALL');
  });

  it('goes round names that are taken', () => {
    const shared = new SharedProvider({ prefix: 'nebula-taken', unlink: false });
    const first = shared.acquire(PAGE);
    const number = Number(first.name?.split('-').at(-1));
    const taken = `nebula-taken-${process.pid}-${number + 1}`;
    using squatter = Region.shared(PAGE, { name: taken });
    const second = shared.acquire(PAGE);
    expect(second.name).toBe(`nebula-taken-${process.pid}-${number + 2}`);
    expect(squatter.state).toBe('live');
    const names = [first.name, second.name] as string[];
    shared.release(first);
    shared.release(second);
    for (const name of [...names, taken]) Region.unlink(name); // unlink: false left them
  });

  it('leaves no name when mapping fails', () => {
    const shared = new SharedProvider({ prefix: 'nebula-fail' });
    expect(codeOf(() => shared.acquire(2 ** 50))).not.toBe('none');
    expect(shared.stats()).toMatchObject({ failures: 1, liveRegions: 0 });
  });

  test.each([
    { prefix: 'a/b' },
    { prefix: '' },
    { prefix: 'a b' },
    { unlink: 0 },
    { prefix: 'a', pages: '2MiB' },
    { pages: 'thp' },
    { carrier: 5 },
    { what: 1 },
  ])('refuses %p', (options) => {
    expect(codeOf(() => new SharedProvider(options as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});
