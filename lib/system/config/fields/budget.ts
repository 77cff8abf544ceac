import { bytes, bytesOr, choice, durationOr, integer, ratio } from '../field';

const MADE_ONCE = 'a limit cannot move while reservations are out';

/** The root budget, its children, and what is asked of them. */
export const BUDGET = {
  limitBytes: bytesOr('container', 'container', {
    min: 1,
    help: 'Most bytes that the service may hold; container: what the control group leaves beside the V8 heap',
    restart: MADE_ONCE,
  }),
  headroomRatio: ratio(0.1, {
    max: 0.9,
    help: 'Share of the limit of the container that stays free; for limitBytes = container',
    restart: MADE_ONCE,
  }),
  policy: choice(['greedy', 'fairShare', 'priority'], 'greedy', {
    help: 'How the limit is shared among the children',
    restart: MADE_ONCE,
  }),
  quantumBytes: bytesOr('auto', 'auto', {
    min: 1,
    help: 'Step in which children get capacity; auto: a sixteenth of the limit, at most 1 MiB',
    restart: MADE_ONCE,
  }),
  childLimitBytes: bytesOr('none', 'none', {
    min: 1,
    help: 'Most bytes of one child: a tenant, an operation; none: the limit of the parent',
  }),
  childGuaranteedBytes: bytes(0, { help: 'Bytes that are set aside for each child, whatever the others do' }),
  childPriority: integer(50, {
    max: 100,
    unit: 'of 100',
    help: 'Priority of children, for the policy of that name',
  }),
  deadlineMs: durationOr('none', 'none', { help: 'How long acquire() waits before it gives up' }),
  reservationMode: choice(['strict', 'elastic', 'bestEffort'], 'strict', {
    help: 'What a reservation takes before it is claimed: all, what is free, or nothing',
  }),
  reservationExpiresMs: durationOr('never', 'never', {
    help: 'After this time a reservation that was not claimed gives its bytes back',
  }),
} as const;
