import type { Arguments } from '../args';
import { toReport } from '../json';
import { type Surroundings, viewOf } from '../output';
import { size } from '../render/view';
import { openMachine } from '../sysroot';
import { diagnose, failsOn } from './checks';
import { gatherFacts } from './facts';
import { renderDoctor } from './render';

const EXIT_FINDINGS = 3;

/** `nebula-memory doctor`. @returns the exit code: 3 when a finding is as bad as --fail-on */
export function doctor(args: Arguments, around: Surroundings): number {
  const facts = gatherFacts(openMachine(args.sysroot, 'doctor'));
  const view = viewOf(args, around);
  const diagnosis = diagnose(facts, (bytes) => size(view, bytes));
  if (args.json) {
    const { findings, skipped } = diagnosis;
    const counts = { ok: 0, info: 0, warn: 0, fail: 0 };
    for (const { status } of findings) counts[status]++;
    // A finding that needs no fix has an empty one: null would mean that it is not known.
    const list = findings.map((finding) => ({ ...finding, fix: finding.fix ?? '' }));
    const report = { failOn: args.failOn, counts, findings: list, skipped };
    around.stdout.write(toReport(facts.host, facts.degraded, report, new Date()));
  } else {
    around.stdout.write(renderDoctor(facts.host, diagnosis, view));
  }
  return failsOn(diagnosis, args.failOn) ? EXIT_FINDINGS : 0;
}
