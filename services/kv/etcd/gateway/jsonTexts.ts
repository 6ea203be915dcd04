/**
 * The JSON values that stand one behind the other in a text, as a client that streams its requests writes them.
 * @throws {SyntaxError} one is none, or ends too early.
 */
export function parseJsonTexts(text: string): unknown[] {
  return textsOf(text).map((each) => JSON.parse(each));
}

/** Each ends where the bracket that it begins with is closed; what has none is one with what is around it. */
function textsOf(text: string): string[] {
  const texts: string[] = [];
  let [start, depth, isQuoted] = [0, 0, false];
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (isQuoted && char === '\\') index++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (char === '{' || char === '[')) depth++;
    else if (!isQuoted && (char === '}' || char === ']')) depth--;
    else continue;
    if (depth > 0 || isQuoted || (char !== '}' && char !== ']')) continue;
    texts.push(text.slice(start, index + 1));
    start = index + 1;
  }
  const rest = text.slice(start);
  return rest.trim() === '' ? texts : [...texts, rest];
}
