import type { Bytes } from '../../../shared/domain/kv.ts';
import { containsKey, type Interval } from './interval.ts';

/** Most entries of a node. Wide enough that a million keys are three levels deep, narrow enough to shift entries quickly. */
const capacity = 64;
/** Nodes that fall below it are merged with a neighbour where that leaves some room. */
const sparse = capacity / 4;
/** Some room, so that the first inserts into what was filled or merged do not split it. */
const bulkFill = (capacity * 7) / 8;

class Leaf<T> {
  /** Beside the values, which have them too: a search then reads one piece of memory less for each comparison. */
  readonly keys: Bytes[];
  readonly values: T[];
  weight: number;

  constructor(keys: Bytes[], values: T[], weight: number) {
    this.keys = keys;
    this.values = values;
    this.weight = weight;
  }
}

class Branch<T> {
  /** `keys[i]`: nothing below `children[i]` is smaller. The first one no search looks at. */
  readonly keys: Bytes[];
  readonly children: Node<T>[];
  weight: number;

  constructor(keys: Bytes[], children: Node<T>[]) {
    this.keys = keys;
    this.children = children;
    this.weight = weightOfAll(children);
  }
}

type Node<T> = Leaf<T> | Branch<T>;

/** What the index has to know of its values. */
export interface Traits<T> {
  keyOf(value: T): Bytes;
  /** What it adds to {@link KeyIndex.weightIn}. */
  weightOf(value: T): number;
}

/** A map sorted by key that knows the weight of each interval: a B+ tree whose keys compare as their bytes do. */
export class KeyIndex<T> {
  readonly #traits: Traits<T>;
  #root: Node<T> = new Leaf<T>([], [], 0);
  /** By how much the update that is going on has changed the weight. */
  #gained = 0;

  constructor(traits: Traits<T>) {
    this.#traits = traits;
  }

  /** Makes an index of values that are sorted by key, each key once, in time linear to their number. */
  static ofSorted<T>(traits: Traits<T>, values: readonly T[]): KeyIndex<T> {
    const index = new KeyIndex<T>(traits);
    let level: Node<T>[] = [];
    for (let i = 0; i < values.length; i += bulkFill) level.push(index.#leafOver(values.slice(i, i + bulkFill)));
    let firsts = level.map((leaf) => leaf.keys[0] as Bytes);
    while (level.length > 1) [level, firsts] = branchesOver(level, firsts);
    index.#root = level[0] ?? index.#root;
    return index;
  }

  get(key: Bytes): T | undefined {
    let node = this.#root;
    while (node instanceof Branch) node = childAt(node, childIndex(node, key));
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** Replaces the key's value by what `change` makes of it, which may be the same object, changed. */
  update(key: Bytes, change: (value: T | undefined) => T): void {
    const right = this.#updateBelow(this.#root, key, change);
    if (right !== null) this.#root = new Branch<T>(['', right.keys[0] as Bytes], [this.#root, right]);
  }

  /** False: it was not there. */
  delete(key: Bytes): boolean {
    this.#gained = 0;
    const found = this.#deleteBelow(this.#root, key);
    while (this.#root instanceof Branch && this.#root.children.length === 1) this.#root = childAt(this.#root, 0);
    return found;
  }

  /**
   * Visits the entries of an interval in the order of their keys until `visit` returns false. The index may not be changed
   * in `visit`; who wants that in between goes on with a new scan behind the last key that it has seen.
   */
  scan(interval: Interval, visit: (value: T) => boolean): void {
    scanBelow(this.#root, interval, visit);
  }

  /** The sum over all entries of the interval, in time that hardly depends on their number. */
  weightIn({ from, to }: Interval): number {
    if (to !== null && to <= from) return 0;
    return (to === null ? this.#root.weight : this.#weightBefore(to)) - this.#weightBefore(from);
  }

  #weightBefore(key: Bytes): number {
    let weight = 0;
    let node = this.#root;
    while (node instanceof Branch) {
      const at = childIndex(node, key);
      for (let i = 0; i < at; i++) weight += childAt(node, i).weight;
      node = childAt(node, at);
    }
    const at = lowerBound(node.keys, key);
    for (let i = 0; i < at; i++) weight += this.#traits.weightOf(node.values[i] as T);
    return weight;
  }

  #leafOver(values: T[]): Leaf<T> {
    const keys = values.map((value) => this.#traits.keyOf(value));
    return new Leaf(keys, values, this.#weightOfValues(values));
  }

  #weightOfValues(values: readonly T[]): number {
    let weight = 0;
    for (const value of values) weight += this.#traits.weightOf(value);
    return weight;
  }

  /** Returns the node that has to stand to the right of `node`, where it had to be split. */
  #updateBelow(node: Node<T>, key: Bytes, change: (value: T | undefined) => T): Node<T> | null {
    if (node instanceof Leaf) return this.#updateLeaf(node, key, change);
    const at = childIndex(node, key);
    const right = this.#updateBelow(childAt(node, at), key, change);
    node.weight += this.#gained;
    if (right === null) return null;
    insertAt(node.keys, at + 1, right.keys[0] as Bytes);
    insertAt(node.children, at + 1, right);
    return node.children.length > capacity ? splitBranch(node, at + 1) : null;
  }

  #updateLeaf(leaf: Leaf<T>, key: Bytes, change: (value: T | undefined) => T): Leaf<T> | null {
    const at = lowerBound(leaf.keys, key);
    const isNew = leaf.keys[at] !== key;
    const old = isNew ? undefined : leaf.values[at];
    const oldWeight = old === undefined ? 0 : this.#traits.weightOf(old);
    const value = change(old);
    this.#gained = this.#traits.weightOf(value) - oldWeight;
    leaf.weight += this.#gained;
    if (isNew) return this.#insert(leaf, at, value);
    leaf.values[at] = value;
    return null;
  }

  #insert(leaf: Leaf<T>, at: number, value: T): Leaf<T> | null {
    insertAt(leaf.keys, at, this.#traits.keyOf(value));
    insertAt(leaf.values, at, value);
    return leaf.keys.length > capacity ? this.#splitLeaf(leaf, at) : null;
  }

  #splitLeaf(leaf: Leaf<T>, insertedAt: number): Leaf<T> {
    const at = splitPoint(leaf.keys.length, insertedAt);
    const values = leaf.values.splice(at);
    const right = new Leaf(leaf.keys.splice(at), values, this.#weightOfValues(values));
    leaf.weight -= right.weight;
    return right;
  }

  #deleteBelow(node: Node<T>, key: Bytes): boolean {
    const found = node instanceof Leaf ? this.#deleteInLeaf(node, key) : this.#deleteInBranch(node, key);
    node.weight += this.#gained;
    return found;
  }

  #deleteInLeaf(leaf: Leaf<T>, key: Bytes): boolean {
    const at = lowerBound(leaf.keys, key);
    if (leaf.keys[at] !== key) return false;
    leaf.keys.splice(at, 1);
    for (const value of leaf.values.splice(at, 1)) this.#gained = -this.#traits.weightOf(value);
    return true;
  }

