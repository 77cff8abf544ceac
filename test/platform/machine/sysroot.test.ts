import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSysroot, parseKeyed, parseList, parseMask } from '../../../lib/platform/machine';
import { parseChoice, parseSize } from '../../../lib/platform/machine/parse';
import { MachinePark } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

describe('a sysroot', () => {
  const root = park.root({ files: { '/proc/a': 'one\n', '/proc/nul': 'two\n\0\0\0', '/proc/dir/': '' } });

  it('reads texts, cut at NUL, and lists folders', () => {
    const sysroot = openSysroot(root);
    expect(sysroot.readText('/proc/a')).toBe('one\n');
    expect(sysroot.readText('proc/nul')).toBe('two\n');
    expect(sysroot.list('/proc')).toEqual(['a', 'dir', 'nul']);
    expect(sysroot.exists('/proc/dir')).toBe(true);
  });

  it('answers null and empty for everything else', () => {
    const sysroot = openSysroot(root);
    expect(sysroot.readText('/proc/dir')).toBeNull();
    expect(sysroot.readText('/proc/none')).toBeNull();
    expect(sysroot.readText('/proc/a/b')).toBeNull();
    expect(sysroot.readText('bad\0name')).toBeNull();
    expect(sysroot.list('/proc/none')).toEqual([]);
    expect(sysroot.exists('/none')).toBe(false);
  });

  it('is never left, neither by dots nor by links', () => {
    const outer = park.root({ files: { '/secret': 'host', '/tree/proc/inner': 'inside' } });
    const tree = join(outer, 'tree');
    symlinkSync(join(outer, 'secret'), join(tree, 'proc', 'link'));
    symlinkSync('inner', join(tree, 'proc', 'relative'));
    mkdirSync(join(outer, 'tree-twin'));
    writeFileSync(join(outer, 'tree-twin', 'x'), 'twin');
    symlinkSync(join(outer, 'tree-twin', 'x'), join(tree, 'proc', 'twin'));
    const sysroot = openSysroot(tree);
    expect(sysroot.readText('/../secret')).toBeNull();
    expect(sysroot.readText('/proc/link')).toBeNull();
    expect(sysroot.readText('/proc/twin')).toBeNull();
    expect(sysroot.exists('/proc/link')).toBe(false);
    expect(sysroot.readText('/proc/relative')).toBe('inside');
  });
});

describe('kernel texts', () => {
  it.each([
    ['0-3,8', [0, 1, 2, 3, 8]],
    ['0,250-252\n', [0, 250, 251, 252]],
    ['5,1,1-2', [1, 2, 5]],
    ['', []],
    ['\n', []],
    ['3-1', null],
    ['a', null],
    ['1,,2', null],
    ['-1', null],
    ['0-99999999999', null],
  ])('the list %j is %j', (text, expected) => {
    expect(parseList(text)).toEqual(expected);
  });

  it.each([
    ['3', [0, 1]],
    ['00000001,00000000,80000000\n', [31, 64]],
    ['0', []],
    ['ffff00000000', Array.from({ length: 16 }, (_, index) => index + 32)],
    ['', null],
    ['xyz', null],
    ['1,123456789', null],
  ])('the mask %j is %j', (text, expected) => {
    expect(parseMask(text)).toEqual(expected);
  });

  it('reads keys, in bytes where the unit is kB', () => {
    const values = parseKeyed(
      'MemTotal:  5 kB\nHugePages_Total:   7\nanon 9\nName:\tnode\nVmFlags: rd wr\nhuge 18446744073709551615\n',
    );
    expect([...values]).toEqual([
      ['MemTotal', 5120],
      ['HugePages_Total', 7],
      ['anon', 9],
      ['huge', 2 ** 64],
    ]);
    expect(parseKeyed(null).size).toBe(0);
  });

  it('reads sizes and choices', () => {
    expect([parseSize('48K\n'), parseSize('2M'), parseSize('64'), parseSize('x'), parseSize(null)]).toEqual([
      49152,
      2097152,
      64,
      null,
      null,
    ]);
    expect(parseChoice('always defer defer+madvise [madvise] never\n')).toBe('madvise');
    expect(parseChoice('never\n')).toBe('never');
    expect(parseChoice('a b')).toBeNull();
    expect(parseChoice(null)).toBeNull();
  });
});
