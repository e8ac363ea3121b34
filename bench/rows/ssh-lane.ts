import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sshTransport } from '../../src/backends/transport/index.ts';
import { targetSettings } from '../../src/config/index.ts';
import { Engine, GraphBuilder } from '../../src/index.ts';
import { targetBackends } from '../../src/jobs/index.ts';
import { systemClock } from '../../src/process/index.ts';
import { callOf, payloadOf } from '../calls.ts';
import { component } from '../component.ts';
import { quantile, scratch } from '../engine.ts';
import { type Figures, ms, type Row, times } from '../row.ts';

const CALLS = 300;
const WARM_UP = 20;
const TIMES_BUDGET = 1.2;
const MORE_BUDGET_MS = 2;
const NOTHING: Figures = { callMs: Number.NaN, roundTripMs: Number.NaN };

/** There and back over a connection of the transport that lanes use, behind which `cat` answers. */
async function roundTrip(config: string): Promise<number> {
  await using transport = sshTransport({ host: 'h1', config, clock: systemClock });
  const { input, output, close } = transport.connect('exec cat');
  const times = new Float64Array(CALLS);
  for (let i = -WARM_UP; i < CALLS; i += 1) {
    const begin = performance.now();
    const answered = new Promise((resolve) => output.once('data', resolve));
    input.write('x'.repeat(100));
    await answered;
    if (i >= 0) times[i] = performance.now() - begin;
  }
  close();
  return quantile(times, 0.5);
}

/** Calls one after the other, each when the one before it has been told. */
async function calls(config: string): Promise<number> {
  await using directory = await scratch('memory');
  await chmod(directory.path, 0o755);
  const project = fileURLToPath(new URL('..', import.meta.url));
  const target = targetSettings('far', { hosts: [{ ssh: 'h1', config, cpus: 1 }], sharedFiles: true }, project);
  await using engine = await Engine.open({ project, backends: [...(await targetBackends([target]))] });
  const times = new Float64Array(CALLS);
  for (let i = -WARM_UP; i < CALLS; i += 1) {
    const builder = new GraphBuilder('call');
    builder.add('call', { definition: builder.definition(callOf('far')), payload: payloadOf('noop') });
    const graph = builder.build();
    const begin = performance.now();
    const view = await (await engine.run(graph)).wait();
    if (view.status !== 'done') throw new Error(`the call ended ${JSON.stringify(view)}`);
    if (i >= 0) times[i] = performance.now() - begin;
  }
  return quantile(times, 0.5);
}

async function measure(): Promise<Figures> {
  using sshd = component('sshd');
  const config = sshd?.env['SSHD_CONFIG'];
  if (config === undefined) return NOTHING;
  return { roundTripMs: await roundTrip(config), callMs: await calls(config) };
}

/** Calls on another host. */
export const sshLane: Row = {
  name: 'ssh-lane',
  repetitions: 1,
  probes: { lane: { run: measure } },
  conclude(median) {
    const call = median('lane', 'callMs');
    const trip = median('lane', 'roundTripMs');
    if (Number.isNaN(call)) return [];
    return [
      {
        what: 'a call on a warm lane over ssh, p50',
        ours: ms(call),
        rival: `${ms(trip)} a round trip`,
        ratio: times(call / trip),
        budget: `<= ${TIMES_BUDGET} x + ${MORE_BUDGET_MS} ms`,
        isMet: call <= TIMES_BUDGET * trip + MORE_BUDGET_MS,
        method: `${CALLS} runs of one no-op call each on a real sshd of this machine, Node by its path; the round trip is 100 bytes to cat and back by the same ssh`,
      },
    ];
  },
};
