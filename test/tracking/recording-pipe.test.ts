import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeapAllocator } from '../../lib/allocators';
import { RecordingAllocator } from '../../lib/tracking';

// What a pipe has taken cannot be cut off again, as a file can be.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recording-pipe-'));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** Lets the next `times` writes take `most` bytes and fail after it, on something that cannot be cut. */
function breakWrites(most: number, times: number): void {
  const write = fs.writeSync as (file: number, bytes: Uint8Array, at: number, length?: number) => number;
  let broken = times;
  let took = false;
  jest.spyOn(fs, 'ftruncateSync').mockImplementation(() => {
    throw Object.assign(new Error('EINVAL'), { errno: -22 });
  });
  jest.spyOn(fs, 'writeSync').mockImplementation(((file: number, bytes: Uint8Array | string, at: number) => {
    if (broken === 0 || typeof bytes === 'string') return write(file, bytes as Uint8Array, at);
    took = !took;
    if (took) return write(file, bytes, at, Math.min(most, bytes.length - at));
    broken -= 1;
    throw Object.assign(new Error('EAGAIN'), { errno: -11 });
  }) as typeof fs.writeSync);
}

test.each([1, 2, 3])('rows that went half-way %i times are written once', (times) => {
  const path = join(folder, 'pipe');
  const allocator = new RecordingAllocator(new HeapAllocator('1MiB'), { path, extraColumns: false });
  for (let i = 1; i <= 5; i += 1) allocator.allocate(i * 16);
  breakWrites(50, times);
  for (let i = 0; i < times; i += 1) expect(() => allocator.flush()).toThrow('EAGAIN');
  allocator.allocate(96);
  allocator.flush();
  const rows = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
  expect(rows.map((row) => row.split(',')[4])).toEqual(['16', '32', '48', '64', '80', '96']);
  allocator.dispose();
});

test('a row of which the rest was dropped does not run into the next', () => {
  const path = join(folder, 'pipe');
  const allocator = new RecordingAllocator(new HeapAllocator('1MiB'), { path, extraColumns: false, bufferBytes: 0 });
  allocator.flush();
  breakWrites(10, 1_000_000);
  const pending = allocator as unknown as { pending: string; pendingLines: number };
  allocator.allocate(16);
  pending.pending += `${'x'.repeat(17 * 2 ** 20)}\n`; // more than is kept
  allocator.allocate(32);
  expect(allocator.lostLines).toBe(2);
  jest.restoreAllMocks();
  allocator.allocate(64);
  allocator.flush();
  const rows = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
  expect(rows).toHaveLength(2);
  expect(rows[1]?.split(',')[4]).toBe('64');
  allocator.dispose();
});
