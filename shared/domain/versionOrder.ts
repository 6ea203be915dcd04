/**
 * The order of versions that systemd uses, for the kernel's release too: the Version Format Specification of the UAPI
 * group. `systemd-analyze compare-versions` is the judge.
 */

/** Negative: `a` is older than `b`; 0: they are the same version. */
export function compareVersions(a: string, b: string): number {
  let [left, right] = [a, b];
  for (;;) {
    left = dropForeign(left);
    right = dropForeign(right);
    // A tilde marks what came before the version that it follows, also before its end.
    const early = bySeparator('~');
    if (early !== 0) return early;
    if (left === '' || right === '') return Math.sign(left.length - right.length);
    for (const separator of ['-', '^', '.']) {
      const order = bySeparator(separator);
      if (order !== 0) return order;
    }
    const isNumeric = /^\d/.test(left) || /^\d/.test(right);
    const [mine, theirs] = [leading(left, isNumeric), leading(right, isNumeric)];
    const order = isNumeric ? compareNumbers(mine, theirs) : compareWords(mine, theirs);
    if (order !== 0) return order;
    left = left.slice(mine.length);
    right = right.slice(theirs.length);
  }

  /** Who has the separator here is the older one; where both have it, it is passed. */
  function bySeparator(separator: string): number {
    const [mine, theirs] = [left.startsWith(separator), right.startsWith(separator)];
    if (mine && theirs) [left, right] = [left.slice(1), right.slice(1)];
    return Number(theirs) - Number(mine);
  }
}

function dropForeign(text: string): string {
  return text.replace(/^[^0-9A-Za-z~^.-]+/, '');
}

function leading(text: string, isNumeric: boolean): string {
  return (isNumeric ? /^\d*/ : /^[A-Za-z]*/).exec(text)?.[0] ?? '';
}

/** Of any length. No number is older than any number. */
function compareNumbers(a: string, b: string): number {
  if (a === '' || b === '') return Math.sign(a.length - b.length);
  const [mine, theirs] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return Math.sign(mine.length - theirs.length) || order(mine, theirs);
}

function compareWords(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  return order(a.slice(0, shared), b.slice(0, shared)) || Math.sign(a.length - b.length);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
