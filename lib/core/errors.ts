import {
  ERROR_CODES,
  ERROR_HINTS,
  type ErrorCategory,
  type ErrorCode,
  type ErrorSeverity,
  isErrorCode,
} from './error-codes';

/** The facts an error carries where they apply. Sizes are bytes, `errno` is the positive number of the system. */
export interface ErrorDetails {
  /** What to do about it, in one or two sentences. Default: that of the code. */
  readonly hint?: string | undefined;
  readonly requestedBytes?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly availableBytes?: number | undefined;
  /** Name of the failing system call, such as `mmap`. */
  readonly syscall?: string | undefined;
  readonly errno?: number | undefined;
  /** Who set the limit or raised the failure: a file, a budget's name, an allocator's name. */
  readonly source?: string | undefined;
  readonly cause?: unknown;
  /** Overrides the table where the single case is known better, such as a system call that failed with EAGAIN. */
  readonly retryable?: boolean | undefined;
}

const FACTS = ['requestedBytes', 'limitBytes', 'availableBytes', 'syscall', 'errno', 'source'] as const;

// The brand is looked up by name so that the CommonJS and ESM copies of the package know each other's errors.
const KINDS: unique symbol = Symbol.for('nebula-memory.error.kinds') as never;

function isBranded(value: unknown, kind: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const kinds: unknown = (value as { [KINDS]?: unknown })[KINDS];
    return Array.isArray(kinds) && kinds.includes(kind);
  } catch {
    return false; // a proxy that throws is none of ours
  }
}

/**
 * Every error of the package. `instanceof` holds across several loaded copies of it.
 * Made by {@link memoryError}, which chooses the sub-class by the code's category.
 */
export class MemoryError extends Error {
  static readonly kind: string = 'MemoryError';

  /** The word to test for, see {@link ERROR_CODES}. */
  readonly code: ErrorCode;
  /** What kind of failure it was; the sub-class follows it. */
  readonly category: ErrorCategory;
  /** How bad it is. */
  readonly severity: ErrorSeverity;
  /** True when the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;
  /** What to do about it. */
  readonly hint: string;
  /** What was asked for. */
  declare readonly requestedBytes?: number;
  /** What it may not exceed. */
  declare readonly limitBytes?: number;
  /** What was free of the limit at that moment. */
  declare readonly availableBytes?: number;
  /** Name of the failing system call, such as `mmap`. */
  declare readonly syscall?: string;
  /** The positive number of the system's error. */
  declare readonly errno?: number;
  /** Who set the limit or raised the failure: a file, a budget, an allocator. */
  declare readonly source?: string;

  /** Use {@link memoryError}, which knows the sub-class of the code. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const info = ERROR_CODES[code];
    this.code = code;
    this.category = info.category;
    this.severity = info.severity;
    this.retryable = details.retryable ?? info.retryable;
    this.hint = details.hint ?? ERROR_HINTS[code];
    for (const fact of FACTS) {
      const value = details[fact];
      if (value !== undefined) {
        Object.defineProperty(this, fact, { value, enumerable: true, writable: true, configurable: true });
      }
    }
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A user's own sub-class has no brand and is tested in the ordinary way.
    if (Object.hasOwn(this, 'kind')) return isBranded(value, this.kind);
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** A plain object for logs: name, code, message and every fact that is set; a cause is cut to name, code and message. */
  toJSON(): Record<string, unknown> {
    const json: Record<string, unknown> = { name: this.name, code: this.code, category: this.category };
    json['severity'] = this.severity;
    json['retryable'] = this.retryable;
    json['message'] = this.message;
    json['hint'] = this.hint;
    for (const fact of FACTS) if (this[fact] !== undefined) json[fact] = this[fact];
    if (this.cause !== undefined) json['cause'] = causeToJson(this.cause);
    return json;
  }
}

function causeToJson(cause: unknown): unknown {
  try {
    if (!(cause instanceof Error)) return String(cause).slice(0, 200);
    const { name, message } = cause;
    const code: unknown = (cause as { code?: unknown }).code;
    return typeof code === 'string' ? { name, code, message } : { name, message };
  } catch {
    return 'unprintable';
  }
}

/** The caller's mistake: an argument, an option, a configuration. */
export class MemoryValidationError extends MemoryError {
  static override readonly kind = 'MemoryValidationError';
}
/** Over a limit: of the system, a budget, a pool, an arena, a cache. */
export class MemoryExhaustedError extends MemoryError {
  static override readonly kind = 'MemoryExhaustedError';
}
/** Denied by the system. */
export class MemoryPermissionError extends MemoryError {
  static override readonly kind = 'MemoryPermissionError';
}
/** Not to be had on this platform, kernel or build. */
export class MemoryUnsupportedError extends MemoryError {
  static override readonly kind = 'MemoryUnsupportedError';
}
/** The object is freed, closed, stale or in use. */
export class MemoryStateError extends MemoryError {
  static override readonly kind = 'MemoryStateError';
}
/** Memory contents or bookkeeping can no longer be trusted. */
export class MemoryCorruptionError extends MemoryError {
  static override readonly kind = 'MemoryCorruptionError';
}
/** A system call failed, or the system was too slow. */
export class MemorySystemError extends MemoryError {
  static override readonly kind = 'MemorySystemError';
}

const CLASSES: Readonly<Record<ErrorCategory, typeof MemoryError>> = {
  validation: MemoryValidationError,
  exhausted: MemoryExhaustedError,
  permission: MemoryPermissionError,
  unsupported: MemoryUnsupportedError,
  state: MemoryStateError,
  corruption: MemoryCorruptionError,
  system: MemorySystemError,
};

// Names and brands live on the prototypes, so that an error object itself holds facts only.
for (const errorClass of [MemoryError, ...Object.values(CLASSES)]) {
  const kinds = Object.freeze([...new Set(['MemoryError', errorClass.kind])]);
  Object.defineProperty(errorClass.prototype, 'name', {
    value: errorClass.kind,
    writable: true,
    configurable: true,
  });
  Object.defineProperty(errorClass.prototype, KINDS, { value: kinds });
}

/**
 * Makes the error of a code, as the sub-class of its category. The caller's own frame is the first of the stack.
 *
 * @param message what failed, with every argument and its unit, and what would have been accepted
 * @param details the facts; undefined ones are left out
 * @throws TypeError for a code that is not in the table, which is a defect of the package
 */
export function memoryError(code: ErrorCode, message: string, details?: ErrorDetails): MemoryError {
  if (!isErrorCode(code)) throw new TypeError(`unknown memory error code: ${String(code)}`);
  const error = new CLASSES[ERROR_CODES[code].category](code, message, details);
  Error.captureStackTrace(error, memoryError);
  return error;
}

/** True for an error of any copy of the package; with a code, only for that one. */
export function isMemoryError(value: unknown, code?: ErrorCode): value is MemoryError {
  return value instanceof MemoryError && (code === undefined || value.code === code);
}
