// A program of 200 bytes, made here because a compiler need not be present: `power-off N` writes N to the port of QEMU's
// isa-debug-exit device, and QEMU ends with the status 2 N + 1. (Debian's cloud kernel has no /dev/port.)

const CODE = [
  [0x48, 0x8b, 0x74, 0x24, 0x10], // mov rsi, [rsp+16]    argv[1]
  [0x31, 0xdb], // xor ebx, ebx
  [0x0f, 0xb6, 0x06], // again: movzx eax, byte [rsi]
  [0x84, 0xc0], // test al, al
  [0x74, 0x0d], // jz done
  [0x6b, 0xdb, 0x0a], // imul ebx, ebx, 10
  [0x83, 0xe8, 0x30], // sub eax, '0'
  [0x01, 0xc3], // add ebx, eax
  [0x48, 0xff, 0xc6], // inc rsi
  [0xeb, 0xec], // jmp again
  [0xb8, 0xad, 0, 0, 0], // done: mov eax, 173         ioperm(0xf4, 4, 1)
  [0xbf, 0xf4, 0, 0, 0], // mov edi, 0xf4
  [0xbe, 0x04, 0, 0, 0], // mov esi, 4
  [0xba, 0x01, 0, 0, 0], // mov edx, 1
  [0x0f, 0x05], // syscall
  [0x66, 0xba, 0xf4, 0x00], // mov dx, 0xf4
  [0x88, 0xd8], // mov al, bl
  [0xee], // out dx, al
  [0xb8, 0x3c, 0, 0, 0], // mov eax, 60                exit(1)
  [0xbf, 0x01, 0, 0, 0], // mov edi, 1
  [0x0f, 0x05], // syscall
].flat();

const BASE = 0x400000n;
const HEAD_BYTES = 64 + 56;

export function powerOffProgram() {
  const total = HEAD_BYTES + CODE.length;
  const out = Buffer.alloc(total);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(out); // ELF, 64 bits, little-endian
  out.writeUInt16LE(2, 16); // an executable
  out.writeUInt16LE(62, 18); // x86-64
  out.writeUInt32LE(1, 20);
  out.writeBigUInt64LE(BASE + BigInt(HEAD_BYTES), 24); // entry
  out.writeBigUInt64LE(64n, 32); // program headers
  out.writeUInt16LE(64, 52);
  out.writeUInt16LE(56, 54);
  out.writeUInt16LE(1, 56);
  out.writeUInt32LE(1, 64); // load
  out.writeUInt32LE(5, 68); // read, execute
  out.writeBigUInt64LE(BASE, 80);
  out.writeBigUInt64LE(BASE, 88);
  out.writeBigUInt64LE(BigInt(total), 96);
  out.writeBigUInt64LE(BigInt(total), 104);
  out.writeBigUInt64LE(0x1000n, 112);
  Buffer.from(CODE).copy(out, HEAD_BYTES);
  return out;
}