  #deleteInBranch(branch: Branch<T>, key: Bytes): boolean {
    const at = childIndex(branch, key);
    const found = this.#deleteBelow(childAt(branch, at), key);
    if (found) mergeSparse(branch, at);
    return found;
  }
}

/** What is inserted at the right end goes on there, in rising order as a rule: the left node then stays nearly full. */
function splitPoint(length: number, insertedAt: number): number {
  return insertedAt === length - 1 ? bulkFill : length >> 1;
}

function splitBranch<T>(branch: Branch<T>, insertedAt: number): Branch<T> {
  const at = splitPoint(branch.children.length, insertedAt);
  const right = new Branch(branch.keys.splice(at), branch.children.splice(at));
  branch.weight -= right.weight;
  return right;
}

function weightOfAll<T>(nodes: readonly Node<T>[]): number {
  let weight = 0;
  for (const node of nodes) weight += node.weight;
  return weight;
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
  if (a.keys.length > 0 && b.keys.length > 0 && a.keys.length + b.keys.length > bulkFill) return;
  a.keys.push(...b.keys);
  if (a instanceof Leaf && b instanceof Leaf) a.values.push(...b.values);
  if (a instanceof Branch && b instanceof Branch) a.children.push(...b.children);
  a.weight += b.weight;
  parent.keys.splice(left + 1, 1);
  parent.children.splice(left + 1, 1);
}

function scanBelow<T>(node: Node<T>, interval: Interval, visit: (value: T) => boolean): boolean {
  if (node instanceof Leaf) return scanLeaf(node, interval, visit);
  for (let i = childIndex(node, interval.from); i < node.children.length; i++) {
    if (interval.to !== null && i > 0 && (node.keys[i] as Bytes) >= interval.to) return false;
    if (!scanBelow(childAt(node, i), interval, visit)) return false;
  }
  return true;
}

function scanLeaf<T>(leaf: Leaf<T>, interval: Interval, visit: (value: T) => boolean): boolean {
  const { keys, values } = leaf;
  for (let i = lowerBound(keys, interval.from); i < keys.length; i++) {
    const key = keys[i] as Bytes;
    if (!containsKey(interval, key) || !visit(values[i] as T)) return false;
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
