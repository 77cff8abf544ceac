// Reads what the gates need from a 64-bit little-endian ELF file, so that no binutils must be installed to check one.

const TYPE_DYNAMIC = 2;
const TAG = {
  NEEDED: 1n,
  STRTAB: 5n,
  SYMTAB: 6n,
  SYMENT: 11n,
  RUNPATH: 29n,
  RPATH: 15n,
  FLAGS: 30n,
  FLAGS_1: 0x6ffffffbn,
};
const TAG_VERNEED = 0x6ffffffen;
const TAG_VERNEEDNUM = 0x6fffffffn;
const MACHINES = { 62: 'x86-64', 183: 'aarch64' };
const SECTION_DYNSYM = 11;

export function isElf(bytes) {
  return bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46;
}

/** @param {Buffer} bytes the whole file */
export function readElf(bytes) {
  if (!isElf(bytes) || bytes[4] !== 2 || bytes[5] !== 1) throw new Error('not a 64-bit little-endian ELF file');
  const segments = readSegments(bytes);
  const toOffset = (address) => {
    const segment = segments.find((s) => s.type === 1 && address >= s.address && address < s.address + s.fileSize);
    if (!segment) throw new Error(`address 0x${address.toString(16)} lies in no segment`);
    return Number(address - segment.address + segment.offset);
  };
  const dynamic = readDynamic(bytes, segments);
  const value = (tag) => dynamic.find((entry) => entry.tag === tag)?.value;
  const strings = toOffset(value(TAG.STRTAB));
  const text = (offset) => bytes.toString('latin1', strings + offset, bytes.indexOf(0, strings + offset));
  const flags = Number(value(TAG.FLAGS) ?? 0n);
  const flags1 = Number(value(TAG.FLAGS_1) ?? 0n);
  return {
    machine: MACHINES[bytes.readUInt16LE(18)] ?? 'unknown',
    needed: dynamic.filter((entry) => entry.tag === TAG.NEEDED).map((entry) => text(Number(entry.value))),
    runPath: [TAG.RPATH, TAG.RUNPATH].some((tag) => value(tag) !== undefined),
    bindNow: (flags & 8) !== 0 || (flags1 & 1) !== 0,
    noDelete: (flags1 & 8) !== 0,
    relro: segments.some((s) => s.type === 0x6474e552),
    executableStack: segments.some((s) => s.type === 0x6474e551 && (s.flags & 1) !== 0),
    buildId: hasBuildId(bytes, segments),
    versions: readVersions(bytes, value, toOffset, text),
    symbols: readSymbols(bytes, text),
  };
}

function readSegments(bytes) {
  const start = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at),
      flags: bytes.readUInt32LE(at + 4),
      offset: bytes.readBigUInt64LE(at + 8),
      address: bytes.readBigUInt64LE(at + 16),
      fileSize: bytes.readBigUInt64LE(at + 32),
    };
  });
}

function readDynamic(bytes, segments) {
  const segment = segments.find((s) => s.type === TYPE_DYNAMIC);
  if (!segment) throw new Error('no dynamic section: not a shared object');
  const entries = [];
  for (let at = Number(segment.offset); ; at += 16) {
    const tag = bytes.readBigUInt64LE(at);
    if (tag === 0n) return entries;
    entries.push({ tag, value: bytes.readBigUInt64LE(at + 8) });
  }
}

function hasBuildId(bytes, segments) {
  return segments
    .filter((s) => s.type === 4)
    .some((s) => {
      const at = Number(s.offset);
      return bytes.readUInt32LE(at + 8) === 3 && bytes.toString('latin1', at + 12, at + 15) === 'GNU';
    });
}

/** Versions that other libraries must offer, such as GLIBC_2.14. */
function readVersions(bytes, value, toOffset, text) {
  const names = [];
  const count = Number(value(TAG_VERNEEDNUM) ?? 0n);
  if (count === 0) return names;
  let need = toOffset(value(TAG_VERNEED));
  for (let index = 0; index < count; index++) {
    let entry = need + bytes.readUInt32LE(need + 8);
    for (let left = bytes.readUInt16LE(need + 2); left > 0; left--) {
      names.push(text(bytes.readUInt32LE(entry + 8)));
      entry += bytes.readUInt32LE(entry + 12);
    }
    need += bytes.readUInt32LE(need + 12);
  }
  return names.sort();
}

function readSymbols(bytes, text) {
  const sections = Number(bytes.readBigUInt64LE(40));
  const size = bytes.readUInt16LE(58);
  for (let index = 0; index < bytes.readUInt16LE(60); index++) {
    const at = sections + index * size;
    if (bytes.readUInt32LE(at + 4) !== SECTION_DYNSYM) continue;
    const start = Number(bytes.readBigUInt64LE(at + 24));
    const count = Number(bytes.readBigUInt64LE(at + 32)) / 24;
    return Array.from({ length: count - 1 }, (_, i) => {
      const entry = start + (i + 1) * 24;
      return { name: text(bytes.readUInt32LE(entry)), defined: bytes.readUInt16LE(entry + 6) !== 0 };
    }).filter((symbol) => symbol.name !== '');
  }
  return [];
}
