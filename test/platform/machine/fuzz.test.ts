import fc from 'fast-check';
import {
  type Limits,
  openSysroot,
  parseKeyed,
  parseList,
  parseMask,
  parseNumaMaps,
  parsePressure,
  parseRlimits,
  parseSmaps,
  readLimits,
  SmapsReader,
  type Sysroot,
} from '../../../lib/platform/machine';

// Bounded and repeatable: the same texts at every run. Files of a kernel are never like this; files of a copied tree, a
// broken container or a file system in user space can be.
const RUNS = { numRuns: 1500, seed: 20_261_121 };

const SMAPS = `7f0000000000-7f0000400000 rw-p 00000000 00:00 0          [anon:nebula]
Size:               4096 kB
KernelPageSize:        4 kB
Rss:                3000 kB
Pss:                2500 kB
AnonHugePages:      2048 kB
Swap:                 12 kB
Locked:                8 kB
VmFlags: rd wr mr mw me ac
`;
const NUMA_MAPS = `7f0000000000 bind:0-1 anon=750 dirty=750 active=0 N0=500 N1=250 kernelpagesize_kB=4
7f0000400000 default file=/tmp/x\\040y huge anon=2 dirty=2 N1=2 kernelpagesize_kB=2048
`;
const PRESSURE = `some avg10=0.12 avg60=3.00 avg300=99.99 total=123456
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
`;
const LIMITS = `Limit                     Soft Limit           Hard Limit           Units     
Max address space         unlimited            unlimited            bytes     
Max locked memory         8388608              8388608              bytes     
`;

const TOKENS = fc.constantFrom(
  ...[
    '',
    '-',
    ',',
    ':',
    '=',
    ' ',
    '\n',
    '\r\n',
    '\t',
    '\0',
    'kB',
    'max',
    '-1',
    '0',
    '00',
    '1e9',
    '0x',
    'N0=',
    'N99999=1',
  ],
  ...['ffffffffffffffff', '10000000000000000', '9223372036854771712', '18446744073709551616', '0-', '3-1', '0-1048575'],
  ...[
    'some',
    'full',
    'avg10=',
    'avg10=100.01',
    'avg60=-1',
    'total=',
    '__proto__: 5 kB',
    'constructor 7',
    'kernelpagesize_kB=0',
  ],
  '9'.repeat(400),
);

/** A text with some stretches cut out, doubled, or replaced by something awkward. */
const mangled = (text: string): fc.Arbitrary<string> =>
  fc.array(fc.tuple(fc.nat(text.length), fc.nat(40), TOKENS, fc.nat(3)), { maxLength: 6 }).map((edits) =>
    edits.reduce((now, [at, length, token, kind]) => {
      const cut = now.slice(at, at + length);
      const middle = [token, cut + cut, cut + token, ''][kind] ?? '';
      return now.slice(0, at) + middle + now.slice(at + length);
    }, text),
  );
const soup = fc.array(TOKENS, { maxLength: 12 }).map((parts) => parts.join(''));
const like = (text: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: mangled(text) }, soup, fc.string({ unit: 'binary', maxLength: 60 }));

const isAmount = (value: unknown): boolean => typeof value === 'number' && value >= 0;
const isAmountOrNull = (value: unknown): boolean => value === null || isAmount(value);

