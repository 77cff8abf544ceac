import { Region } from '../../../lib/platform';
import { MIB, PAGE, smapsAt, withHolder } from './support';

describe('residency', () => {
  it('follows what was touched, page by page', () => {
    using region = Region.map(8 * PAGE, { pages: 'base' });
    expect(region.residency()).toMatchObject({ residentBytes: 0, pageBytes: PAGE });
    region.bytes[2 * PAGE] = 1;
    region.bytes[5 * PAGE + 100] = 1;
    const { pages, residentBytes } = region.residency();
    expect([...pages].map((cell) => cell & 1)).toEqual([0, 0, 1, 0, 0, 1, 0, 0]);
    expect(residentBytes).toBe(2 * PAGE);
  });

  it('rounds a range outwards to whole pages', () => {
    using region = Region.map(8 * PAGE, { populate: true });
    region.decommit({ length: PAGE });
    expect(region.residency({ offset: PAGE - 1, length: 2 }).residentBytes).toBe(PAGE);
    expect(region.residency({ offset: PAGE - 1, length: 2 }).pages.length).toBe(2);
    expect(region.residency({ offset: 3 * PAGE, length: 1 }).pages.length).toBe(1);
    expect(region.residency({ offset: 3 * PAGE, length: 0 }).pages.length).toBe(0);
    expect(region.residency({ offset: 8 * PAGE }).residentBytes).toBe(0);
  });

  it('sees the page cache of a file', () => {
    using region = Region.mapFile(__filename, { mode: 'copy' });
    expect(region.bytes[0]).toBe('i'.charCodeAt(0));
    expect(region.residency().residentBytes).toBeGreaterThanOrEqual(PAGE);
  });
});

describe('pageStats', () => {
  it('agrees with smaps', () => {
    // Left out of forks, a mapping is not merged with its neighbors.
    const { region, describe: look } = withHolder(() =>
      Region.map('4MiB', { pages: 'base', fork: 'exclude', lock: true }),
    );
    region.bytes.fill(1, 0, MIB);
    const kernel = smapsAt(look().address, 4 * MIB);
    expect(region.pageStats()).toEqual({
      mappings: kernel.entries,
      mappedBytes: kernel.kB('Size') * 1024,
      residentBytes: kernel.kB('Rss') * 1024,
      hugeBytes: 0,
      hugetlbBytes: 0,
      kernelPageBytes: PAGE,
      lockedBytes: kernel.kB('Locked') * 1024,
      swapBytes: 0,
      pssBytes: kernel.kB('Pss') * 1024,
      exact: true,
    });
    expect(kernel.kB('Size')).toBe(4096);
    region.free();
  });

  it('says so when the kernel merged the region with its neighbors', () => {
    const { region, describe: look } = withHolder(() => Region.map('1MiB'));
    const { address } = look();
    const alone = () => {
      const kernel = smapsAt(address, MIB);
      return kernel.entries === 1 && kernel.kB('Size') === 1024;
    };
    // The engine maps memory of its own meanwhile: only a look between two that agree says anything.
    let before = alone();
    let stats = region.pageStats();
    for (let after = alone(); after !== before; after = alone()) {
      before = after;
      stats = region.pageStats();
    }
    expect(stats.mappedBytes).toBe(MIB);
    expect(stats.exact).toBe(before);
    region.free();
  });

  it('counts the parts of a region that advice has split', () => {
    using region = Region.map(4 * PAGE, { fork: 'exclude' });
    region.advise('dontdump', { offset: PAGE, length: PAGE });
    expect(region.pageStats()).toMatchObject({ mappings: 3, mappedBytes: 4 * PAGE, exact: true });
  });

  it('shows a protected region too', () => {
    using region = Region.map('1MiB', { populate: true, fork: 'exclude' });
    region.protect('none');
    expect(region.pageStats()).toMatchObject({ residentBytes: MIB, exact: true });
    expect(region.residency().residentBytes).toBe(MIB);
  });
});
