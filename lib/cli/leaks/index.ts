import { diffLeaks, parseLeakReport } from '../../tracking';
import type { Arguments } from '../args';
import { nameOfFile, readUserFile } from '../files';
import { readHost } from '../host';
import { toReport } from '../json';
import { type Surroundings, viewOf } from '../output';
import { openMachine } from '../sysroot';
import { type ComparedLeaks, renderLeakDiff } from './render';

const EXIT_GROWN = 3;

/** `nebula-memory leaks diff BEFORE AFTER`. @returns the exit code: 3 when a place holds more than before */
export function leaks(args: Arguments, around: Surroundings): number {
  const [beforeFile = '', afterFile = ''] = args.files;
  const before = parseLeakReport(readUserFile(beforeFile, 'leaks'), nameOfFile(beforeFile));
  const after = parseLeakReport(readUserFile(afterFile, 'leaks'), nameOfFile(afterFile));
  const compared: ComparedLeaks = { before, after, diff: diffLeaks(before, after) };
  if (args.json) around.stdout.write(leaksJson(compared));
  else around.stdout.write(renderLeakDiff(compared, viewOf(args, around)));
  return compared.diff.grown > 0 ? EXIT_GROWN : 0;
}

function leaksJson({ before, after, diff }: ComparedLeaks): string {
  const side = ({ name, level, sampleInterval, liveAllocations, liveBytes }: typeof before) => {
    return { name, level, sampleInterval, liveAllocations, liveBytes };
  };
  return toReport(
    readHost(openMachine(null, 'leaks')),
    [],
    { before: side(before), after: side(after), ...diff },
    new Date(),
  );
}
