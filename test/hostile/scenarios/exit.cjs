// Ways for a process to end, and signals, with regions alive.
'use strict';

const { spawnSync } = require('node:child_process');
const { writeSync } = require('node:fs');
const { join } = require('node:path');
const { lib, codeOf, folder, report, until, worker, message, ended, PAGE, MIB } = require('../tools.cjs');

/** Regions of every kind, with views, pins, escaped bytes and work in flight. */
function everything() {
  const { Region } = lib();
  const file = Region.mapFile(join(folder(), 'file'), { mode: 'shared', create: true, length: 8 * MIB });
  file.bytes.fill(1);
  const kept = [
    Region.map(MIB),
    Region.map(MIB, { carrier: 'shared' }),
    Region.map(PAGE, { guard: true }),
    Region.shared(MIB),
    Region.secret(PAGE),
    Region.mapFile(process.execPath, { length: MIB }),
    file,
  ];
  for (const region of kept) region.bytes[0] = 1;
  kept[0].pin();
  kept[1].protect('read');
  const freed = Region.map(MIB);
  const view = freed.bytes;
  freed.free();
  const escaped = 'transfer' in ArrayBuffer.prototype ? kept[0].buffer.transfer() : null;
  const flushing = file.flushAsync();
  globalThis.kept = { kept, view, escaped, flushing };
  return kept;
}

exports.naturalEnd = () => {
  everything();
  return 'ended';
};
exports.processExit = () => {
  everything();
  report('ended');
  process.exit(7);
};
exports.exitInHandler = () => {
  const kept = everything();
  process.on('exit', () => {
    for (const region of kept) codeOf(() => region.free());
    report('ended');
  });
};
exports.exitInsideUse = () => {
  const [, , region] = everything();
  region.use(() => {
    report('ended');
    process.exit(0);
  });
};
exports.uncaught = () => {
  everything();
  report('ended');
  setTimeout(() => {
    throw new Error('uncaught');
  }, 1);
};
exports.rejection = () => {
  everything();
  report('ended');
  void Promise.reject(new Error('nobody listens'));
};
exports.killed = () => {
  everything();
  report('ended');
  process.kill(process.pid, 'SIGKILL');
};
exports.terminated = () => {
  everything();
  report('ended');
  process.kill(process.pid, 'SIGTERM');
  setInterval(() => {}, 1000);
};
exports.interrupted = () => {
  const kept = everything();
  process.on('SIGINT', () => {
    for (const region of kept.slice(1, -1)) region.free(); // the first is pinned, the last is being written back
    report('ended');
    process.exit(0);
  });
  setTimeout(() => process.kill(process.pid, 'SIGINT'), 5);
  setInterval(() => {}, 1000);
};
exports.aborted = () => {
  everything();
  report('ended');
  process.abort();
};
exports.emptiedLoop = () => {
  everything();
  let turns = 0;
  process.on('beforeExit', () => {
    turns += 1;
    if (turns < 3) setImmediate(() => {});
    else if (turns === 3) report('ended');
  });
};
exports.exitWithWorkers = async () => {
  everything();
  const { Region } = lib();
  const shared = Region.shared(PAGE);
  const workers = [1, 2, 3].map(() =>
    worker(({ Region, parentPort, data }) => {
      const mine = Region.attach(data);
      const own = Region.map(1 << 20);
      own.bytes.fill(1);
      parentPort.postMessage('ready');
      for (;;) mine.bytes[0] += own.bytes[5];
    }, shared.handle),
  );
  await Promise.all(workers.map((w) => message(w)));
  report('ended');
  process.exit(0);
};
exports.exitFromWorker = async () => {
  everything();
  const w = worker(({ Region }) => {
    const file = Region.shared(1 << 20);
    file.bytes.fill(1);
    process.on('exit', () => file.free());
    process.exit(3);
  });
  return { code: await ended(w) };
};

// ---- signals ------------------------------------------------------------------------------------------------------

exports.otherHandlersStay = async () => {
  const seen = [];
  for (const signal of ['SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGIO']) process.on(signal, () => seen.push(signal));
  everything();
  for (const signal of ['SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGIO']) process.kill(process.pid, signal);
  await until(() => seen.length >= 4);
  return { seen: seen.sort() };
};

exports.busErrorFromOutside = () => {
  everything();
  report('ended');
  process.kill(process.pid, 'SIGBUS');
  setInterval(() => {}, 1000);
};

exports.segmentationFaultFromOutside = () => {
  everything();
  report('ended');
  process.kill(process.pid, 'SIGSEGV');
  setInterval(() => {}, 1000);
};

/** WebAssembly's bounds checks are a handler of SIGSEGV. */
exports.webAssemblyTraps = () => {
  everything();
  const bytes = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 102, 0, 0, 10, 9,
    1, 7, 0, 32, 0, 40, 2, 0, 11,
  ]);
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  let trapped = 0;
  for (let i = 0; i < 1000; i++) {
    try {
      f(0x7fffffff - i);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) trapped += 1;
    }
  }
  return { inside: f(0), trapped };
};

/** A handler in JavaScript cannot run where the fault is; the guard must still repair it. */
exports.handlerInJavaScript = async () => {
  const { truncateSync, writeFileSync } = require('node:fs');
  const { Region } = lib();
  let seen = 0;
  process.on('SIGBUS', () => {
    seen += 1;
  });
  const path = join(folder(), 'file');
  writeFileSync(path, Buffer.alloc(MIB, 1));
  const region = Region.mapFile(path, { mode: 'shared' });
  const { bytes } = region;
  truncateSync(path, 0);
  const total = bytes[0] + bytes[MIB - 1];
  process.kill(process.pid, 'SIGBUS');
  await until(() => seen > 0);
  return { total, seen, faults: region.faults > 0 };
};

/** A handler that came later takes the guard's place until the next region is made. */
exports.handlerInJavaScriptLater = () => {
  const { truncateSync, writeFileSync } = require('node:fs');
  const { Region } = lib();
  Region.map(PAGE);
  process.on('SIGBUS', () => {});
  const path = join(folder(), 'file');
  writeFileSync(path, Buffer.alloc(MIB, 1));
  const region = Region.mapFile(path, { mode: 'shared' });
  const { bytes } = region;
  truncateSync(path, 0);
  return { total: bytes[0] + bytes[MIB - 1], faults: region.faults > 0 };
};

exports.stackOverflow = () => {
  everything();
  const dive = (n) => dive(n + 1) + 1;
  try {
    dive(0);
  } catch (error) {
    return { name: error.name, free: codeOf(() => lib().Region.map(PAGE).free()) };
  }
};

/** Options that switch the addon off, or the engine's ways around. */
exports.flags = () => {
  const source = `const { Region, isMemoryError } = require(${JSON.stringify(join(__dirname, '..', 'tools.cjs'))}).lib();
    try { const r = Region.map(4096, { carrier: 'shared' }); r.bytes[0] = 1; const v = r.bytes; r.free(); console.log(v[0]); } catch (e) { console.log(isMemoryError(e) && e.code); }`;
  const found = {};
  for (const flag of [
    '--jitless',
    '--no-addons',
    '--frozen-intrinsics',
    '--disable-proto=throw',
    '--max-lazy',
    '--single-threaded',
    '--zero-fill-buffers',
    '--stress-compaction',
  ]) {
    const child = spawnSync(process.execPath, ['--no-warnings', flag, '-e', source], { encoding: 'utf8' });
    found[flag] = [child.stdout.trim(), child.status, child.signal];
  }
  return found;
};

exports.outputClosed = () => {
  everything();
  writeSync(2, '');
  report('ended');
  process.stdout.destroy();
};
