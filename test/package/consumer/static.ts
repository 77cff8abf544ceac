// The static entry has the same types.
import { type MemoryError, Region } from 'nebula-memory/TARGET';

export const region: Region = Region.map(4096);
export const nothing: MemoryError | undefined = undefined;
region.free();
