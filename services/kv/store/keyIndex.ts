import type { Bytes } from '../../../shared/domain/kv.ts';
import { containsKey, type Interval } from './interval.ts';

/** Most entries of a node. Wide enough that a million keys are three levels deep, narrow enough to shift entries quickly. */
const capacity = 64;
/** Nodes that fall below it are merged with a neighbour where both fit into three quarters of one. */
const sparse = capacity / 4;
const mergedCapacity = (capacity * 3) / 4;
/** Filled by {@link KeyIndex.ofSorted}: some room, so that the first inserts do not split everything. */
const bulkFill = (capacity * 7) / 8;

class Leaf<T> {
  readonly keys: Bytes[];
  readonly values: T[];

  constructor(keys: Bytes[], values: T[]) {
    this.keys = keys;
    this.values = values;
  }
}

class Branch<T> {
  /** `keys[i]`: nothing below `children[i]` is smaller. The first one is never looked at. */
  readonly keys: Bytes[];
  readonly children: Node<T>[];

  constructor(keys: Bytes[], children: Node<T>[]) {
    this.keys = keys;
    this.children = children;
  }
}

type Node<T> = Leaf<T> | Branch<T>;

/** A sorted map from keys to what is known of them: a B+ tree whose keys compare as their bytes do. */
export class KeyIndex<T> {
  #root: Node<T> = new Leaf<T>([], []);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Fills an empty index with entries that are sorted by key, each key once, in time linear to their number. */
  static ofSorted<T>(keys: readonly Bytes[], values: readonly T[]): KeyIndex<T> {
    const index = new KeyIndex<T>();
    index.#size = keys.length;
    let level: Node<T>[] = [];
    let firsts: Bytes[] = [];
    for (let i = 0; i < keys.length; i += bulkFill) {
      level.push(new Leaf(keys.slice(i, i + bulkFill), values.slice(i, i + bulkFill)));
      firsts.push(keys[i] as Bytes);
    }
    while (level.length > 1) [level, firsts] = branchesOver(level, firsts);
    index.#root = level[0] ?? index.#root;
    return index;
  }

  get(key: Bytes): T | undefined {
    const leaf = this.#leafOf(key);
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.values[at] : undefined;
  }

  /** Adds the key or replaces what stood there. */
  set(key: Bytes, value: T): void {
    const right = this.#setBelow(this.#root, key, value);
    if (right !== null) this.#root = new Branch<T>(['', firstKeyOf(right)], [this.#root, right]);
  }

  delete(key: Bytes): boolean {
    const found = this.#deleteBelow(this.#root, key);
    if (found) this.#size--;
    while (this.#root instanceof Branch && this.#root.children.length === 1) this.#root = childAt(this.#root, 0);
    return found;
  }

  /**
   * Visits the entries of an interval in the order of their keys until `visit` returns false. `visit` may replace values of
   * keys that are there, but neither add nor delete keys; who wants that in between goes on with a new scan behind the
   * last key that it has seen.
   */
  scan(interval: Interval, visit: (key: Bytes, value: T) => boolean): void {
    scanBelow(this.#root, interval, visit);
  }

  #leafOf(key: Bytes): Leaf<T> {
    let node = this.#root;
    while (node instanceof Branch) node = childAt(node, childIndex(node, key));
    return node;
  }

  /** Returns the node that has to stand to the right of `node`, where it had to be split. */
  #setBelow(node: Node<T>, key: Bytes, value: T): Node<T> | null {
    if (node instanceof Leaf) return this.#setInLeaf(node, key, value);
    const at = childIndex(node, key);
    const right = this.#setBelow(childAt(node, at), key, value);
    if (right === null) return null;
    insertAt(node.keys, at + 1, firstKeyOf(right));
    insertAt(node.children, at + 1, right);
    return node.children.length > capacity ? splitBranch(node, at + 1) : null;
  }

  #setInLeaf(leaf: Leaf<T>, key: Bytes, value: T): Leaf<T> | null {
    const at = lowerBound(leaf.keys, key);
    if (leaf.keys[at] === key) {
      leaf.values[at] = value;
      return null;
    }
    this.#size++;
    insertAt(leaf.keys, at, key);
    insertAt(leaf.values, at, value);
    return leaf.keys.length > capacity ? splitLeaf(leaf, at) : null;
  }

  #deleteBelow(node: Node<T>, key: Bytes): boolean {
    if (node instanceof Leaf) {
      const at = lowerBound(node.keys, key);
      if (node.keys[at] !== key) return false;
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      return true;
    }
    const at = childIndex(node, key);
    const found = this.#deleteBelow(childAt(node, at), key);
    if (found) mergeSparse(node, at);
    return found;
  }
}

