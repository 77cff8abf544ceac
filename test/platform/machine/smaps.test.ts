import { parseNumaMaps, parseSmaps, SmapsReader } from '../../../lib/platform/machine';

function entry(range: string, values: Record<string, number>): string {
  const lines = Object.entries(values).map(
    ([key, value]) => `${`${key}:`.padEnd(16)}${String(value).padStart(8)} kB\n`,
  );
  return `${range} rw-p 00000000 00:00 0          [anon:nebula]\n${lines.join('')}THPeligible:    1\nVmFlags: rd wr mr mw me ac\n`;
}

const SMAPS =
  entry('00400000-00500000', { Size: 1024, KernelPageSize: 4, Rss: 100, Pss: 50 }) +
  entry('7f0000000000-7f0000400000', {
    Size: 4096,
    KernelPageSize: 4,
    MMUPageSize: 4,
    Rss: 3000,
    Pss: 2500,
    AnonHugePages: 2048,
    ShmemPmdMapped: 0,
    FilePmdMapped: 0,
    Swap: 12,
    SwapPss: 12,
    Locked: 8,
  }) +
  entry('7f0000400000-7f0000800000', { KernelPageSize: 2048, Rss: 0, Private_Hugetlb: 2048, Shared_Hugetlb: 2048 }) +
  entry('7f0000800000-7f0000c00000', { KernelPageSize: 4, Rss: 4096, ShmemPmdMapped: 2048, FilePmdMapped: 2048 }) +
  entry('ffffffffff600000-ffffffffff601000', { KernelPageSize: 4, Rss: 4 });

const KIB = 1024;

describe('smaps', () => {
  it('sums the mappings of a range', () => {
    expect(parseSmaps(SMAPS, 0x7f0000000000n, 0x7f0000c00000n)).toEqual({
      mappings: 3,
      mappedBytes: 12 * KIB * KIB,
      residentBytes: 7096 * KIB,
      hugeBytes: 6144 * KIB,
      hugetlbBytes: 4096 * KIB,
      kernelPageBytes: 4096,
      lockedBytes: 8 * KIB,
      swapBytes: 12 * KIB,
      pssBytes: 2500 * KIB,
      exact: true,
    });
  });

  it('reads a single mapping, also at the end of the address space', () => {
    expect(parseSmaps(SMAPS, 0x7f0000400000n, 0x7f0000800000n)).toMatchObject({
      mappings: 1,
      kernelPageBytes: 2097152,
    });
    expect(parseSmaps(SMAPS, 0xffffffffff600000n, 0xffffffffff601000n)).toMatchObject({ residentBytes: 4 * KIB });
  });

  it('cuts a mapping that reaches beyond the range, and says so', () => {
    expect(parseSmaps(SMAPS, 0x7f0000100000n, 0x7f0000200000n)).toMatchObject({
      mappedBytes: KIB * KIB,
      residentBytes: KIB * KIB,
      hugeBytes: KIB * KIB,
      swapBytes: 12 * KIB,
      exact: false,
    });
  });

  it('finds nothing where nothing is mapped', () => {
    for (const [start, end] of [
      [0x1000n, 0x2000n],
      [0x500000n, 0x600000n],
      [5n, 5n],
    ] as const) {
      expect(parseSmaps(SMAPS, start, end)).toMatchObject({ mappings: 0, mappedBytes: 0, kernelPageBytes: null });
    }
    expect(parseSmaps('', 0n, 1n)).toMatchObject({ mappings: 0, exact: true });
    expect(parseSmaps('junk\n\0\nRss: 5 kB', 0n, 2n ** 64n)).toMatchObject({ residentBytes: 0 });
  });

  it('reads pieces of any size alike, and knows when it is past', () => {
    const whole = parseSmaps(SMAPS, 0x7f0000000000n, 0x7f0000800000n);
    for (const step of [1, 7, 64, 1000]) {
      const reader = new SmapsReader(0x7f0000000000n, 0x7f0000800000n);
      for (let at = 0; at < SMAPS.length && !reader.isPast; at += step) reader.push(SMAPS.slice(at, at + step));
      expect(reader.isPast).toBe(true);
      expect(reader.finish()).toEqual(whole);
    }
  });
});

const NUMA_MAPS = [
  '00400000 default file=/usr/bin/node mapped=1 N0=1 kernelpagesize_kB=4',
  '7f0000000000 bind:2 anon=100 dirty=100 N0=1 N2=99 kernelpagesize_kB=4',
  '7f0000200000 interleave:0-1 anon=4 dirty=4 N0=2 N1=2 kernelpagesize_kB=4',
  '7f0000400000 prefer:1 file=/anon_hugepage\\040(deleted) huge anon=3 dirty=3 N1=3 kernelpagesize_kB=2048',
  '',
].join('\n');

describe('numa_maps', () => {
  it('reads the mapping at an address', () => {
    expect(parseNumaMaps(NUMA_MAPS, 0x7f0000000000n)).toEqual({
      policy: 'bind:2',
      pagesByNode: new Map([
        [0, 1],
        [2, 99],
      ]),
      bytesByNode: new Map([
        [0, 4096],
        [2, 405504],
      ]),
      kernelPageBytes: 4096,
      isHuge: false,
      exact: true,
    });
    expect(parseNumaMaps(NUMA_MAPS, 0x7f0000400000n)).toMatchObject({
      policy: 'prefer:1',
      bytesByNode: new Map([[1, 6291456]]),
      isHuge: true,
    });
  });

  it('sums a range, and is not exact when policies differ', () => {
    expect(parseNumaMaps(NUMA_MAPS, 0x7f0000000000n, 0x7f0000400000n)).toMatchObject({
      policy: 'bind:2',
      pagesByNode: new Map([
        [0, 3],
        [2, 99],
        [1, 2],
      ]),
      exact: false,
    });
  });

  it('takes the mapping around an address that begins none, and says so', () => {
    expect(parseNumaMaps(NUMA_MAPS, 0x7f0000201000n)).toMatchObject({ policy: 'interleave:0-1', exact: false });
    expect(parseNumaMaps(NUMA_MAPS, 0x1000n)).toMatchObject({ policy: null, pagesByNode: new Map(), exact: false });
    expect(parseNumaMaps('', 0n)).toMatchObject({ policy: null, kernelPageBytes: null });
  });

  it.each([
    ['prefer (many):0-1', 'prefer (many):0-1 anon=3 dirty=3 N0=1 N1=2 kernelpagesize_kB=4'],
    ['weighted interleave:0-1', 'weighted interleave:0-1 anon=3 dirty=3 N0=1 N1=2 kernelpagesize_kB=4'],
    ['prefer=relative:1', 'prefer=relative:1 anon=3 N0=1 N1=2 kernelpagesize_kB=4'],
    ['prefer (many)=static:0-1', 'prefer (many)=static:0-1 anon=3 N0=1 N1=2 kernelpagesize_kB=4'],
  ])('reads the policy %s, also with a space in it', (policy, rest) => {
    expect(parseNumaMaps(`7f0000000000 ${rest}\n`, 0x7f0000000000n)).toMatchObject({
      policy,
      pagesByNode: new Map([
        [0, 1],
        [1, 2],
      ]),
      kernelPageBytes: 4096,
      exact: true,
    });
  });
});
