import { describe, ignoreFailure, memoryError } from '../../core';
import type { AllocationRequest } from './adaptor';

/** Calls a user's function while no allocation is under way, and keeps the function from starting another one. */
export class HookGuard {
  running = false;
  private readonly where: string;

  constructor(where: string) {
    this.where = where;
  }

  /** @throws ERR_MEMORY_INVALID_STATE inside of the hook */
  check(method: string): void {
    if (!this.running) return;
    throw memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `${method}: called from inside the ${this.where} hook of this very allocator`,
      { hint: 'A hook may free blocks, reset, and look; allocate from another allocator.' },
    );
  }

  /**
   * @returns what the hook says
   * @throws what the hook throws, and ERR_MEMORY_INVALID_ARGUMENT when it returns no boolean, such as a promise
   */
  ask(
    hook: (request: AllocationRequest, count: number) => boolean,
    byteLength: number,
    alignment: number | undefined,
    count: number,
  ): boolean {
    this.running = true;
    try {
      const answer: unknown = hook(Object.freeze({ byteLength, alignment }), count);
      if (typeof answer === 'boolean') return answer;
      ignoreFailure(answer);
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${this.where} must return a boolean, got ${describe(answer)}`, {
        hint: 'The hook runs inside of an allocation and cannot wait: it may not be async.',
      });
    } finally {
      this.running = false;
    }
  }
}