/** What is inserted at the right end goes on there, in rising order as a rule: the left node then stays nearly full. */
function splitPoint(length: number, insertedAt: number): number {
  return insertedAt === length - 1 ? bulkFill : length >> 1;
}

function splitLeaf<T>(leaf: Leaf<T>, insertedAt: number): Leaf<T> {
  const at = splitPoint(leaf.keys.length, insertedAt);
  return new Leaf(leaf.keys.splice(at), leaf.values.splice(at));
}

function splitBranch<T>(branch: Branch<T>, insertedAt: number): Branch<T> {
  const at = splitPoint(branch.children.length, insertedAt);
  return new Branch(branch.keys.splice(at), branch.children.splice(at));
}

/** Of a node that a split has made: its first key, in a branch the one that was its child's separator. */
function firstKeyOf<T>(node: Node<T>): Bytes {
  return node.keys[0] as Bytes;
}

function branchesOver<T>(nodes: readonly Node<T>[], firsts: readonly Bytes[]): [Node<T>[], Bytes[]] {
  const branches: Node<T>[] = [];
  const branchFirsts: Bytes[] = [];
  for (let i = 0; i < nodes.length; i += bulkFill) {
    branches.push(new Branch(firsts.slice(i, i + bulkFill), nodes.slice(i, i + bulkFill)));
    branchFirsts.push(firsts[i] as Bytes);
  }
  return [branches, branchFirsts];
}

function mergeSparse<T>(parent: Branch<T>, at: number): void {
  const child = childAt(parent, at);
  if (child.keys.length >= sparse) return;
  const left = at + 1 < parent.children.length ? at : at - 1;
  if (left < 0) return;
  mergeWithRight(parent, left);
}

function mergeWithRight<T>(parent: Branch<T>, left: number): void {
  const a = childAt(parent, left);
  const b = childAt(parent, left + 1);
  if (a.keys.length + b.keys.length > mergedCapacity) return;
  if (a instanceof Leaf && b instanceof Leaf) {
    a.keys.push(...b.keys);
    a.values.push(...b.values);
  } else if (a instanceof Branch && b instanceof Branch) {
    a.keys.push(parent.keys[left + 1] as Bytes, ...b.keys.slice(1));
    a.children.push(...b.children);
  }
  parent.keys.splice(left + 1, 1);
  parent.children.splice(left + 1, 1);
}

function scanBelow<T>(node: Node<T>, interval: Interval, visit: (key: Bytes, value: T) => boolean): boolean {
  if (node instanceof Leaf) return scanLeaf(node, interval, visit);
  for (let i = childIndex(node, interval.from); i < node.children.length; i++) {
    if (interval.to !== null && i > 0 && (node.keys[i] as Bytes) >= interval.to) return false;
    if (!scanBelow(childAt(node, i), interval, visit)) return false;
  }
  return true;
}

function scanLeaf<T>(leaf: Leaf<T>, interval: Interval, visit: (key: Bytes, value: T) => boolean): boolean {
  const { keys, values } = leaf;
  for (let i = lowerBound(keys, interval.from); i < keys.length; i++) {
    const key = keys[i] as Bytes;
    if (!containsKey(interval, key) || !visit(key, values[i] as T)) return false;
  }
  return true;
}

function childAt<T>(branch: Branch<T>, at: number): Node<T> {
  return branch.children[at] as Node<T>;
}

/** The child whose keys `key` is among. */
function childIndex<T>(branch: Branch<T>, key: Bytes): number {
  const { keys } = branch;
  let low = 1;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Bytes) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first entry that is not smaller than `key`. */
function lowerBound(keys: readonly Bytes[], key: Bytes): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Bytes) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `splice` would make an array of what it takes out, every time. */
function insertAt<T>(array: T[], at: number, item: T): void {
  array.push(item);
  for (let i = array.length - 1; i > at; i--) array[i] = array[i - 1] as T;
  array[at] = item;
}
