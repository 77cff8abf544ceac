// The calls that faults are tried on: prepare() while all is well, act() while the fault lasts, after() looks at what is
// left and returns a complaint or null.
'use strict';

module.exports = {
  ...require('./calls/making.cjs'),
  ...require('./calls/working.cjs'),
  ...require('./calls/ending.cjs'),
};
