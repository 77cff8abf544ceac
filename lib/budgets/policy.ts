import { describe, memoryError } from '../core';

/** What a policy is told of a child that wants more. All in bytes. */
export interface PolicyRequest {
  readonly limitBytes: number;
  /** What all children hold and the parent itself uses. */
  readonly usedBytes: number;
  /** Children that hold or use anything, the asking one included. */
  readonly activeChildren: number;
  readonly child: {
    readonly name: string;
    readonly priority: number;
    readonly heldBytes: number;
    readonly guaranteedBytes: number;
  };
  /** What the child wants to hold afterwards. */
  readonly wantedBytes: number;
}

/** How a parent shares its limit among its children. */
export interface BudgetPolicy {
  readonly name: string;
  /** How much the child may hold in all: less than `wantedBytes` refuses. Must not reserve or release. */
  allowance(request: PolicyRequest): number;
}

/** First come, first served. */
const GREEDY: BudgetPolicy = Object.freeze({ name: 'greedy', allowance: () => Number.POSITIVE_INFINITY });

/** Each active child may hold an equal share; who is idle takes nothing from the others. A guarantee is always met. */
const FAIR_SHARE: BudgetPolicy = Object.freeze({
  name: 'fairShare',
  allowance: ({ limitBytes, activeChildren, child }: PolicyRequest) =>
    Math.max(child.guaranteedBytes, Math.floor(limitBytes / Math.max(1, activeChildren))),
});

/** Use of the limit from which only important children may grow, as a ratio, and how important they must be. */
const CROWDED_RATIO = 0.8;
const IMPORTANT = 50;

/** While more than 80 % is taken, only children of priority 50 or more may grow past their guarantee. */
const PRIORITY: BudgetPolicy = Object.freeze({
  name: 'priority',
  allowance: ({ limitBytes, usedBytes, child, wantedBytes }: PolicyRequest) => {
    const after = usedBytes + wantedBytes - child.heldBytes;
    return child.priority >= IMPORTANT || after <= limitBytes * CROWDED_RATIO
      ? Number.POSITIVE_INFINITY
      : child.guaranteedBytes;
  },
});

const NAMED = { greedy: GREEDY, fairShare: FAIR_SHARE, priority: PRIORITY } as const;

export type PolicyName = keyof typeof NAMED;

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function policyOf(where: string, policy: PolicyName | BudgetPolicy): BudgetPolicy {
  if (typeof policy === 'string' && Object.hasOwn(NAMED, policy)) return NAMED[policy];
  if (typeof policy === 'object' && typeof policy?.allowance === 'function') return policy;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: policy must be ${Object.keys(NAMED).join(', ')} or { name, allowance }, got ${describe(policy)}`,
  );
}

/** What a policy answered, in whole bytes. @throws ERR_MEMORY_INVALID_ARGUMENT for what is no number */
export function checkAllowance(policy: string, path: string, answer: unknown): number {
  if (typeof answer === 'number' && !Number.isNaN(answer)) return Math.floor(answer);
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `policy '${policy}' of budget '${path}': allowance must return a number, got ${describe(answer)}`,
    { source: path },
  );
}
