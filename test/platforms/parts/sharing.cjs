// Region.shared: with workers, by name, with other processes.
const { constants } = require('node:os');

const KIB = 1024;

module.exports = {
  async 'one memory in a worker, by handle'(tools) {
    const { assert, Region } = tools;
    for (const region of [Region.shared('64KiB'), Region.map('64KiB', { carrier: 'shared' })]) {
      region.bytes[0] = 11;
      const work = (nebula, handle, post) => {
        const mine = nebula.Region.attach(handle);
        const seen = [mine.bytes[0], mine.byteLength];
        mine.bytes[1] = 22;
        mine.free();
        post(seen);
      };
      assert.deepEqual(await tools.inWorker(work, region.handle), [11, 64 * KIB]);
      assert.equal(region.bytes[1], 22);
      const { handle } = region;
      region.free();
      assert.equal(
        tools.codeOf(() => Region.attach(handle)),
        'ERR_MEMORY_STALE_HANDLE',
      );
    }
  },

  async 'the last holder decides, in whichever order'(tools) {
    const { assert, Region } = tools;
    const region = Region.shared('64KiB');
    region.bytes[0] = 5;
    const running = tools.worker((nebula, handle, post) => {
      const mine = nebula.Region.attach(handle);
      post('attached');
      require('node:worker_threads').parentPort.once('message', () => {
        post([mine.bytes[0], mine.bytes.length]);
        mine.free();
      });
    }, region.handle);
    assert.equal(await running.next(), 'attached');
    region.free();
    const answer = running.next();
    running.worker.postMessage('go');
    assert.deepEqual(await answer, [5, 64 * KIB]);
    await running.exited;
  },

  async 'wait() and notify() between threads'(tools) {
    const { assert, Region } = tools;
    const region = Region.shared('64KiB');
    assert.equal(region.wait(0, 1, { timeout: 10 }), 'not-equal');
    assert.equal(region.wait(0, 0, { timeout: 10 }), 'timed-out');
    const work = (nebula, handle, post) => {
      const mine = nebula.Region.attach(handle);
      const cell = new Int32Array(mine.buffer);
      const outcomes = [];
      for (let round = 0; round < 20; round++) {
        while (Atomics.load(cell, 0) === round) outcomes.push(mine.wait(0, round, { timeout: '2min' }));
        Atomics.store(cell, 1, round + 1);
        mine.notify(4);
      }
      mine.free();
      post(outcomes.filter((outcome) => outcome === 'timed-out').length);
    };
    const running = tools.worker(work, region.handle);
    const answer = running.next();
    const cell = new Int32Array(region.buffer);
    for (let round = 0; round < 20; round++) {
      Atomics.store(cell, 0, round + 1);
      region.notify(0);
      while (Atomics.load(cell, 1) === round) assert.notEqual(region.wait(4, round, { timeout: '2min' }), 'timed-out');
    }
    assert.equal(await answer, 0);
    await running.exited;
    region.free();
  },

  'by name: found, taken, gone'(tools) {
    const { assert, Region, windows, notes } = tools;
    const name = `nebula-check-${process.pid}-${Date.now()}`;
    const region = Region.shared(5000, { name });
    region.bytes[0] = 55;
    const second = Region.open(name);
    assert.deepEqual([second.name, second.kind, second.bytes[0]], [name, 'shared', 55]);
    notes.openedBytes = second.byteLength;
    second.bytes[1] = 66;
    assert.equal(region.bytes[1], 66);
    const taken = tools.thrown(() => Region.shared(4096, { name }));
    assert.deepEqual([taken.code, taken.errno], ['ERR_MEMORY_SYSCALL', constants.errno.EEXIST]);
    const other = (nebula, text) => {
      const mine = nebula.Region.open(text);
      const seen = mine.bytes[0];
      mine.bytes[2] = 77;
      mine.free();
      return seen;
    };
    assert.equal(tools.inProcess(other, name), 55);
    assert.equal(region.bytes[2], 77);
    assert.equal(
      tools.codeOf(() => Region.unlink(name)),
      windows ? 'ERR_MEMORY_UNSUPPORTED' : 'none',
    );
    second.free();
    region.free();
  },

  'a name that nobody made'(tools) {
    const { assert, Region } = tools;
    const { code, errno } = tools.thrown(() => Region.open(`nebula-nobody-${process.pid}`));
    assert.deepEqual([code, errno], ['ERR_MEMORY_SYSCALL', constants.errno.ENOENT]);
  },

  'by handle in another process'(tools) {
    const { assert, Region } = tools;
    const region = Region.shared(5000);
    region.bytes[0] = 33;
    const other = (nebula, handle) => {
      const mine = nebula.Region.attach(handle);
      const seen = [mine.bytes[0], mine.kind, mine.byteLength];
      mine.bytes[1] = 44;
      mine.free();
      return seen;
    };
    assert.deepEqual(tools.inProcess(other, region.handle), [33, 'shared', 5000]);
    assert.equal(region.bytes[1], 44);
    region.free();
  },

  'remap(), protect() and decommit() of shared memory'(tools) {
    const { assert, Region, notes, emulated, windows } = tools;
    const region = Region.shared('64KiB');
    region.bytes[7] = 7;
    notes.sharedGrow = tools.codeOf(() => region.remap('256KiB'));
    notes.sharedShrink = tools.codeOf(() => region.remap('32KiB'));
    notes.sharedProtect = tools.codeOf(() => region.protect('read'));
    const copy = new Uint8Array(1);
    region.read(7, copy);
    assert.equal(copy[0], 7);
    if (notes.sharedProtect === 'none') region.protect('readwrite');
    notes.sharedDecommit = tools.codeOf(() => region.decommit());
    const ignored = emulated && !windows; // the emulator says yes to any advice
    if (!ignored) assert.equal(region.bytes[7], notes.sharedDecommit === 'none' ? 0 : 7);
    region.free();
  },

  'a local region belongs to its thread'(tools) {
    const { assert, Region, codeOf } = tools;
    const region = Region.map(4096);
    assert.equal(
      codeOf(() => region.handle),
      'ERR_MEMORY_INVALID_STATE',
    );
    assert.equal(
      codeOf(() => region.wait(0, 0)),
      'ERR_MEMORY_INVALID_STATE',
    );
    region.free();
  },
};
