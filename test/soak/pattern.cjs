// What blocks hold while they are held: bytes that tell whose they are. For the soak and its workers.
'use strict';

/** Above this size not every byte is written. */
const FULL = 8192;
const STRIDE = 61;

const stepOf = (view) => (view.length > FULL ? STRIDE : 1);

function fill(view, serial) {
  const step = stepOf(view);
  for (let i = 0; i < view.length; i += step) view[i] = (serial * 31 + i) & 0xff;
}

function expectFilled(view, serial, what) {
  const step = stepOf(view);
  for (let i = 0; i < view.length; i += step) {
    const due = (serial * 31 + i) & 0xff;
    if (view[i] !== due) throw new Error(`${what}: byte ${i} of block ${serial} is ${view[i]}, written was ${due}`);
  }
}

module.exports = { fill, expectFilled };
