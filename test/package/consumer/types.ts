// Compiled in every resolution mode, and run where it is emitted.
import { type MemoryError, memoryError, type Placement, Region } from 'nebula-memory';

const error: MemoryError = memoryError('ERR_MEMORY_INVALID_STATE', 'x');
export const code: string = error.code;
// @ts-expect-error an unknown code is refused by the types
export const unknown = (): MemoryError => memoryError('ERR_NOT_OURS', 'x');

const region: Region = Region.map('64KiB', { carrier: 'local' });
export const placement: Placement = region.placement;
// @ts-expect-error an unknown option is refused by the types
export const wrong = (): Region => Region.map('64KiB', { carier: 'local' });
const bytes: Uint8Array = region.bytes;
bytes[0] = 5;
console.log(code, bytes[0], placement.got.carrier);
region.free();
