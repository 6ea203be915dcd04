import { hashOf, isTombstone, sizeOf, type Version } from './version.ts';

const blockSize = 1024;

/** Kept beside the changes: what a compaction that reaches one of them has to take off, without looking at each. */
interface Block {
  readonly versions: Version[];
  /** Sums from the beginning of the history up to and with the change. */
  readonly freedBytes: Float64Array;
  readonly addedHash: Int32Array;
  readonly freedHash: Int32Array;
}

export interface Totals {
  freedBytes: number;
  addedHash: number;
  freedHash: number;
}

const nothing: Totals = { freedBytes: 0, addedHash: 0, freedHash: 0 };

/**
 * All changes in their order. A change's position is its number from the beginning; it never changes, so that readers find
 * their place again after old blocks were dropped.
 */
export class History {
  readonly #blocks: Block[] = [];
  /** Of the first block. */
  #start = 0;
  #end = 0;
  #totals = nothing;

  /** The position behind the last change. */
  get end(): number {
    return this.#end;
  }

  /** Sums over all changes that there ever were. */
  get totals(): Totals {
    return this.#totals;
  }

  /** `replaced`: what the key was before. */
  append(version: Version, replaced: Version | null): void {
    const offset = (this.#end - this.#start) % blockSize;
    if (offset === 0) this.#blocks.push(newBlock());
    const block = this.#blocks[this.#blocks.length - 1] as Block;
    this.#totals = totalsWith(this.#totals, version, replaced);
    block.versions.push(version);
    block.freedBytes[offset] = this.#totals.freedBytes;
    block.addedHash[offset] = this.#totals.addedHash;
    block.freedHash[offset] = this.#totals.freedHash;
    this.#end++;
  }

  /** Undefined behind the end and where it was dropped. */
  at(position: number): Version | undefined {
    return this.#blockOf(position)?.versions[(position - this.#start) % blockSize];
  }

  /** The position of the first change that is there of `revision` or later. */
  seek(revision: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.at(middle) as Version).modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sums over all changes up to `revision`; none of a later one may have been dropped. */
  totalsUpTo(revision: number): Totals {
    const position = this.seek(revision + 1) - 1;
    const block = this.#blockOf(position);
    if (!block) return nothing;
    const offset = (position - this.#start) % blockSize;
    return {
      freedBytes: block.freedBytes[offset] as number,
      addedHash: block.addedHash[offset] as number,
      freedHash: block.freedHash[offset] as number,
    };
  }

  /** Forgets changes before `position`, a whole block at a time. */
  dropBefore(position: number): void {
    const blocks = Math.floor((Math.min(position, this.#end - 1) - this.#start) / blockSize);
    if (blocks <= 0) return;
    this.#blocks.splice(0, blocks);
    this.#start += blocks * blockSize;
  }

  #blockOf(position: number): Block | undefined {
    return this.#blocks[Math.floor((position - this.#start) / blockSize)];
  }
}

function newBlock(): Block {
  return {
    versions: [],
    freedBytes: new Float64Array(blockSize),
    addedHash: new Int32Array(blockSize),
    freedHash: new Int32Array(blockSize),
  };
}

/** A change frees what it replaces, and a tombstone itself as well: nobody needs it once it is compacted. */
function totalsWith(totals: Totals, version: Version, replaced: Version | null): Totals {
  const freesItself = isTombstone(version);
  const hash = hashOf(version);
  let { freedBytes, freedHash } = totals;
  // A tombstone was counted as freed when it came.
  if (replaced !== null && !isTombstone(replaced)) {
    freedBytes += sizeOf(replaced);
    freedHash = (freedHash + hashOf(replaced)) | 0;
  }
  if (freesItself) {
    freedBytes += sizeOf(version);
    freedHash = (freedHash + hash) | 0;
  }
  return { freedBytes, freedHash, addedHash: (totals.addedHash + hash) | 0 };
}
