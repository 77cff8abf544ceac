import { constants } from 'node:buffer';
import { Region } from '../../../lib/platform';
import { isEmptied } from '../../support/emptied';
import { untilIdle } from '../../support/idle';
import { codeOf, MIB, PAGE, smapsAt, thrown, withHolder } from './support';

describe('Region.map', () => {
  test.each([
    [1, PAGE],
    [PAGE, PAGE],
    [PAGE + 1, 2 * PAGE],
    ['64KiB', 65536],
    ['3MiB', 3 * MIB],
  ])('gives %s bytes of zeros in whole pages', (size, mapped) => {
    const { region, describe: look } = withHolder(() => Region.map(size));
    const asked = typeof size === 'number' ? size : mapped;
    expect(region.byteLength).toBe(asked);
    expect(look().mappedBytes).toBe(mapped);
    expect(region.bytes.length).toBe(asked);
    expect(region.bytes.every((byte) => byte === 0)).toBe(true);
    region.bytes.fill(0xab);
    expect(region.bytes[asked - 1]).toBe(0xab);
    region.free();
  });

  it('hands out one buffer and one view, and windows over the same bytes', () => {
    using region = Region.map('64KiB');
    expect(region.buffer).toBe(region.buffer);
    expect(region.bytes).toBe(region.bytes);
    expect(region.bytes.buffer).toBe(region.buffer);
    expect(region.buffer).toBeInstanceOf(ArrayBuffer);
    const window = region.window(PAGE, 16);
    expect([window.length, window.byteOffset]).toEqual([16, PAGE]);
    window[3] = 77;
    expect(region.bytes[PAGE + 3]).toBe(77);
    expect(region.window('60KiB', '4KiB').length).toBe(4096);
    expect(region.window(65536, 0).length).toBe(0);
    expect(codeOf(() => region.window(65536, 1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => region.window(1, 65536))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => region.window(-1, 1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('is seen through windows where one buffer cannot span it', async () => {
    const largest = constants.MAX_LENGTH;
    using region = Region.map(largest > 2 ** 33 ? '5GiB' : largest + 2 * MIB);
    const end = region.byteLength;
    if (end > largest) {
      const error = thrown(() => region.buffer);
      expect([error.code, error.limitBytes]).toEqual(['ERR_MEMORY_TOO_LARGE', largest]);
      expect(error.hint).toContain('window');
    }
    const first = region.window(0, 16);
    const last = region.window(end - 16, 16);
    first[0] = 1;
    last[15] = 2;
    expect([region.window(end - 1, 1)[0], region.window(0, 1)[0]]).toEqual([2, 1]);
    await untilIdle();
    region.free();
    expect([first.length, last.length]).toEqual([0, 0]);
  });

  it('copies in and out', () => {
    using region = Region.map(3 * PAGE);
    region.write(PAGE - 2, Uint8Array.of(1, 2, 3, 4));
    const target = new Uint8Array(6);
    region.read(PAGE - 3, target);
    expect([...target]).toEqual([0, 1, 2, 3, 4, 0]);
    region.write(0, Buffer.from('text'));
    expect(Buffer.from(region.window(0, 4)).toString()).toBe('text');
    region.write(8, new Float64Array([1]) as never);
    expect([...region.window(8, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    expect(codeOf(() => region.write(3 * PAGE - 1, new Uint8Array(2)))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => region.read(0, 'text' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => region.read(0, new DataView(new ArrayBuffer(1)) as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('knows its kind, name, access and state before and after free()', async () => {
    const region = Region.map(PAGE, { name: 'the buffer pool' });
    const seen = () => [region.kind, region.name, region.access, region.state, region.byteLength, region.protection];
    expect(seen()).toEqual(['anonymous', 'the buffer pool', 'readwrite', 'live', PAGE, null]);
    expect(region.faults).toBe(0);
    const { buffer, bytes } = region;
    await untilIdle();
    region.free();
    expect(seen()).toEqual(['anonymous', 'the buffer pool', 'readwrite', 'freed', 0, null]);
    expect(region.placement.got.pages).toBe('base');
    expect([bytes.length, buffer.byteLength]).toEqual([0, 0]);
    expect(Region.map(PAGE).name).toBeNull();
  });

  it('gives the pages and the addresses back at once where no view was made', () => {
    const { region, describe: look } = withHolder(() => Region.map('8MiB', { populate: true, fork: 'exclude' }));
    const { address } = look();
    expect(smapsAt(address, 8 * MIB).kB('Rss')).toBe(8192);
    region.free();
    expect(smapsAt(address, 8 * MIB).entries).toBe(0);
  });

  it('gives the pages back at once where views were made, and keeps the addresses', () => {
    const { region, describe: look } = withHolder(() => Region.map('8MiB', { fork: 'exclude' }));
    const { address } = look();
    region.bytes.fill(1);
    const view = region.bytes.subarray(10, 20);
    expect(smapsAt(address, 8 * MIB).kB('Rss')).toBeGreaterThanOrEqual(8192);
    region.free();
    expect(isEmptied(view)).toBe(true);
    const left = smapsAt(address, 8 * MIB);
    expect(left.entries).toBe(1);
    expect(left.kB('Private_Dirty')).toBeLessThan(8192);
  });

  it('is freed by using, and not twice', () => {
    const region = Region.map(PAGE);
    {
      using held = region;
      held.bytes[0] = 1;
    }
    expect(region.state).toBe('freed');
    region[Symbol.dispose]();
    const error = thrown(() => region.free());
    expect([error.code, error.message]).toEqual(['ERR_MEMORY_DOUBLE_FREE', 'Region.free: the region was freed before']);
  });
});
