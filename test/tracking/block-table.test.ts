import * as fc from 'fast-check';
import { BlockTable } from '../../lib/tracking/base';

const offset = fc.oneof(
  fc.nat({ max: 40 }).map((step) => step * 8),
  fc.nat({ max: 40 }).map((step) => 2 ** 40 + step * 4096),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);

test('holds what a Map holds, after any insertions and removals', () => {
  const operation = fc.record({ offset, size: fc.nat(), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
      const table = new BlockTable();
      const model = new Map<number, number>();
      for (const { offset: key, size, remove } of operations) {
        if (remove) {
          const slot = table.find(key);
          expect(slot !== -1).toBe(model.delete(key));
          if (slot !== -1) table.removeAt(slot);
        } else {
          table.set(key, size, size + 1, size + 2);
          model.set(key, size);
        }
        expect(table.count).toBe(model.size);
      }
      for (const [key, size] of model) {
        const slot = table.find(key);
        expect([table.offsetAt(slot), table.sizes[slot], table.first[slot], table.second[slot]]).toEqual([
          ...[key, size, size + 1, size + 2],
        ]);
      }
      table.clear();
      for (const key of model.keys()) expect(table.find(key)).toBe(-1);
    }),
  );
});

test('knows no offset that is none', () => {
  const table = new BlockTable();
  table.set(0, 8, 0, 0);
  for (const odd of [Number.NaN, 0.5, -2, Number.POSITIVE_INFINITY]) expect(table.find(odd)).toBe(-1);
});
