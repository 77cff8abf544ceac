// Bundled into one file beside its binary.
import { memory, Region } from 'nebula-memory/TARGET';

const region = Region.map('64KiB');
region.bytes[9] = 9;
console.log(region.bytes[9], memory.capabilities().lock !== undefined, process.argv.length);
region.free();
