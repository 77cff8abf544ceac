/** Rejections that nobody looked at while `work` ran, and in the turns after it. */
export async function unhandledOf(work: () => unknown): Promise<string[]> {
  const seen: string[] = [];
  const note = (error: unknown): void => void seen.push(String((error as Error).message));
  process.on('unhandledRejection', note);
  try {
    await work();
    for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
  }
  return seen;
}

/** A callback that rejects. */
export const rejects = (words: string) => async (): Promise<never> => {
  throw new RangeError(words);
};
