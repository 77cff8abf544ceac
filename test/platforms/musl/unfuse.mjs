// `node unfuse.mjs PROGRAM COPY`: copies a single-executable application of Node.js with its fuse unset, so that the
// copy is a plain Node.js again.
import { readFileSync, writeFileSync } from 'node:fs';

const [program, copy] = process.argv.slice(2);
const bytes = readFileSync(program);
const fuse = Buffer.from('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1');
const at = bytes.indexOf(fuse);
if (at < 0 || bytes.indexOf(fuse, at + 1) >= 0) throw new Error(`${program} has not exactly one fuse that is set`);
bytes[at + fuse.length - 1] = 0x30;
writeFileSync(copy, bytes, { mode: 0o755 });
