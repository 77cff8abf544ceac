export {
  type ActionContext,
  type ActionKind,
  type CallAction,
  type CheckedAction,
  checkAction,
  checkStepRatio,
  type DenyAction,
  type PressureAction,
  type ReclaimAction,
  type ReclaimsMemory,
  type ShrinkAction,
  type ShrinksMemory,
  type StepRatio,
  type TrimAction,
  type TrimsMemory,
} from './action';
export { type ActionOutcome, Journal, type JournalEntry } from './journal';
export { ActionRunner, DEFAULT_STEP_RATIO, type RunnerHost, type RunnerSettings } from './runner';
