import {
  alignedClassOf,
  CLASS_BYTES,
  CLASS_COUNT,
  CLASS_INVERSE,
  classOf,
  HEAP_PAGE_BYTES,
  LARGEST_SMALL_BYTES,
  MAX_SLOTS,
  slabPages,
  slotsIn,
} from '../../../lib/allocators/heap/size-classes';

const bytes = (index: number): number => CLASS_BYTES[index] as number;

it('gives every size the least class that holds it', () => {
  for (let size = 1; size <= LARGEST_SMALL_BYTES; size += 1) {
    const index = classOf(size);
    expect(bytes(index) >= size && (index === 0 || bytes(index - 1) < size)).toBe(true);
  }
  expect(bytes(CLASS_COUNT - 1)).toBe(LARGEST_SMALL_BYTES);
});

it('loses at most one part in eight by rounding up from 128 bytes on', () => {
  for (let index = 8; index < CLASS_COUNT; index += 1) {
    expect(bytes(index) / (bytes(index - 1) + 1)).toBeLessThanOrEqual(1.125);
  }
});

it('finds a class with aligned blocks for every alignment', () => {
  for (let alignment = 1; alignment <= 4096; alignment *= 2) {
    for (const size of [1, 8, 24, 100, 513, 4000, 28_673, LARGEST_SMALL_BYTES]) {
      const index = alignedClassOf(size, alignment);
      expect(bytes(index) >= size && bytes(index) % alignment === 0).toBe(true);
    }
  }
  expect(alignedClassOf(LARGEST_SMALL_BYTES + 1, 16)).toBe(-1);
});

it('divides exactly by multiplying', () => {
  const pages = slabPages(1 << 20);
  for (let index = 0; index < CLASS_COUNT; index += 1) {
    const slots = slotsIn(pages[index] as number, bytes(index));
    for (let slot = 0; slot < slots; slot += 1) {
      const inverse = CLASS_INVERSE[index] as number;
      expect(((slot * bytes(index) + 0.5) * inverse) | 0).toBe(slot);
      expect((((slot + 1) * bytes(index) - 1 + 0.5) * inverse) | 0).toBe(slot);
    }
  }
});

it('leaves at most 1/15 of a slab over (a 64th for most), and no slab has more blocks than its bitmap', () => {
  const pages = slabPages(1 << 20);
  for (let index = 0; index < CLASS_COUNT; index += 1) {
    const slab = (pages[index] as number) * HEAP_PAGE_BYTES;
    const slots = slotsIn(pages[index] as number, bytes(index));
    expect(slots >= 4 && slots <= MAX_SLOTS).toBe(true);
    expect(slab - slots * bytes(index)).toBeLessThanOrEqual(slab / 15);
  }
});
