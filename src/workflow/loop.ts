import { checkFields, HeddleError } from '../model/index.ts';
import { recordBody, recordControl } from './body.ts';
import { type DataScope, toData } from './data.ts';
import type { Concrete } from './concrete.ts';
import type { CallHandle } from './handle.ts';
import { jsonPart, type Part, type Symbolic } from './placeholder.ts';
import { currentRecorder, type NodeRecord, Recorder, recorded } from './recorder.ts';
import { testData, type TestInput } from './tests.ts';

export interface LoopOptions<Initial> {
  /** What the first turn starts from: its type is that of the state. */
  readonly initial: Initial;
  /** One turn: from a state to the next. Called once, while the graph is built. `iteration` counts from 0. */
  readonly body: (state: Part<Concrete<Initial>>, iteration: Part<number>) => Symbolic<NoInfer<Concrete<Initial>>>;
  /** Asked of what each turn has left, so there is at least one. */
  readonly until: (state: Part<NoInfer<Concrete<Initial>>>, iteration: Part<number>) => TestInput;
  readonly maxIterations: number;
  /** Whether it fails when so many turns were not enough, or is content with what there is then. @default 'fail' */
  readonly atMost?: 'fail' | 'accept';
  readonly name?: string;
}

/**
 * Does the same again and again, each turn with what the last one left, until a test passes. Its value is the last state.
 *
 * @example
 * const relaxed = loop({
 *   initial: start(p),
 *   body: (state) => relax(state),
 *   until: (state) => is(state.force, '<', 1e-3),
 *   maxIterations: 50,
 * });
 *
 * @throws {HeddleError} GRAPH_INVALID, INPUT_INVALID, TEMPLATE_INVALID, PLACEHOLDER_USED
 */
export function loop<Initial>(options: LoopOptions<Initial>): CallHandle<Concrete<Initial>> {
  const recorder = currentRecorder('loop');
  checkFields(options, ['initial', 'body', 'until', 'maxIterations', 'atMost', 'name'], 'loop');
  const { initial, body, until, maxIterations, atMost = 'fail', name } = options;
  checkLimits(maxIterations, atMost);
  const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
  const data = toData(initial, scope, 'what a loop starts from');
  const turn = recordBody({ recorder, what: 'loop' }, (inputs) =>
    body(inputs('state') as Part<Concrete<Initial>>, inputs('iteration') as Part<number>),
  );
  const test = recordTest(recorder, scope, until);
  return recordControl<Concrete<Initial>>(recorder, {
    kind: 'loop',
    name,
    payload: {
      control: 'loop',
      initial: data,
      body: turn.body,
      until: test,
      maxIterations,
      ...(atMost === 'accept' ? { atMost } : {}),
    },
    uses: scope.uses,
    bodies: [turn],
  });
}

/** The test stands where the body stands: what it asks of the state is a hole as there. */
function recordTest(
  outer: Recorder,
  scope: DataScope,
  until: (state: never, iteration: Part<number>) => TestInput,
): unknown {
  const recorder = new Recorder(outer.workflow, { recorder: outer, what: 'loop' });
  const part = (what: 'state' | 'iteration'): Part<number> => jsonPart({ origin: { recorder, what }, path: [] });
  return recorded(recorder, () => {
    const uses = new Set<NodeRecord>();
    const test = testData(until(part('state') as never, part('iteration')), { recorder, uses }, 'until');
    if (recorder.size > 0)
      throw new HeddleError('GRAPH_INVALID', 'until of a loop calls a task', {
        hint: 'let the body return what until asks for, beside the state',
      });
    for (const record of uses) scope.uses.add(record);
    return test;
  });
}

function checkLimits(maxIterations: unknown, atMost: unknown): void {
  if (!Number.isSafeInteger(maxIterations) || (maxIterations as number) < 1)
    throw new HeddleError('INPUT_INVALID', `maxIterations of a loop can't be ${String(maxIterations)}`, {
      hint: 'give a whole number, 1 or more: a loop has an end',
    });
  if (atMost !== 'fail' && atMost !== 'accept')
    throw new HeddleError('INPUT_INVALID', `atMost of a loop can't be '${String(atMost)}'`, {
      hint: "'fail', or 'accept' for what there is after the last turn",
    });
}
