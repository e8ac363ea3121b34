import { expect, expectTypeOf, test } from 'vitest';
import type { FileValue } from '../model/index.ts';
import { command, file, json, type Part, sh, text, wait, workflow } from './index.ts';

interface Energy {
  readonly mean: number;
  readonly blocks: readonly { readonly size: number }[];
}

const simulate = command('simulate', {
  run: (p: { temperature: number; start?: FileValue }) => sh`md --temp ${p.temperature} --start ${p.start ?? 'none'}`,
  outputs: { energy: json<Energy>('energy.json'), frames: file('frames.xyz'), log: text('log') },
});

const analyze = command('analyze', { run: (p: { energies: readonly Energy[] }) => sh`analyze ${p.energies}` });

test('types follow from the values', () => {
  workflow('typed', () => {
    const handle = simulate({ temperature: 1 });
    expectTypeOf(handle.energy).toExtend<Part<Energy>>();
    expectTypeOf(handle.energy.blocks[0]!.size).toExtend<Part<number>>();
    expectTypeOf(handle.frames).toExtend<Part<FileValue>>();
    expectTypeOf(handle.log).toExtend<Part<string>>();
    expectTypeOf(simulate.on('x')).toEqualTypeOf(simulate);
    simulate({ temperature: handle.energy.mean, start: handle.frames });
    analyze({ energies: [handle.energy] });
    // @ts-expect-error a text is no number
    simulate({ temperature: 'hot' });
    // @ts-expect-error the value of this output is text
    simulate({ temperature: handle.log });
    // @ts-expect-error a parameter is missing
    expect(() => simulate()).toThrow(TypeError);
    // @ts-expect-error what is not known can't be compared
    expect(() => handle.energy.mean > 3).toThrow('compared');
    // @ts-expect-error there is no such output
    expect(() => handle.energi).toThrow(
      expect.objectContaining({ message: "task 'simulate' has no output 'energi'", hint: "did you mean 'energy'?" }),
    );
    // @ts-expect-error an energy has no such part
    expect(handle.energy.maximum).toBeDefined();
    // @ts-expect-error a file is no energy
    analyze({ energies: [handle.frames] });
    return handle;
  }).build();
  // @ts-expect-error undefined can't be written into a command
  const unknowing = (): unknown => sh`x ${undefined}`;
  expect(unknowing).toBeTypeOf('function');
  // @ts-expect-error the parameter is missing
  expect(() => workflow('w', (p: { n: number }) => wait(p.n)).build()).toThrow('duration');
});
