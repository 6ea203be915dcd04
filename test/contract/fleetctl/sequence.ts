/** What fleetctl asks, verb by verb, and what it was answered: recorded by `record.ts`, played by `fleetctl.e2e.test.ts`. */

export interface Sequence {
  /** `start hello.service`: as it was typed. */
  command: string;
  exitCode: number;
  output: string[];
  requests: Exchange[];
}

export interface Exchange {
  method: string;
  url: string;
  contentType?: string;
  body?: unknown;
  status: number;
  /** Absent: no body. */
  answer?: unknown;
  /** It was asked again until it was answered this. */
  polled?: true;
}

/** The same with what differs from cluster to cluster put out of the way: ids of machines and their addresses. */
export function comparable(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  return JSON.parse(
    text.replaceAll(/\b[0-9a-f]{32}\b/g, 'MACHINE').replaceAll(/"primaryIP":"[^"]+"/g, '"primaryIP":"IP"'),
  );
}

/** undefined: nothing came. */
export function parseBody(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

/** One poll after the other becomes one exchange, with the last answer. */
export function fold(exchanges: readonly Exchange[]): Exchange[] {
  const folded: Exchange[] = [];
  for (const exchange of exchanges) {
    const last = folded.at(-1);
    const isAgain = last?.method === 'GET' && last.url === exchange.url && exchange.method === 'GET';
    if (isAgain) folded[folded.length - 1] = { ...exchange, polled: true };
    else folded.push(exchange);
  }
  return folded;
}
