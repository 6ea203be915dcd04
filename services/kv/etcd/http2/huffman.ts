/** HPACK's Huffman code (RFC 7541, appendix B), for reading alone: what is sent is sent plain. */

/**
 * The length of each byte's code, bits; the last is the end-of-string symbol's. The code is canonical (section 5.2): the
 * codes of one length are successive numbers in the order of their bytes, so that the lengths say it all.
 */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
] as const;
const endOfString = 256;

/** The codes as a tree: at `2 * node + bit` the next node, or a byte as its negative minus one. 0: no such code. */
const tree = growTree();

function growTree(): Int16Array {
  const nodes: number[] = [0, 0];
  const inOrder = codeLengths.map((length, byte) => ({ length, byte }));
  inOrder.sort((one, other) => one.length - other.length || one.byte - other.byte);
  let [code, lastLength] = [0, 0];
  for (const { length, byte } of inOrder) {
    code *= 2 ** (length - lastLength);
    plant(nodes, { code, length, byte });
    code += 1;
    lastLength = length;
  }
  return Int16Array.from(nodes);
}

function plant(nodes: number[], { code, length, byte }: { code: number; length: number; byte: number }): void {
  let node = 0;
  for (let bit = length - 1; bit > 0; bit--) {
    const at = 2 * node + ((code >>> bit) & 1);
    if (nodes[at] === 0) nodes[at] = nodes.push(0, 0) / 2 - 1;
    node = nodes[at] ?? 0;
  }
  nodes[2 * node + (code & 1)] = -1 - byte;
}

/** The text, each byte a character; null: it is not well coded (section 5.2: wrong padding, or the end-of-string symbol). */
export function decodeHuffman(coded: Uint8Array): string | null {
  let text = '';
  let node = 0;
  // What of the last byte belongs to no code: at most seven bits, all of them ones.
  let [pending, onlyOnes] = [0, true];
  for (const octet of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      const next = tree[2 * node + ((octet >>> bit) & 1)] ?? 0;
      pending += 1;
      onlyOnes &&= ((octet >>> bit) & 1) === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (next === -1 - endOfString) return null;
      text += String.fromCharCode(-1 - next);
      [node, pending, onlyOnes] = [0, 0, true];
    }
  }
  return pending < 8 && onlyOnes ? text : null;
}
