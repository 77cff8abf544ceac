import type { Capability } from '../../platform';
import { type Check, fail, info, ok, type Verdict, warn } from './finding';

const EPERM = 1;

/** Checks of what this package itself can do in this process. */
export const FEATURE_CHECKS: readonly Check[] = [
  {
    id: 'native',
    title: 'Native part',
    run({ here }) {
      if (here === null) return null;
      const { nativeFailure } = here;
      return nativeFailure === null ? ok('loads') : fail(nativeFailure.reason, nativeFailure.fix);
    },
  },
  {
    id: 'numa',
    title: 'NUMA placement',
    run({ here, topology }) {
      const policy = here?.capabilities?.numaPolicy;
      if (policy === undefined) return null;
      const nodes = topology.onlineNodes.length;
      if (policy.available)
        return ok(nodes === 1 ? 'works; one node, so it changes nothing' : `works on ${nodes} nodes`);
      const blocked =
        policy.errno === EPERM ? 'blocked, most likely by the seccomp filter of the container' : policy.reason;
      const fix =
        policy.errno === EPERM
          ? 'docker run --cap-add SYS_NICE (Kubernetes: capabilities: add: [SYS_NICE])'
          : policy.fix || null;
      return nodes > 1
        ? warn(`${blocked}; ${nodes} nodes cannot be chosen from`, fix)
        : info(`${blocked}; there is one node only`, fix);
    },
  },
  {
    id: 'numa-allowed',
    title: 'Nodes this process may use',
    run({ topology: { onlineNodes, allowedNodes } }) {
      if (onlineNodes.length < 2) return ok('the only one');
      const evidence = `${allowedNodes.length} of ${onlineNodes.length} nodes`;
      return allowedNodes.length < onlineNodes.length
        ? info(`${evidence}: a cpuset keeps it from the others`)
        : ok(evidence);
    },
  },
  {
    id: 'shared-carrier',
    title: 'Shared carrier',
    run: ({ here }) => optional(here?.capabilities?.sharedCarrier),
  },
  {
    id: 'memfd-secret',
    title: 'Secret memory (memfd_secret)',
    run: ({ here }) => optional(here?.capabilities?.memfdSecret),
  },
];

/** A feature that few need: missing is worth a word, not a warning. */
function optional(capability: Capability | undefined): Verdict | null {
  if (capability === undefined) return null;
  const { available, reason, fix } = capability;
  return available ? ok(reason) : info(reason, fix || null);
}
