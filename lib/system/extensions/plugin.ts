import { checkFunction, checkString, describe, memoryError, type PressureLevel } from '../../core';
import type { TierName } from '../tiers/options';

/** A block that was handed out or given back. Bytes as they were asked for. */
export interface BlockEvent {
  readonly handle: number;
  readonly byteLength: number;
  readonly tier: TierName;
  /** Null for the system's own. */
  readonly tenant: string | null;
}

/** A change of pressure, from one level to another. */
export interface PressureEvent {
  readonly from: PressureLevel;
  readonly to: PressureLevel;
}

/** The states of a system, in the order in which they are passed through. */
export type SystemState = 'created' | 'running' | 'draining' | 'stopped';

/** What a plugin is told of its system when it begins. */
export interface PluginContext {
  readonly name: string;
}

/**
 * Hooks into a system. They run in the order of the plugins, one after the other, and get frozen objects. One that throws, or
 * whose promise fails, is counted and reported and stops nobody. Inside of a hook blocks may be freed; requests and
 * everything that changes the system throw ERR_MEMORY_INVALID_STATE. Without plugins nothing of this costs anything.
 */
export interface MemoryPlugin {
  readonly name: string;
  onInit?(system: PluginContext): void | Promise<void>;
  onAllocation?(event: BlockEvent): void;
  onDeallocation?(event: BlockEvent): void;
  onPressure?(event: PressureEvent): void | Promise<void>;
  onShutdown?(): void | Promise<void>;
}

export const HOOKS = ['onInit', 'onAllocation', 'onDeallocation', 'onPressure', 'onShutdown'] as const;

export type HookName = (typeof HOOKS)[number];

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkPlugin(where: string, plugin: MemoryPlugin): MemoryPlugin {
  if (typeof plugin !== 'object' || plugin === null) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a plugin is an object, got ${describe(plugin)}`);
  }
  checkString(`${where}: name`, plugin.name, 200);
  for (const hook of HOOKS)
    if (plugin[hook] !== undefined) checkFunction(`${where}: ${plugin.name}.${hook}`, plugin[hook]);
  return plugin;
}

/** What an observer is told. */
export type SystemEvent =
  | { readonly kind: 'allocation' | 'deallocation'; readonly block: BlockEvent }
  | { readonly kind: 'refusal'; readonly byteLength: number; readonly tenant: string | null; readonly error: Error }
  | { readonly kind: 'pressure'; readonly from: PressureLevel; readonly to: PressureLevel }
  | { readonly kind: 'state'; readonly from: SystemState; readonly to: SystemState }
  | { readonly kind: 'trim'; readonly reason: string; readonly freedBytes: number }
  | { readonly kind: 'pluginError'; readonly plugin: string; readonly hook: HookName; readonly error: unknown };

export type SystemEventKind = SystemEvent['kind'];

export const EVENT_KINDS: readonly SystemEventKind[] = Object.freeze([
  ...(['allocation', 'deallocation', 'refusal', 'pressure', 'state', 'trim', 'pluginError'] as const),
]);

export interface PluginStats {
  readonly name: string;
  /** Hooks of it that threw or failed. */
  readonly failures: number;
  /** The message of the last failure; null without one. */
  readonly lastError: string | null;
}
