import { type Arguments, readArguments } from './args';
import { PROGRAM } from './commands';
import { explainError, UnsupportedError, UsageError } from './errors';
import { type Surroundings, viewOf } from './output';
import { packageVersion } from './version';

/** Runs one command line and returns its exit code: 0 done, 1 failed, 2 usage, 3 findings or differences, 4 unsupported here. */
export function run(argv: readonly string[], around: Surroundings): number {
  try {
    return dispatch(readArguments(argv), around);
  } catch (error) {
    return report(error, around);
  }
}

// Commands are required when they run: help and usage errors answer without reading the machine's code.
function dispatch(args: Arguments, around: Surroundings): number {
  const { command } = args;
  if (args.version) {
    around.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  if (args.help || command === null || command.name === 'help') {
    const { renderHelp } = require('./help') as typeof import('./help');
    const topic = command?.name === 'help' ? args.topic : command;
    around.stdout.write(renderHelp(topic, viewOf(args, around)));
    return 0;
  }
  if (command.name === 'doctor') {
    const { doctor } = require('./doctor') as typeof import('./doctor');
    return doctor(args, around);
  }
  if (command.name === 'replay') {
    const { replay } = require('./replay') as typeof import('./replay');
    return replay(args, around);
  }
  if (command.name === 'leaks') {
    const { leaks } = require('./leaks') as typeof import('./leaks');
    return leaks(args, around);
  }
  if (command.name === 'config') {
    const { config } = require('./config') as typeof import('./config');
    return config(args, around);
  }
  const { probe } = require('./probe') as typeof import('./probe');
  return probe(args, around);
}

function report(error: unknown, { stderr }: Surroundings): number {
  if (error instanceof UsageError) {
    const command = error.command === undefined ? '' : ` ${error.command}`;
    stderr.write(`${PROGRAM}: ${error.message} Try '${PROGRAM}${command} --help'.\n`);
    return 2;
  }
  if (error instanceof UnsupportedError) {
    stderr.write(`${PROGRAM}: ${error.message}${error.fix === '' ? '' : `\n${error.fix}`}\n`);
    return 4;
  }
  const { reason, fix } = explainError(error);
  stderr.write(`${PROGRAM}: ${reason}${fix === null ? '' : `\n${fix}`}\n`);
  return 1;
}
