// `node unhide.mjs FILE.o…`: makes the hidden global symbols of 64-bit object files visible, in place.
import { readFileSync, writeFileSync } from 'node:fs';

const SYMBOL_TABLE = 2;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;

for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  const sections = Number(bytes.readBigUInt64LE(0x28));
  const count = bytes.readUInt16LE(0x3c);
  for (let i = 0; i < count; i++) {
    const header = sections + i * SECTION_BYTES;
    if (bytes.readUInt32LE(header + 4) !== SYMBOL_TABLE) continue;
    const start = Number(bytes.readBigUInt64LE(header + 0x18));
    const end = start + Number(bytes.readBigUInt64LE(header + 0x20));
    for (let at = start; at < end; at += SYMBOL_BYTES) {
      const binding = bytes[at + 4] >> 4;
      if (binding === 1 || binding === 2) bytes[at + 5] &= ~3; // global or weak
    }
  }
  writeFileSync(file, bytes);
}
