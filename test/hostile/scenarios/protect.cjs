// Protection, resizing and secrets, with views that stay behind.
'use strict';

const { lib, raw, codeOf, codesOf, kinds, settle, worker, message, sleep, folder, PAGE, MIB } = require('../tools.cjs');
const { join } = require('node:path');
const { writeFileSync } = require('node:fs');

/** Not some(): that throws on an emptied view. */
function anyByte(view) {
  for (let i = 0; i < view.length; i++) if (view[i] !== 0) return true;
  return false;
}

function regions() {
  const { Region } = lib();
  const path = join(folder(), 'file');
  writeFileSync(path, Buffer.alloc(8 * PAGE, 1));
  return {
    local: Region.map(4 * PAGE),
    shared: Region.map(4 * PAGE, { carrier: 'shared' }),
    guarded: Region.map(4 * PAGE, { guard: true }),
    memfd: Region.shared(4 * PAGE),
    copy: Region.mapFile(path, { length: 4 * PAGE }),
    file: Region.mapFile(path, { mode: 'shared', length: 4 * PAGE }),
    secret: Region.secret(4 * PAGE),
  };
}

const quiet = () => {
  const { memory } = lib();
  return settle(() => {
    memory.drainQuarantine({ all: true });
    const { retiredRanges, quarantinedRanges, mappedBytes } = memory.totals();
    return retiredRanges + quarantinedRanges + mappedBytes === 0;
  });
};

exports.cycles = async () => {
  const found = {};
  for (const [kind, region] of Object.entries(regions())) {
    const escaped = [];
    let kept = true;
    for (let i = 0; i < 20; i++) {
      region.bytes.fill(i + 1);
      escaped.push(region.bytes);
      region.protect(i % 2 === 0 ? 'read' : 'none');
      const out = new Uint8Array(4);
      if (i % 2 === 0) region.read(PAGE, out);
      if (i % 2 === 0 && out[3] !== i + 1) kept = false;
      region.protect('readwrite');
      if (region.bytes[0] !== i + 1 || region.bytes[4 * PAGE - 1] !== i + 1) kept = false;
    }
    const seen = escaped.some((view) => anyByte(view));
    for (const view of escaped) if (view.length > 0) view.fill(0xee);
    const intact = region.bytes.every((byte) => byte === 20);
    region.free();
    escaped.length = 0;
    found[kind] = [kept, seen, intact];
  }
  return { found, gone: await quiet() };
};

exports.forbidden = () => {
  const found = {};
  for (const [kind, region] of Object.entries(regions())) {
    const out = new Uint8Array(1);
    const calls = () =>
      codesOf([
        ['bytes', () => region.bytes],
        ['buffer', () => region.buffer],
        ['window', () => region.window(0, 1)],
        ['write', () => region.write(0, out)],
        ['zero', () => region.zero()],
        ['populate', () => region.populate()],
        ['use', () => region.use(() => 1)],
        ['remap', () => region.remap(PAGE)],
      ]);
    region.protect('read');
    const reading = [...kinds(calls()), codeOf(() => region.read(0, out))];
    region.protect('none');
    const none = [...kinds(calls()), codeOf(() => region.read(0, out))];
    found[kind] = [...new Set([...reading, ...none])].sort();
    found[kind].push(codeOf(() => region.free()));
  }
  return found;
};

exports.words = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  const codes = codesOf(
    ['write', 'exec', '', null, undefined, 2, {}, ['read']].map((word) => [String(word), () => region.protect(word)]),
  );
  return { kinds: kinds(codes), access: region.access, byte: region.bytes[0] };
};

exports.remapped = async () => {
  const found = {};
  for (const [kind, region] of Object.entries(regions())) {
    const escaped = [];
    const codes = new Set();
    let kept = true;
    let pages = 4;
    region.bytes[5] = 77;
    for (const next of [6, 1, 8, 3, 3, 16, 2]) {
      const view = region.bytes;
      const code = codeOf(() => region.remap(next * PAGE));
      codes.add(code);
      if (code === 'none') {
        escaped.push(view);
        pages = next;
      }
      if (region.bytes[5] !== 77 || region.byteLength !== pages * PAGE || region.bytes.length !== pages * PAGE)
        kept = false;
      region.bytes[pages * PAGE - 1] = 1;
    }
    const seen = escaped.some((view) => anyByte(view));
    for (const view of escaped) if (view.length > 0) view.fill(0xee);
    if (region.bytes[5] !== 77) kept = false;
    codes.add(codeOf(() => region.free()));
    escaped.length = 0;
    found[kind] = [kept, seen, ...[...codes].sort()];
  }
  return { found, gone: await quiet() };
};

