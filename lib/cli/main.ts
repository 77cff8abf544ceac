#!/usr/bin/env node
import { PROGRAM } from './commands';
import { run } from './run';

// The reader of a pipe may have enough (`| head`): that is no failure and no message.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`${PROGRAM}: cannot write: ${error.message}\n`);
  process.exit(1);
});
process.stderr.on('error', () => {});

// SIGINT keeps its default: it ends the process even while a pipe blocks it, and shells report 130.
process.exitCode = run(process.argv.slice(2), process);
