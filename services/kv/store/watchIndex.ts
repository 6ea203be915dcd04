import type { Bytes, KeyRange } from '../../../shared/domain/kv.ts';
import { compareBytes, hashBytes } from './bytes.ts';
import { endsBy, type Interval, isSingleKey, toInterval } from './interval.ts';

/** Those who wait for the very same interval, in a tree sorted by where intervals begin. */
interface Node<T> {
  readonly interval: Interval;
  readonly members: Set<T>;
  /** Never smaller than those of its children, which keeps the tree balanced: a treap whose chance is a hash. */
  readonly priority: number;
  /** Where the last interval in this part of the tree ends. */
  lastEnd: Bytes | null;
  left: Node<T> | null;
  right: Node<T> | null;
}

/** Who waits for which keys: finds those whom a key concerns without looking at the others. */
export class WatchIndex<T> {
  readonly #exact = new Map<Bytes, Set<T>>();
  #ranges: Node<T> | null = null;

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#ranges === null;
  }

  add(range: KeyRange, member: T): void {
    if (!isSingleKey(range)) {
      this.#ranges = insert(this.#ranges, toInterval(range), member);
      return;
    }
    const members = this.#exact.get(range.key);
    if (members) members.add(member);
    else this.#exact.set(range.key, new Set([member]));
  }

  remove(range: KeyRange, member: T): void {
    if (!isSingleKey(range)) {
      this.#ranges = remove(this.#ranges, toInterval(range), member);
      return;
    }
    const members = this.#exact.get(range.key);
    members?.delete(member);
    if (members?.size === 0) this.#exact.delete(range.key);
  }

  /** Neither adding nor removing is possible in `visit`. */
  visit(key: Bytes, visit: (member: T) => void): void {
    this.#exact.get(key)?.forEach(visit);
    visitContaining(this.#ranges, key, visit);
  }
}

function visitContaining<T>(node: Node<T> | null, key: Bytes, visit: (member: T) => void): void {
  if (node === null || isBefore(node.lastEnd, key)) return;
  visitContaining(node.left, key, visit);
  if (node.interval.from > key) return;
  if (!isBefore(node.interval.to, key)) node.members.forEach(visit);
  visitContaining(node.right, key, visit);
}

function insert<T>(node: Node<T> | null, interval: Interval, member: T): Node<T> {
  if (node === null) return newNode(interval, member);
  const side = compareIntervals(interval, node.interval);
  if (side === 0) {
    node.members.add(member);
    return node;
  }
  if (side < 0) {
    node.left = insert(node.left, interval, member);
    if (node.left.priority > node.priority) return rotateRight(node, node.left);
  } else {
    node.right = insert(node.right, interval, member);
    if (node.right.priority > node.priority) return rotateLeft(node, node.right);
  }
  return withLastEnd(node);
}

function remove<T>(node: Node<T> | null, interval: Interval, member: T): Node<T> | null {
  if (node === null) return null;
  const side = compareIntervals(interval, node.interval);
  if (side < 0) node.left = remove(node.left, interval, member);
  else if (side > 0) node.right = remove(node.right, interval, member);
  else {
    node.members.delete(member);
    if (node.members.size === 0) return join(node.left, node.right);
  }
  return withLastEnd(node);
}

/** Of two trees where all of `left` is before all of `right`. */
function join<T>(left: Node<T> | null, right: Node<T> | null): Node<T> | null {
  if (left === null) return right;
  if (right === null) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return withLastEnd(left);
  }
  right.left = join(left, right.left);
  return withLastEnd(right);
}

function rotateRight<T>(node: Node<T>, left: Node<T>): Node<T> {
  node.left = left.right;
  left.right = withLastEnd(node);
  return withLastEnd(left);
}

function rotateLeft<T>(node: Node<T>, right: Node<T>): Node<T> {
  node.right = right.left;
  right.left = withLastEnd(node);
  return withLastEnd(right);
}

function newNode<T>(interval: Interval, member: T): Node<T> {
  const priority = mixed(hashBytes(interval.to ?? '', hashBytes(interval.from, 0x811c9dc5)));
  return { interval, members: new Set([member]), priority, lastEnd: interval.to, left: null, right: null };
}

/** Keys that differ in their last byte alone must not have priorities in the same order as they are. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return Math.imul(once ^ (once >>> 13), 0xc2b2ae35) >>> 0;
}

function withLastEnd<T>(node: Node<T>): Node<T> {
  let last = node.interval.to;
  for (const child of [node.left, node.right]) {
    if (child !== null && endsBy(last, child.lastEnd)) last = child.lastEnd;
  }
  node.lastEnd = last;
  return node;
}

function compareIntervals(a: Interval, b: Interval): number {
  const byStart = compareBytes(a.from, b.from);
  if (byStart !== 0 || a.to === b.to) return byStart;
  return endsBy(a.to, b.to) ? -1 : 1;
}

/** Whether an interval with this end ends before `key`. */
function isBefore(end: Bytes | null, key: Bytes): boolean {
  return end !== null && end <= key;
}