exports.remapRefused = () => {
  const { Region } = lib();
  const locked = Region.map(PAGE, { lock: true });
  const pinned = Region.map(PAGE);
  pinned.pin();
  const huge = Region.map(PAGE);
  huge.bytes[0] = 6;
  const codes = codesOf([
    ['locked', () => locked.remap(2 * PAGE)],
    ['pinned', () => pinned.remap(2 * PAGE)],
    ['huge', () => huge.remap(2 ** 50)],
    ['largest', () => huge.remap(2 ** 53 - 1)],
    ['shared', () => Region.shared(PAGE).remap(2 ** 53 - 1)],
    ['inUse', () => huge.use(() => huge.remap(2 * PAGE))],
  ]);
  return { codes, byte: huge.bytes[0], length: huge.byteLength };
};

exports.remappedUnderWorker = async () => {
  const { Region } = lib();
  const region = Region.map(MIB, { carrier: 'shared' });
  const flag = new Int32Array(new SharedArrayBuffer(4));
  region.bytes.fill(1);
  const w = worker(
    ({ parentPort, data }) => {
      parentPort.postMessage('reading');
      let wrong = 0;
      while (Atomics.load(data.flag, 0) === 0)
        for (let i = 0; i < data.bytes.length; i += 64) if (data.bytes[i] > 1) wrong += 1;
      parentPort.postMessage(wrong);
    },
    { bytes: region.bytes, flag },
  );
  await message(w);
  for (let i = 0; i < 40; i++) {
    region.remap(i % 2 === 0 ? 2 * MIB : MIB);
    region.bytes.fill(9);
    if (i % 4 === 0) region.protect('read');
    region.protect('readwrite');
    await sleep(1);
  }
  Atomics.store(flag, 0, 1);
  const wrong = await message(w);
  region.free();
  return { wrong };
};

exports.secrets = () => {
  const { Region } = lib();
  const region = Region.secret(100);
  const { bytes } = region;
  bytes.fill(9);
  const { protection } = region;
  const codes = codesOf([
    ['handle', () => region.handle],
    ['remap', () => region.remap(PAGE)],
    ['wait', () => region.wait(0, 0)],
    ['flush', () => region.flush()],
    ['past', () => region.window(90, 11)],
    ['decommit', () => region.decommit()],
    ['none', () => region.protect('none')],
    ['hidden', () => region.bytes],
    ['back', () => region.protect('readwrite')],
    ['free', () => region.free()],
    ['twice', () => region.free()],
  ]);
  return { codes, stale: bytes.length, guarded: protection.guardPages && protection.canary && protection.zeroedOnFree };
};

/** Native code that writes past the bytes, as another addon would: through a store over the whole page. */
exports.secretsOverrun = () => {
  const { Region, memory } = lib();
  const region = Region.secret(PAGE - 64);
  const native = raw();
  const holder = native.mapSecret(PAGE - 64);
  const inside = native.localBuffer(holder, 0, PAGE - 64);
  const outside = native.localBuffer(holder, 0, PAGE);
  new Uint8Array(inside).fill(1);
  const refused = typeof outside.failed === 'number';
  native.release(holder, true, false, false);
  region.bytes.fill(255);
  region.free();
  return { refused, regions: memory.totals().regions };
};

exports.secretsEscaped = () => {
  const { Region } = lib();
  const region = Region.secret(PAGE);
  region.bytes.fill(0x5a);
  const { bytes } = region;
  const escaped = 'transfer' in ArrayBuffer.prototype ? new Uint8Array(region.buffer.transfer()) : bytes;
  region.free();
  return { left: anyByte(escaped), stale: bytes.length };
};

exports.adviceOfEveryKind = () => {
  const { Region } = lib();
  const words = [
    'normal',
    'random',
    'sequential',
    'willneed',
    'dontneed',
    'free',
    'cold',
    'pageout',
    'hugepage',
    'nohugepage',
    'collapse',
    'dodump',
    'dontdump',
    'dofork',
    'dontfork',
    'wipeonfork',
    'keeponfork',
    'mergeable',
    'unmergeable',
    'populate_read',
    'populate_write',
  ];
  const odd = [];
  for (const [kind, region] of Object.entries(regions())) {
    for (const word of words) {
      const code = codeOf(() => region.advise(word));
      if (code.startsWith('foreign')) odd.push(`${kind} ${word} ${code}`);
      region.bytes.fill(1); // every page can still be written
    }
    region.free();
  }
  const wrong = codesOf(
    ['remove', 'hwpoison', '', 'DONTNEED', null, 4].map((word) => [String(word), () => Region.map(PAGE).advise(word)]),
  );
  return { odd, wrong: kinds(wrong) };
};
