import { CLASS_COUNT } from '../../../lib/allocators/heap/size-classes';
import { Slabs } from '../../../lib/allocators/heap/slabs';

test('the bookkeeping counts both lists of the classes: slabs with room, and those kept empty', () => {
  const slabs = new Slabs(64);
  expect(slabs.metadataBytes - slabs.runs.metadataBytes).toBeGreaterThanOrEqual(2 * 4 * CLASS_COUNT);
});