describe('fuzz', () => {
  test.each([
    ['parseList', parseList, '0-3,8,10-11\n'],
    ['parseMask', parseMask, 'ff,00000000,0000000f\n'],
  ])('%s gives ascending whole numbers or null', (_name, parse, example) => {
    fc.assert(
      fc.property(like(example), (text) => {
        const got = parse(text);
        return got === null || got.every((id, i) => Number.isSafeInteger(id) && id >= 0 && id > (got[i - 1] ?? -1));
      }),
      RUNS,
    );
  });

  test('parseKeyed gives amounts, and its keys are no properties', () => {
    fc.assert(
      fc.property(like('MemTotal:       5 kB\nHugePages_Total:  3\nanon 17\n'), (text) => {
        const got = parseKeyed(text);
        return [...got.values()].every(isAmount) && [...got.keys()].every((key) => text.includes(key));
      }),
      RUNS,
    );
  });

  test('parseSmaps counts no more than the range, in one piece or in many', () => {
    fc.assert(
      fc.property(like(SMAPS), fc.nat(0x500000), fc.nat(0x500000), fc.array(fc.nat(80)), (text, from, bytes, cuts) => {
        const start = 0x7f0000000000n + BigInt(from);
        const end = start + BigInt(bytes);
        const got = parseSmaps(text, start, end);
        const reader = new SmapsReader(start, end);
        let rest = text;
        for (const cut of cuts) {
          reader.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        reader.push(rest);
        expect(reader.finish()).toEqual(got);
        return (
          [got.mappings, got.residentBytes, got.hugeBytes, got.lockedBytes, got.swapBytes, got.pssBytes].every(
            isAmount,
          ) && isAmountOrNull(got.kernelPageBytes)
        );
      }),
      RUNS,
    );
  });

  test('parseNumaMaps gives amounts of bytes to nodes', () => {
    fc.assert(
      fc.property(like(NUMA_MAPS), fc.nat(0x800000), (text, bytes) => {
        const got = parseNumaMaps(text, 0x7f0000000000n, 0x7f0000000000n + BigInt(bytes));
        const walk = (value: unknown): boolean =>
          typeof value === 'number'
            ? isAmount(value)
            : value instanceof Map
              ? [...value].every(([key, amount]) => isAmount(key) && isAmount(amount))
              : typeof value !== 'object' || value === null || Object.values(value).every(walk);
        return walk(got);
      }),
      RUNS,
    );
  });

  test('parsePressure gives shares from 0 to 1 or null', () => {
    fc.assert(
      fc.property(like(PRESSURE), (text) => {
        const got = parsePressure(text);
        return [got?.some, got?.full].every((line) => {
          if (line === undefined || line === null) return true;
          const shares = [line.avg10Ratio, line.avg60Ratio, line.avg300Ratio];
          return shares.every((share) => share >= 0 && share <= 1) && isAmountOrNull(line.totalUs);
        });
      }),
      RUNS,
    );
  });

  test('parseRlimits gives amounts or null', () => {
    fc.assert(
      fc.property(like(LIMITS), (text) => {
        const all = Object.values(parseRlimits(text));
        return all.every((one) => one === null || (isAmountOrNull(one.soft) && isAmountOrNull(one.hard)));
      }),
      RUNS,
    );
  });

  test('limits() reads any text in its files, and never throws', () => {
    const files: Record<string, string> = {
      '/proc/meminfo': 'MemTotal:       16384 kB\nMemAvailable:    8192 kB\nSwapTotal: 0 kB\n',
      '/proc/self/cgroup': '0::/a/b\n',
      '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/a/memory.max': '8388608\n',
      '/sys/fs/cgroup/a/b/memory.max': 'max\n',
      '/sys/fs/cgroup/a/b/memory.current': '4096\n',
      '/sys/fs/cgroup/a/b/memory.high': '4194304\n',
      '/sys/fs/cgroup/a/b/memory.events': 'low 0\nhigh 3\nmax 1\noom 0\noom_kill 0\n',
      '/proc/self/limits': LIMITS,
    };
    const names = Object.keys(files);
    const nothing = openSysroot('/nowhere');
    const machine = fc.tuple(...names.map((name) => fc.option(like(files[name] ?? ''), { nil: undefined })));
    let limited = 0;
    fc.assert(
      fc.property(machine, (texts) => {
        const given = new Map(names.map((name, i) => [name, texts[i] ?? files[name]]));
        const root: Sysroot = {
          ...nothing,
          readText: (path) => given.get(path) ?? null,
          list: () => [],
          exists: (path) => names.some((name) => name === path || name.startsWith(`${path}/`)),
        };
        const got: Limits = readLimits(root);
        if (got.setBy !== null) limited++;
        const amounts = [got.effectiveBytes, got.availableBytes, ...got.cgroups.map((group) => group.maxBytes)];
        return amounts.every(isAmountOrNull);
      }),
      RUNS,
    );
    expect(limited).toBeGreaterThan(100); // the texts are near enough to real ones to be read
  });
});
