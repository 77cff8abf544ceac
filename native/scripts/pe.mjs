// Reads the imports and exports of a 64-bit Windows DLL (which a .node file is there).

const EXPORTS = 0;
const IMPORTS = 1;
const DELAY_IMPORTS = 13;

export function isPe(bytes) {
  return bytes.length > 0x100 && bytes.toString('latin1', 0, 2) === 'MZ';
}

/** @param {Buffer} bytes the whole file */
export function readPe(bytes) {
  const header = bytes.readUInt32LE(0x3c);
  if (!isPe(bytes) || bytes.toString('latin1', header, header + 4) !== 'PE\0\0') throw new Error('not a PE file');
  const optional = header + 24;
  if (bytes.readUInt16LE(optional) !== 0x20b) throw new Error('not a 64-bit PE file');
  const sectionTable = optional + bytes.readUInt16LE(header + 20);
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const at = sectionTable + index * 40;
    return {
      address: bytes.readUInt32LE(at + 12),
      size: Math.max(bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 16)),
      offset: bytes.readUInt32LE(at + 20),
    };
  });
  const toOffset = (address) => {
    const section = sections.find((s) => address >= s.address && address < s.address + s.size);
    if (!section) throw new Error(`address 0x${address.toString(16)} lies in no section`);
    return address - section.address + section.offset;
  };
  const text = (address) => {
    const start = toOffset(address);
    return bytes.toString('latin1', start, bytes.indexOf(0, start));
  };
  const directory = (index) => bytes.readUInt32LE(optional + 112 + index * 8);
  return {
    machine: bytes.readUInt16LE(header + 4) === 0x8664 ? 'x86-64' : 'unknown',
    timestamp: bytes.readUInt32LE(header + 8),
    imports: readImports(bytes, directory(IMPORTS), 20, 12, toOffset, text),
    delayImports: readImports(bytes, directory(DELAY_IMPORTS), 32, 4, toOffset, text),
    exports: readExports(bytes, directory(EXPORTS), toOffset, text),
  };
}

function readImports(bytes, address, entryBytes, nameField, toOffset, text) {
  const names = [];
  if (address === 0) return names;
  for (let at = toOffset(address); bytes.readUInt32LE(at + nameField) !== 0; at += entryBytes) {
    names.push(text(bytes.readUInt32LE(at + nameField)).toLowerCase());
  }
  return names.sort();
}

function readExports(bytes, address, toOffset, text) {
  if (address === 0) return [];
  const at = toOffset(address);
  const names = toOffset(bytes.readUInt32LE(at + 32));
  return Array.from({ length: bytes.readUInt32LE(at + 24) }, (_, index) =>
    text(bytes.readUInt32LE(names + index * 4)),
  ).sort();
}
