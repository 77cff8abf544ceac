// A call that fails leaves files as they were. tmpfs takes lengths that no address space can map.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Region } from '../../../lib/platform';
import { codeOf, PAGE } from './support';

const SHM = '/dev/shm';
const TOO_MUCH = 2 ** 50;
const onTmpfs = existsSync(SHM) ? describe : describe.skip;

onTmpfs('after a mapping that cannot be had', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(SHM, 'nebula-undo-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('no file is left that was made for it', () => {
    const path = join(folder, 'made');
    for (const exclusive of [false, true]) {
      const create = () => Region.mapFile(path, { mode: 'shared', create: true, exclusive, length: TOO_MUCH });
      expect(codeOf(create)).toBe('ERR_MEMORY_OUT_OF_MEMORY');
      expect(readdirSync(folder)).toEqual([]);
    }
    expect(codeOf(() => Region.mapFile(path, { mode: 'shared', create: true, length: 2 ** 53 - 1 }))).not.toBe('none');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a file that was there is neither removed nor longer', () => {
    const path = join(folder, 'there');
    writeFileSync(path, 'twelve bytes');
    for (const options of [{ create: true }, { grow: true }]) {
      const grow = () => Region.mapFile(path, { mode: 'shared', ...options, length: TOO_MUCH });
      expect(codeOf(grow)).toBe('ERR_MEMORY_OUT_OF_MEMORY');
      expect(statSync(path).size).toBe(12);
    }
    using region = Region.mapFile(path, { mode: 'shared', create: true, length: PAGE });
    expect(statSync(path).size).toBe(PAGE);
    expect(region.bytes[0]).toBe('t'.charCodeAt(0));
  });

  it.each([false, true])('a region that was to be resized keeps its file as it was (views made: %p)', (viewed) => {
    const path = join(folder, 'mapped');
    writeFileSync(path, Buffer.alloc(PAGE, 7));
    using region = Region.mapFile(path, { mode: 'shared' });
    if (viewed) void region.bytes;
    expect(codeOf(() => region.remap(TOO_MUCH))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect([statSync(path).size, region.byteLength, region.bytes[PAGE - 1]]).toEqual([PAGE, PAGE, 7]);
    region.remap(2 * PAGE);
    expect(statSync(path).size).toBe(2 * PAGE);
  });
});
