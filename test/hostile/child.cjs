// Runs one scenario: node child.cjs FILE NAME. Prints its result as one line of JSON.
'use strict';

const { join } = require('node:path');
const { report } = require('./tools.cjs');

const [file, name] = process.argv.slice(2);
const scenario = require(join(__dirname, 'scenarios', `${file}.cjs`))[name];
Promise.resolve()
  .then(() => scenario())
  .then((result) => {
    if (result !== undefined) report(result);
  });
