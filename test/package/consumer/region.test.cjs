// Jest runs tests in a context of its own, whose ArrayBuffer is another one.
'use strict';

const { memory, MemoryError, Region } = require('nebula-memory');

test.each(['local', 'shared'])('a region with carrier %s', (carrier) => {
  const region = Region.map('64KiB', { carrier });
  region.bytes.fill(7);
  expect(region.bytes[65535]).toBe(7);
  const { bytes } = region;
  region.free();
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== 0) throw new Error(`a stale view shows ${bytes[i]}`);
  expect(() => region.free()).toThrow(MemoryError);
  expect(memory.totals().regions).toBe(0);
});

test('an error of it is an Error', () => {
  expect(() => Region.map(-1)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_MEMORY_/) }));
});
