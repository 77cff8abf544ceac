import { diffLeaks, type LeakReport, parseLeakReport } from '../../tracking';
import type { Arguments } from '../args';
import { nameOfFile, readUserFile } from '../files';
import { readHost } from '../host';
import { toReport } from '../json';
import { type Surroundings, viewOf } from '../output';
import { openMachine } from '../sysroot';
import type { Unknown } from '../unknown';
import { type ComparedLeaks, OMISSIONS_FIX, omissionsOf, renderLeakDiff } from './render';

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

/** What `leaks({ top })` left out cannot be compared. */
function explainOmissions(before: LeakReport, after: LeakReport): Unknown[] {
  const reason = omissionsOf(before, after);
  return reason === null ? [] : [{ field: 'changes', reason, fix: OMISSIONS_FIX }];
}

function leaksJson({ before, after, diff }: ComparedLeaks): string {
  const side = ({ name, level, sampleInterval, liveAllocations, liveBytes }: typeof before) => {
    return { name, level, sampleInterval, liveAllocations, liveBytes };
  };
  return toReport(
    readHost(openMachine(null, 'leaks')),
    explainOmissions(before, after),
    { before: side(before), after: side(after), ...diff },
    new Date(),
  );
}
