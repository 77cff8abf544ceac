import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Region } from '../../../lib/platform';
import { native } from '../../../lib/platform/native';
import { codeOf, PAGE, scratchFolder, smapsAt, withHolder } from './support';

const path = join(scratchFolder(), 'flushed');
beforeEach(() => writeFileSync(path, new Uint8Array(4 * PAGE)));
afterEach(() => jest.restoreAllMocks());

it('writes back what was changed', () => {
  const { region, describe: look } = withHolder(() => Region.mapFile(path, { mode: 'shared' }));
  region.bytes.fill(5);
  region.flush();
  expect(smapsAt(look().address, 4 * PAGE).kB('Shared_Dirty')).toBe(0);
  expect(readFileSync(path).every((byte) => byte === 5)).toBe(true);
  region.flush({ offset: PAGE, length: 1 });
  region.flush({ offset: 4 * PAGE });
  region.free();
});

it('asks the kernel for whole pages around the range', () => {
  using region = Region.mapFile(path, { mode: 'shared' });
  const spy = jest.spyOn(native(), 'flush');
  region.flush({ offset: PAGE + 5, length: 10 });
  expect(spy.mock.calls[0]?.slice(1)).toEqual([PAGE + 5, 10, true]);
  expect(codeOf(() => region.flush({ offset: 4 * PAGE, length: 1 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
});

it('flushes on another thread and keeps the region meanwhile', async () => {
  const region = Region.mapFile(path, { mode: 'shared' });
  region.bytes.fill(6);
  const pending = region.flushAsync();
  expect(codeOf(() => region.free())).toBe('ERR_MEMORY_IN_USE');
  await pending;
  expect(readFileSync(path)[0]).toBe(6);
  await Promise.all([region.flushAsync({ length: PAGE }), region.flushAsync({ offset: PAGE })]);
  region.free();
  await expect(region.flushAsync()).rejects.toMatchObject({ code: 'ERR_MEMORY_FREED' });
});

test.each([
  ['anonymous', () => Region.map(PAGE)],
  ['secret', () => Region.secret(PAGE)],
  ['a private copy', () => Region.mapFile(path)],
])('refuses %s memory, which has nothing behind it', async (_, make) => {
  using region = make();
  expect(codeOf(() => region.flush())).toBe('ERR_MEMORY_INVALID_STATE');
  await expect(region.flushAsync()).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
});

it('flushes shared memory, which costs nothing', () => {
  using region = Region.shared(PAGE);
  region.bytes[0] = 1;
  region.flush();
  expect(region.bytes[0]).toBe(1);
});
