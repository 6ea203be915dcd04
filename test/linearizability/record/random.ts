/** Numbers that a seed determines (mulberry32), so that a run can be asked for again. */
export interface Random {
  /** From 0 to below `below`. */
  integer(below: number): number;
  pick<const T>(items: readonly [T, ...T[]]): T;
  /** True in a share `share` of the cases. */
  chance(share: number): boolean;
  /** Another sequence, for somebody who draws at times of their own. */
  fork(): Random;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number) => Math.floor(next() * below);
  return {
    integer,
    pick: ([first, ...others]) => {
      const index = integer(others.length + 1);
      return index === 0 ? first : (others[index - 1] ?? first);
    },
    chance: (share) => next() < share,
    fork: () => createRandom(integer(2 ** 32)),
  };
}
