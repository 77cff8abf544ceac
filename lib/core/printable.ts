/** A text of one line that changes nothing on a screen: names of files, keys and what was typed may hold anything. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
