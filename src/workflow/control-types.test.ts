import { expect, expectTypeOf, test } from 'vitest';
import {
  branch,
  type CallHandle,
  choose,
  command,
  every,
  is,
  json,
  loop,
  map,
  not,
  type Part,
  type Settled,
  sh,
  task,
  when,
  workflow,
} from './index.ts';

interface Energy {
  readonly mean: number;
}

const simulate = command('simulate', {
  run: (p: { temperature: number }) => sh`md ${p.temperature}`,
  outputs: { energy: json<Energy>('energy.json') },
});
const temperatures = task('temperatures', (): readonly number[] => [1, 2]);
const kind = task('kind', (x: number): 'big' | 'small' => (x > 3 ? 'big' : 'small'));
const maybe = task('maybe', (x: number): 'big' | null => (x > 3 ? 'big' : null));
const word = task('word', () => 'free');
const scale = task('scale', (x: number) => x * 2);
const label = task('label', (x: number) => `at ${x}`);

const typed = (build: () => unknown): unknown => workflow('typed', build).build();

test('the element and the result of a map have their types', () => {
  typed(() => {
    const energies = map(temperatures(), (temperature, index) => {
      expectTypeOf(temperature).toEqualTypeOf<Part<number>>();
      expectTypeOf(index).toEqualTypeOf<Part<number>>();
      return simulate({ temperature }).energy;
    });
    expectTypeOf(energies).toEqualTypeOf<CallHandle<readonly Energy[]>>();
    expectTypeOf(energies[0]!.mean).toExtend<Part<number>>();
    expectTypeOf(map([1, 2], (x) => ({ x, label: label(x), k: 1 as const }))).toEqualTypeOf<
      CallHandle<readonly { readonly x: number; readonly label: string; readonly k: 1 }[]>
    >();
    expectTypeOf(map([{ at: scale(1) }, { at: 2 }], ({ at }) => scale(at))).toEqualTypeOf<
      CallHandle<readonly number[]>
    >();
    expectTypeOf(map(temperatures(), (x) => scale(x), { settled: true })).toEqualTypeOf<
      CallHandle<readonly Settled<number>[]>
    >();
    // @ts-expect-error an element is a number, and no text
    map(temperatures(), (x) => task('shout', (text: string) => text)(x));
    // @ts-expect-error what is mapped over is a list
    map(scale(1), (x) => x);
    // @ts-expect-error texts are not what it scales
    expect(() => scale(map(temperatures(), (x) => label(x)))).not.toThrow();
    return energies;
  });
});

test('a branch has the types of all that it may be, and its labels are those of the value', () => {
  typed(() => {
    const k = kind(1);
    expectTypeOf(branch(k, { big: () => scale(1), small: () => label(1) })).toEqualTypeOf<
      CallHandle<number | string>
    >();
    expectTypeOf(branch(k, { big: () => scale(1) }, { otherwise: () => word() })).toEqualTypeOf<
      CallHandle<number | string>
    >();
    expectTypeOf(branch(word(), { free: () => scale(1) })).toExtend<CallHandle<number>>();
    // @ts-expect-error nothing is said of 'small'
    branch(k, { big: () => scale(1) });
    // @ts-expect-error it is never 'huge'
    branch(k, { big: () => scale(1), small: () => scale(2), huge: () => scale(3) });
    // @ts-expect-error a text may come of it
    scale(branch(k, { big: () => scale(1), small: () => label(1) }));
    const some = branch(maybe(1), { big: () => scale(1) });
    scale(some);
    expectTypeOf(map([1], (x) => branch(maybe(x), { big: () => scale(x) }))).toEqualTypeOf<
      CallHandle<readonly (number | null)[]>
    >();
    return some;
  });
});

test('tests compare what can be compared', () => {
  typed(() => {
    const energy = simulate({ temperature: 1 }).energy;
    expectTypeOf(
      when(
        is(energy.mean, '<', 0),
        () => scale(1),
        () => label(2),
      ),
    ).toEqualTypeOf<CallHandle<number | string>>();
    expectTypeOf(map([1], (x) => when(is(x, '>', 0), () => scale(x)))).toEqualTypeOf<
      CallHandle<readonly (number | null)[]>
    >();
    expectTypeOf(
      choose(
        { cold: [is(energy.mean, '<', 0), () => scale(1)], hot: [energy.mean, () => label(2)] },
        {
          otherwise: () => kind(3),
        },
      ),
    ).toEqualTypeOf<CallHandle<number | string>>();
    when(every(not(energy.mean), is(word(), '==', 'free')), () => scale(1));
    // @ts-expect-error a number is compared with a number
    is(energy.mean, '<', 'high');
    // @ts-expect-error records have no order
    is(energy, '<', { mean: 3 });
    // @ts-expect-error there is no such comparison
    expect(() => is(energy.mean, '=', 3)).toThrow('compared');
    // @ts-expect-error what is known already is no test
    expect(() => when(true, () => scale(1))).toThrow('no test');
    return energy;
  });
});

test('a loop keeps the type of its state', () => {
  typed(() => {
    const relaxed = loop({
      initial: { x: scale(1), step: 0 },
      body: (state, iteration) => {
        expectTypeOf(state.x).toEqualTypeOf<Part<number>>();
        return { x: scale(state.x), step: iteration };
      },
      until: (state) => is(state.x, '<', 1),
      maxIterations: 10,
    });
    expectTypeOf(relaxed.x).toExtend<Part<number>>();
    loop({
      initial: scale(1),
      // @ts-expect-error the state is a number
      body: (state) => label(state),
      until: (state) => is(state, '<', 1),
      maxIterations: 10,
    });
    loop({
      initial: { x: 1 },
      body: (state) => state,
      // @ts-expect-error the state has no such part
      until: (state) => is(state.y, '<', 1),
      maxIterations: 10,
    });
    return relaxed;
  });
});

test('what a nested workflow gives has its type', () => {
  const part = workflow('part', (p: { temperature: number }) => simulate(p).energy);

  typed(() => {
    const energy = part({ temperature: scale(1) });
    expectTypeOf(energy).toExtend<Part<Energy>>();
    // @ts-expect-error a temperature is a number
    part({ temperature: 'hot' });
    return energy;
  });
});
