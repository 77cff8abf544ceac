import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { memory, Region } from '../../../lib/platform';
import { untilCollected } from '../../support/collected';
import { codeOf, PAGE, runChild, scratchFolder, thrown, withHolder } from './support';

const folder = scratchFolder();
let serial = 0;
function file(bytes: number | Uint8Array): string {
  const path = join(folder, `file-${(serial += 1)}`);
  writeFileSync(path, typeof bytes === 'number' ? Uint8Array.from({ length: bytes }, (_, at) => at % 251) : bytes);
  return path;
}

describe("mode 'copy'", () => {
  it('shows the file and never changes it', () => {
    const path = file(2 * PAGE + 100);
    const before = readFileSync(path);
    const { mtimeMs } = statSync(path);
    {
      using region = Region.mapFile(path);
      expect([region.kind, region.byteLength, region.access]).toEqual(['file', 2 * PAGE + 100, 'readwrite']);
      expect(Buffer.from(region.bytes).equals(before)).toBe(true);
      region.bytes.fill(0xee);
      region.write(0, Uint8Array.of(1, 2, 3));
      region.zero({ offset: PAGE, length: 10 });
      expect([region.bytes[0], region.bytes[50], region.bytes[PAGE]]).toEqual([1, 0xee, 0]);
      expect(readFileSync(path).equals(before)).toBe(true);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect([statSync(path).size, statSync(path).mtimeMs]).toEqual([2 * PAGE + 100, mtimeMs]);
  });

  it('reads a file that may only be read', () => {
    const path = file(10);
    chmodSync(path, 0o400);
    using region = Region.mapFile(path);
    region.bytes[0] = 9;
    expect([region.bytes[0], readFileSync(path)[0]]).toEqual([9, 0]);
  });

  it('decommit brings the file back', () => {
    using region = Region.mapFile(file(2 * PAGE));
    region.bytes.fill(1);
    expect(region.decommit({ length: PAGE })).toBe(PAGE);
    expect([region.bytes[7], region.bytes[PAGE + 7]]).toEqual([7, 1]);
  });

  it('has nothing to flush', () => {
    using region = Region.mapFile(file(10));
    expect(codeOf(() => region.flush())).toBe('ERR_MEMORY_INVALID_STATE');
  });
});

describe("mode 'shared'", () => {
  it('changes the file', () => {
    const path = file(PAGE + 10);
    using region = Region.mapFile(path, { mode: 'shared' });
    region.bytes[0] = 200;
    region.write(PAGE + 9, Uint8Array.of(201));
    const seen = readFileSync(path);
    expect([seen.length, seen[0], seen[PAGE + 9]]).toEqual([PAGE + 10, 200, 201]);
    writeFileSync(path, 'x', { flag: 'r+' });
    expect(region.bytes[0]).toBe('x'.charCodeAt(0));
  });

  it('is one memory for two mappings of a file', () => {
    const path = file(PAGE);
    using one = Region.mapFile(path, { mode: 'shared' });
    using two = Region.mapFile(path, { mode: 'shared' });
    one.bytes[5] = 55;
    expect(two.bytes[5]).toBe(55);
  });

  it('makes the file, for its owner only, and fills it with zeros', () => {
    const path = join(folder, 'made');
    const region = Region.mapFile(path, { mode: 'shared', create: true, length: 5000 });
    expect([statSync(path).size, statSync(path).mode & 0o777, region.byteLength]).toEqual([5000, 0o600, 5000]);
    expect(region.bytes.every((byte) => byte === 0)).toBe(true);
    region.bytes[4999] = 1;
    region.free();
    expect(readFileSync(path)[4999]).toBe(1);
    const again = thrown(() => Region.mapFile(path, { mode: 'shared', create: true, exclusive: true, length: 5000 }));
    expect(again).toMatchObject({ code: 'ERR_MEMORY_SYSCALL', errno: 17, syscall: 'open', source: path });
    using kept = Region.mapFile(path, { mode: 'shared', create: true, length: 5000 });
    expect(kept.bytes[4999]).toBe(1);
  });

  it('grows the file only when told to', () => {
    const path = file(100);
    const error = thrown(() => Region.mapFile(path, { mode: 'shared', length: 9000 }));
    expect([error.code, error.limitBytes]).toEqual(['ERR_MEMORY_OUT_OF_RANGE', 100]);
    expect(statSync(path).size).toBe(100);
    using region = Region.mapFile(path, { mode: 'shared', length: 9000, grow: true });
    expect([statSync(path).size, region.bytes[99], region.bytes[8999]]).toEqual([9000, 99, 0]);
    region.remap(20_000);
    region.bytes[19_999] = 5;
    expect([statSync(path).size, readFileSync(path)[19_999], region.bytes[99]]).toEqual([20_000, 5, 99]);
    region.remap(50);
    expect([statSync(path).size, region.byteLength, region.bytes.length]).toEqual([20_000, 50, 50]);
  });
});

describe('parts of a file', () => {
  it('begin at an offset and have a length', () => {
    const path = file(4 * PAGE);
    using region = Region.mapFile(path, { offset: PAGE, length: 100 });
    expect([region.byteLength, region.bytes[0], region.bytes[99]]).toEqual([100, PAGE % 251, (PAGE + 99) % 251]);
    using rest = Region.mapFile(path, { offset: '12KiB' });
    expect([rest.byteLength, rest.bytes[0]]).toEqual([PAGE, (3 * PAGE) % 251]);
    using shared = Region.mapFile(path, { mode: 'shared', offset: 2 * PAGE, length: PAGE });
    shared.bytes[1] = 222;
    expect(readFileSync(path)[2 * PAGE + 1]).toBe(222);
  });

  it('inside a page are an error that says how it is done', () => {
    const error = thrown(() => Region.mapFile(file(2 * PAGE), { offset: PAGE + 100 }));
    expect([error.code, error.hint]).toEqual([
      'ERR_MEMORY_INVALID_ALIGNMENT',
      expect.stringContaining(`from ${PAGE} and take a window`),
    ]);
  });

  it('past the end are an error with the length of the file', () => {
    const path = file(PAGE);
    for (const options of [
      { offset: PAGE },
      { offset: 2 * PAGE },
      { length: PAGE + 1 },
      { offset: 4096 * 2, length: 1 },
    ]) {
      expect(thrown(() => Region.mapFile(path, options))).toMatchObject({
        code: 'ERR_MEMORY_OUT_OF_RANGE',
        limitBytes: PAGE,
      });
    }
  });
});

describe('what is no file to map', () => {
  test.each([
    ['a missing file', () => join(folder, 'nowhere'), { code: 'ERR_MEMORY_SYSCALL', errno: 2, syscall: 'open' }],
    ['a folder', () => folder, { code: 'ERR_MEMORY_INVALID_ARGUMENT' }],
    ['a device', () => '/dev/null', { code: 'ERR_MEMORY_INVALID_ARGUMENT' }],
    ['an empty file', () => file(0), { code: 'ERR_MEMORY_OUT_OF_RANGE' }],
    ['a path through a file', () => join(file(1), 'x'), { code: 'ERR_MEMORY_INVALID_ARGUMENT' }],
    ['a path too long', () => `/${'x'.repeat(300)}`, { code: 'ERR_MEMORY_INVALID_ARGUMENT' }],
  ])('%s', (_, path, expected) => {
    const at = path();
    const error = thrown(() => Region.mapFile(at));
    expect(error).toMatchObject({ ...expected, source: at });
    expect(error.message).toContain('Region.mapFile');
  });

  it('a loop of links, a path of another type', () => {
    const link = join(folder, 'loop');
    symlinkSync(link, link);
    expect(codeOf(() => Region.mapFile(link))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    for (const path of ['', 7, undefined, 'a\0b', Buffer.from('x')]) {
      expect(codeOf(() => Region.mapFile(path as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });

  test.each([
    [{ create: true, length: 1 }, 'create needs mode'],
    [{ grow: true }, 'grow needs mode'],
    [{ sync: true }, 'sync needs mode'],
    [{ mode: 'shared' as const, exclusive: true }, 'exclusive needs create'],
    [{ mode: 'shared' as const, create: true }, 'create needs a length'],
    [{ mode: 'cow' as never }, "one of 'copy', 'shared'"],
    [{ pages: '2MiB' } as never, 'unknown option "pages"'],
  ])('%j is refused', (options, words) => {
    const error = thrown(() => Region.mapFile(file(10), options));
    expect([error.code, error.message]).toEqual(['ERR_MEMORY_INVALID_ARGUMENT', expect.stringContaining(words)]);
  });

  it('a file that may not be opened, as somebody without rights sees it', () => {
    const path = file(10);
    chmodSync(path, 0o400);
    mkdirSync(join(folder, 'closed'), { mode: 0o700 });
    chmodSync(folder, 0o755);
    const source = `if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      const look = (path, options) => { try { Region.mapFile(path, options); return 'none'; } catch (error) { return [error.code, error.errno]; } };
      console.log(JSON.stringify([look(${JSON.stringify(path)}), look(${JSON.stringify(join(folder, 'closed', 'x'))})]));`;
    if (process.getuid?.() !== 0) return; // only a privileged run can give rights away
    expect(runChild(source).output).toEqual([
      ['ERR_MEMORY_PERMISSION', 13],
      ['ERR_MEMORY_PERMISSION', 13],
    ]);
  });

  it('a file system that has no DAX refuses sync', () => {
    const error = thrown(() => Region.mapFile(file(PAGE), { mode: 'shared', sync: true }));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_UNSUPPORTED', syscall: 'mmap' });
  });
});

it('a truncated file reads zeros, and the next call says so once', () => {
  const path = file(4 * PAGE);
  using region = Region.mapFile(path, { mode: 'shared' });
  const { bytes } = region;
  expect(bytes[3 * PAGE]).toBe((3 * PAGE) % 251);
  truncateSync(path, PAGE);
  expect([bytes[3 * PAGE], bytes[10]]).toEqual([0, 10]);
  const error = thrown(() => region.window(0, 1));
  expect(error).toMatchObject({ code: 'ERR_MEMORY_FAULTED', category: 'corruption', source: path });
  expect(region.faults).toBeGreaterThanOrEqual(1);
  expect(region.window(10, 1)[0]).toBe(10);
});

it('holds one descriptor and lets go of it, also where it could not be mapped', async () => {
  await untilCollected();
  const path = file(10);
  const holders = () => {
    const { ino, dev } = statSync(path);
    return readdirSync('/proc/self/fd').filter((fd) => {
      const held = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false }); // others of the process come and go
      return held?.ino === ino && held.dev === dev;
    });
  };
  const { region, describe: look } = withHolder(() => Region.mapFile(path));
  expect(holders()).toEqual([String(look().file)]);
  region.free();
  expect(holders()).toEqual([]);
  const empty = file(0);
  const { regions } = memory.totals();
  for (let round = 0; round < 2000; round += 1) codeOf(() => Region.mapFile(empty));
  expect(memory.totals().regions).toBe(regions);
  using still = Region.mapFile(file(10));
  expect(still.byteLength).toBe(10);
});

it('outlives the name of its file', () => {
  const path = file(PAGE);
  using region = Region.mapFile(path, { mode: 'shared' });
  rmSync(path);
  region.bytes[0] = 3;
  expect(region.bytes[1]).toBe(1);
});
