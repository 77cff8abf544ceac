// Words of the table: what a call under a fault must do.

/** It throws this, with the system call and the errno that failed. */
export const error = (code, syscall, errno) => ({ code, syscall, errno });
/** It works, with these facts in its value where it has any. */
export const ok = (value) => ({ value });
/** A region is made all the same, and says what it did without: [wanted, code, errno] each. */
export const fell = (fallbacks, got, protection) => ({ fallbacks, got, protection });
/** A region is made with everything that was asked for. */
export const full = (got) => ({ fallbacks: [], got });

const MMAP = { private: 'arg2=3,arg3=0x22', inside: 'arg2=3,arg3=0x32', reserve: 'arg2=0,arg3=0x4022' };
const OBJECT = 'arg2=3,arg3&0x2f=';

/** Which of the mmap calls of native/platform: by protection and flags. */
export const mmap = {
  ...MMAP,
  tombstone: 'arg2=3,arg3=0x4032',
  sharedObject: `${OBJECT}1`,
  privateObject: `${OBJECT}2`,
  huge: 'arg3&0x40000=0x40000',
};

/** Fails from the start. */
export const deny = (...rules) => rules.flatMap((rule) => ['--deny', rule]);
/** Fails during the call only. */
export const during = (...rules) => rules.flatMap((rule) => ['--deny', `${rule}:armed`]);
