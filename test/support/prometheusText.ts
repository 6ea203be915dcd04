/** A strict reader of Prometheus' text format 0.0.4: what is not exactly as the format says is an error. */
import assert from 'node:assert/strict';

export interface Family {
  type: string;
  help: string;
  /** By labels as they were written, '' for none. */
  samples: Map<string, number>;
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const helpLine = new RegExp(`^# HELP (${name}) ((?:[^\\\\]|\\\\[\\\\n])+)$`);
const typeLine = new RegExp(`^# TYPE (${name}) (counter|gauge|histogram|summary|untyped)$`);
const sampleLine = new RegExp(
  `^(${name})(?:\\{(${label}(?:,${label})*)\\})? (NaN|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)$`,
);

export function parsePrometheusText(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  assert.ok(text.endsWith('\n'), 'the last line ends');
  let help: [name: string, text: string] | null = null;
  let current: string | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helped, words] = helpLine.exec(line) ?? [];
    const [, typed, type] = typeLine.exec(line) ?? [];
    if (helped !== undefined) {
      help = [helped, words ?? ''];
    } else if (typed !== undefined) {
      assert.equal(help?.[0], typed, `${line}: its HELP stands before it`);
      assert.ok(!families.has(typed), `${line}: told once`);
      assert.ok(type !== 'counter' || typed.endsWith('_total'), `${line}: counters end in _total`);
      families.set(typed, { type: type ?? '', help: help?.[1] ?? '', samples: new Map() });
      current = typed;
    } else {
      const [, sampled, labels = '', value] = sampleLine.exec(line) ?? [];
      assert.ok(sampled !== undefined, `not the format: ${line}`);
      assert.equal(sampled, current, `${line}: samples follow their TYPE`);
      const samples = families.get(sampled)?.samples;
      assert.ok(samples && !samples.has(labels), `${line}: told once`);
      samples.set(labels, Number(value?.replace('Inf', 'Infinity')));
    }
  }
  return families;
}
