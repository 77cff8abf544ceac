import { residentWithin } from '../../../lib/platform/machine';

const KIB = 1024;

function mapping(start: number, end: number, rssKib: number): string {
  return `${start.toString(16)}-${end.toString(16)} rw-p 00000000 00:00 0 \nSize: 1 kB\nRss: ${rssKib} kB\nPss: 9999 kB\n`;
}

const TEXT = mapping(0x10000, 0x20000, 12) + mapping(0x20000, 0x30000, 64) + mapping(0x50000, 0x60000, 4);

test('counts the resident bytes of whole mappings', () => {
  expect(residentWithin(TEXT, [{ start: 0x10000, bytes: 0x10000 }])).toBe(12 * KIB);
  expect(
    residentWithin(TEXT, [
      { start: 0x10000, bytes: 0x20000 },
      { start: 0x50000, bytes: 0x10000 },
    ]),
  ).toBe(80 * KIB);
});

test('cuts a mapping that several ranges share to what they cover', () => {
  const parts = [
    { start: 0x20000, bytes: 0x1000 },
    { start: 0x22000, bytes: 0x1000 },
  ];
  expect(residentWithin(TEXT, parts)).toBe(8 * KIB);
});

test('knows nothing of gaps, of ranges elsewhere and of empty text', () => {
  expect(residentWithin(TEXT, [{ start: 0x30000, bytes: 0x20000 }])).toBe(0);
  expect(residentWithin(TEXT, [])).toBe(0);
  expect(residentWithin('', [{ start: 0, bytes: KIB }])).toBe(0);
});
