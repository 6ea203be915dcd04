/** No request of etcd's needs as much; what recurses over it would end at some depth. */
const mostDepth = 100;
/** From 16 digits on a number of JavaScript may not be exact. */
const longInteger = /^-?\d{16,}$/;

/**
 * The JSON texts that stand one behind the other, as a client that streams its requests writes them; a text is looked at
 * when it is asked for. Whole numbers that are too long for JavaScript are strings in them, as 64-bit numbers may be.
 * @throws {SyntaxError} one is nested too deeply
 */
export function* jsonTexts(text: string): Generator<string> {
  const tokens = /["{}[\]]|-?\d[\d.eE+-]*/g;
  let [from, depth, before] = [0, 0, ''];
  for (let found = tokens.exec(text); found !== null; found = tokens.exec(text)) {
    const [token] = found;
    if (token === '"') tokens.lastIndex = endOfString(text, found.index);
    else if (token === '{' || token === '[') {
      depth++;
      if (depth > mostDepth) throw new SyntaxError('the request is nested too deeply');
    } else if (token === '}' || token === ']') {
      depth--;
      if (depth > 0) continue;
      yield before + text.slice(from, tokens.lastIndex);
      [from, depth, before] = [tokens.lastIndex, 0, ''];
    } else if (longInteger.test(token)) {
      before += `${text.slice(from, found.index)}"${token}"`;
      from = tokens.lastIndex;
    }
  }
  const rest = before + text.slice(from);
  if (rest.trim() !== '') yield rest;
}

/** Behind the quotation mark that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}
