import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findEnd, makeFrame, NoiseCutter } from './frame.ts';

describe('the frame of a script', () => {
  test('its boot is one word for every shell: no quote, backslash, newline or exclamation mark inside', () => {
    const { boot } = makeFrame('echo hello');

    const inside = /^exec \/bin\/sh -c '([^']*)'$/.exec(boot)?.[1];
    expect(inside).toBeDefined();
    expect(inside).not.toMatch(/[\\\n!]/);
  });

  test('a script that breaks off is not begun', () => {
    const frame = makeFrame('echo one\necho two');
    const cut = frame.script.slice(0, frame.script.indexOf('two'));

    const said = execFileSync('/bin/sh', ['-c', `${frame.boot} 2>&1`], { input: cut }).toString();

    expect(said).toBe(`${frame.begin.toString()}${frame.eaten.toString()}`);
  });

  test('any script comes through as it is, and what follows is its input', () => {
    // dash 0.5.12 loses a byte above 127 in a here-document where it follows what the delimiter begins with: no `E` here.
    const any = fc.string({
      unit: fc.constantFrom('a', ' ', '\t', '\n', '\\', "'", '"', '$', '`', '\r', 'ü', '%', '!', '*'),
    });
    fc.assert(
      fc.property(any, any, (text, input) => {
        const frame = makeFrame(`cat <<'END_OF_IT'\n${text}\nEND_OF_IT\ncat`);
        const said = execFileSync('/bin/sh', ['-c', frame.boot], {
          input: `${frame.padding}${frame.script}${input}`,
          stdio: ['pipe', 'pipe', 'ignore'],
        });

        expect(said.toString()).toBe(`${frame.begin.toString()}${text}\n${input}${frame.end.toString()}0\n`);
      }),
      { numRuns: 40 },
    );
  });

  test('noise is cut off wherever the stream is cut into pieces', () => {
    const begin = Buffer.from('token+\n');
    const all = Buffer.from('tok token token+ \0 noise token+\nwhat token+\n it says');
    for (let at = 0; at <= all.length; at += 1) {
      const cutter = new NoiseCutter(begin);
      const pieces = [all.subarray(0, at), all.subarray(at)].map((piece) => cutter.take(piece));

      expect(Buffer.concat(pieces.filter((piece) => piece !== undefined)).toString()).toBe('what token+\n it says');
      expect(cutter.noise.toString()).toBe('tok token token+ \0 noise ');
    }
  });

  test('an end is one only with a whole exit code behind it', () => {
    const end = Buffer.from('token=');

    expect(findEnd(Buffer.from('all token=255\n'), end)).toEqual({ at: 4, code: 255 });
    for (const text of ['token=2', 'token=', 'token=x\n', 'token'])
      expect(findEnd(Buffer.from(text), end)).toBeUndefined();
  });
});
