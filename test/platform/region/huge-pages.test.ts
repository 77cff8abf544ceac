import { writeFileSync } from 'node:fs';
import { memory, Region } from '../../../lib/platform';
import { freePoolPages, poolPages, withHugePool } from '../../support/huge-pool';
import { codeOf, MIB, PAGE, smapsAt, thrown, withHolder } from './support';

const free = freePoolPages;

withHugePool('with 8 pages of 2 MiB in the pool', 8, () => {
  it('maps them, and the kernel says so', () => {
    const unused = free();
    const { region, describe: look } = withHolder(() => Region.map('8MiB', { pages: '2MiB', strict: true }));
    try {
      expect(region.placement.got).toMatchObject({ pages: '2MiB', pageBytes: 2 * MIB, populated: true });
      expect(region.placement.fallbacks).toEqual([]);
      const { address, mappedBytes, hugeBytes } = look();
      expect([mappedBytes, hugeBytes, address % (2 * MIB)]).toEqual([8 * MIB, 2 * MIB, 0]);
      const kernel = smapsAt(address, mappedBytes);
      expect([kernel.kB('KernelPageSize'), kernel.kB('Private_Hugetlb')]).toEqual([2048, 8192]);
      expect(region.pageStats()).toMatchObject({
        mappings: kernel.entries,
        mappedBytes: 8 * MIB,
        hugetlbBytes: kernel.kB('Private_Hugetlb') * 1024,
        residentBytes: kernel.kB('Rss') * 1024,
        kernelPageBytes: 2 * MIB,
        exact: true,
      });
      expect(unused - free()).toBe(4);
      region.bytes.fill(7);
      expect(region.bytes[8 * MIB - 1]).toBe(7);
    } finally {
      region.free();
    }
    expect(free()).toBe(unused);
  });

  it('rounds up to whole huge pages', () => {
    const { region, describe: look } = withHolder(() => Region.map(2 * MIB + 1, { pages: '2MiB' }));
    expect([look().mappedBytes, region.byteLength]).toEqual([4 * MIB, 2 * MIB + 1]);
    region.free();
  });

  it("'huge' takes them before any other", () => {
    using region = Region.map('4MiB', { pages: 'huge' });
    expect([region.placement.got.pages, region.placement.fallbacks]).toEqual(['2MiB', []]);
  });

  it('gives shared memory of them, and an attachment sees the same pages', () => {
    const unused = free();
    const { region, describe: look } = withHolder(() => Region.shared('4MiB', { pages: '2MiB', strict: true }));
    const attached = Region.attach(region.handle);
    region.bytes[3 * MIB] = 9;
    expect(attached.bytes[3 * MIB]).toBe(9);
    expect(attached.placement.got).toMatchObject({ pages: '2MiB', pageBytes: 2 * MIB });
    expect(smapsAt(look().address, 4 * MIB).kB('KernelPageSize')).toBe(2048);
    region.free();
    expect(attached.bytes[3 * MIB]).toBe(9);
    attached.free();
    expect(free()).toBe(unused);
  });

  it('asked for more than there are says how many are missing, and takes none', () => {
    const unused = free();
    const total = poolPages();
    const pages = unused + 5;
    const error = thrown(() => Region.map(pages * 2 * MIB, { pages: '2MiB', strict: true }));
    expect(error.code).toBe('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
    expect(error.message).toContain(`${pages} huge pages of 2 MiB needed, the pool has ${unused} free of ${total}`);
    expect(error.hint).toBe(`echo ${total + 5} | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages`);
    expect(free()).toBe(unused);
  });

  it('does in its words what it cannot do to such pages', () => {
    const unused = free();
    const region = Region.map('4MiB', { pages: '2MiB', strict: true });
    region.bytes.fill(3);
    expect(codeOf(() => region.decommit())).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(codeOf(() => region.advise('dontneed'))).toBe('ERR_MEMORY_UNSUPPORTED');
    region.zero({ offset: MIB, length: MIB });
    expect([region.bytes[MIB - 1], region.bytes[MIB], region.bytes[2 * MIB]]).toEqual([3, 0, 3]);
    expect(region.residency()).toMatchObject({ residentBytes: 4 * MIB, pageBytes: PAGE });
    region.remap('6MiB');
    expect([region.byteLength, region.bytes[2 * MIB], region.bytes[5 * MIB]]).toEqual([6 * MIB, 3, 0]);
    expect(region.pageStats().hugetlbBytes).toBe(6 * MIB);
    region.protect('read');
    const copy = new Uint8Array(4);
    region.read(2 * MIB, copy);
    expect([...copy]).toEqual([3, 3, 3, 3]);
    region.free();
    expect(free()).toBe(unused);
  });

  it('a populated pool is what memory.hugePages() tells', () => {
    const pool = memory.hugePages().pools.find(({ pageBytes }) => pageBytes === 2 * MIB);
    expect([pool?.total, pool?.free]).toEqual([poolPages(), free()]);
  });
});

withHugePool('with an empty pool', 0, () => {
  it('says why, and the command is the one that helps', () => {
    {
      using region = Region.map('4MiB', { pages: '2MiB', populate: true });
      expect(region.placement.got.pages).toBe('thp');
      expect(region.pageStats()).toMatchObject({ hugetlbBytes: 0, hugeBytes: 4 * MIB });
      expect(region.placement.fallbacks).toEqual([
        {
          wanted: '2MiB pages',
          code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
          errno: 12,
          reason: '2 huge pages of 2 MiB needed, the pool has 0 free of 0',
          fix: 'echo 2 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
        },
      ]);
    }
    const [, count = '', file = ''] =
      /^echo (\d+) \| sudo tee (\S+)$/.exec(
        'echo 2 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
      ) ?? [];
    writeFileSync(file, count);
    using region = Region.map('4MiB', { pages: '2MiB', strict: true });
    expect(region.pageStats().hugetlbBytes).toBe(4 * MIB);
  });
});

describe('transparent huge pages of this machine', () => {
  const { enabled } = memory.hugePages().thp;
  const withThp = enabled === 'madvise' || enabled === 'always' ? it : it.skip;

  withThp('are aligned, and huge once touched', () => {
    const { region, describe: look } = withHolder(() => Region.map('6MiB', { pages: 'thp', populate: true }));
    const { address } = look();
    expect(address % (2 * MIB)).toBe(0);
    expect(region.placement.got).toMatchObject({ pages: 'thp', pageBytes: PAGE });
    const kernel = smapsAt(address, 6 * MIB);
    expect(kernel.kB('AnonHugePages')).toBe(6 * 1024);
    expect(region.pageStats().hugeBytes).toBe(6 * MIB);
    region.free();
  });

  withThp("are never used for 'base'", () => {
    using region = Region.map('6MiB', { pages: 'base', populate: true });
    expect(region.pageStats().hugeBytes).toBe(0);
  });
});
