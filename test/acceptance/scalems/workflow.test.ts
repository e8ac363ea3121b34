import { readFileSync } from 'node:fs';
import {
  AbstractWorkflowUpdater,
  CommandQueue,
  decodeMessage,
  dispatch,
  encodeMessage,
  executable,
  functionCall,
  getScope,
  type ItemDescription,
  localExecutor,
  manageExecution,
  QueueItem,
  RuntimeManager,
  scope,
  WorkflowManager,
} from 'heddle';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { arrived, bonds, relax } from './chain.ts';

/** scalems: a workflow manager's items, dispatched; and what its own runtime got wrong. */

let directory = '';
beforeEach(() => {
  directory = ownFolder('workflow');
});
afterEach(() => giveBack(directory));

const UID = 'a'.repeat(64);

describe('items', () => {
  test('that are added before and inside of the block are done at its end, on any backend', async () => {
    for (const backend of ['inline', 'threads', 'processes']) {
      await using manager = await WorkflowManager.open();
      const steps = manager.addItem(functionCall(relax, [3, { maxSteps: 99 }]));
      const found = manager.addItem(functionCall(bonds, [Float64Array.of(0, 1.5, 2), ['O', 'H', 'H']]));
      const views = [steps];
      {
        await using _ = await dispatch(manager, localExecutor({ backend }));
        views.push(manager.addItem(functionCall(relax, [5, { maxSteps: 99 }])));
        void steps.result().then(() => views.push(manager.addItem(functionCall(relax, [7, { maxSteps: 99 }]))));
      }

      expect(views.map(({ done }) => done)).toEqual([true, true, true]);
      expect(await steps.result()).toBe(await relax(3, { maxSteps: 99 }));
      expect(await found.result()).toEqual(bonds(Float64Array.of(0, 1.5, 2), ['O', 'H', 'H']));
    }
  });

  test('of equal behaviour and inputs are one, and the second is refused', async () => {
    await using manager = await WorkflowManager.open();
    const echo = manager.addItem(executable(['echo', 'a'], { label: 'first' }));
    const call = manager.addItem(functionCall(relax, [3, { maxSteps: 9 }]));

    expect(() => manager.addItem(executable(['echo', 'a'], { label: 'second', retries: 2 }))).toThrow(
      expect.objectContaining({ code: 'ITEM_DUPLICATE', details: { uid: echo.uid } }),
    );
    expect(() => manager.addItem(functionCall(relax, [3, { maxSteps: 9 }]))).toThrow("item 'relax' is there already");
    expect(manager.item(echo.uid)).toBe(echo);
    const others = [
      executable(['echo', 'b']),
      executable(['echo', 'a'], { environment: { A: '1' } }),
      executable(['echo', 'a'], { stdin: 'x' }),
      executable(['echo', 'a'], { outputs: { a: 'a.txt' } }),
      functionCall(relax, [3, { maxSteps: 10 }]),
      functionCall(relax, [echo as never, { maxSteps: 9 }]),
      functionCall(bonds, [Float64Array.of(3), []]),
    ].map((description) => manager.addItem<unknown>(description));
    expect(new Set([echo, call, ...others].map(({ uid }) => uid)).size).toBe(2 + others.length);
  });

  test('take files by what they hold', async () => {
    await using manager = await WorkflowManager.open();
    const one = await manager.datastore.addContent('x', { name: 'one' });
    manager.addItem(executable(['cat', 'inputs/data'], { inputs: { data: one } }));
    const other = await manager.datastore.addContent('x', { name: 'other' });

    expect(() => manager.addItem(executable(['cat', 'inputs/data'], { inputs: { data: other } }))).toThrow(
      'is there already',
    );
  });

  test('take the results of others, whole or in part', async () => {
    await using manager = await WorkflowManager.open();
    const sorted = manager.addItem(executable(['sort', '-n'], { stdin: ['10', '9'] }));
    const made = manager.addItem(
      executable(['sh', '-c', 'cat inputs/sorted "$0" >both.txt', sorted.part('stdout')], {
        inputs: { sorted: sorted.part('stdout') },
        outputs: { both: 'both.txt' },
      }),
    );
    const steps = manager.addItem(functionCall(relax, [3, { maxSteps: 99 }]));
    const more = manager.addItem(functionCall(relax, [steps, { maxSteps: 99 }]));
    {
      await using _ = await dispatch(manager);
    }

    expect(await (await made.result()).files['both']?.text()).toBe('9\n10\n9\n10\n');
    expect(await more.result()).toBe(await relax(await steps.result(), { maxSteps: 99 }));
  });

  test('stand anywhere in the arguments of a call, and files too', async () => {
    await using manager = await WorkflowManager.open();
    const steps = manager.addItem(functionCall(relax, [3, { maxSteps: 99 }]));
    const file = await manager.datastore.addContent('text', { name: 'a.txt' });
    const nested = manager.addItem(
      functionCall(arrived, [{ list: [steps], map: new Map([['a', steps]]), set: new Set([steps]), file } as never]),
    );
    const round: { self?: unknown } = {};
    round.self = round;
    const circle = manager.addItem(functionCall(arrived, [round as never]));
    {
      await using _ = await dispatch(manager);
    }

    const value = await steps.result();
    expect(await nested.result()).toEqual([[value], ['a', value], [value], 'text']);
    expect(await circle.result()).toEqual(['itself']);
    expect(() => manager.addItem(functionCall(arrived, [{ round, steps } as never]))).toThrow('holds itself');
  });

  test.each([
    [{ outputs: { a: '../a' } }, "has a file at '../a'"],
    [{ inputs: { '/etc/a': UID as never } }, "has a file at '/etc/a'"],
    [{ output: { a: 'a' } } as never, "did you mean 'outputs'?"],
  ])('are refused with paths that lead out, and unknown fields: %j', (options, message) => {
    const refusal = (): unknown => {
      try {
        return executable(['true'], options);
      } catch (error) {
        const { message: said, hint } = error as Error & { hint: string };
        return `${said}\n${hint}`;
      }
    };
    expect(refusal()).toContain(message);
    expect(() => executable([])).toThrow('a program and its arguments');
    expect(() => executable(['a\0b'])).toThrow('a program and its arguments');
    expect(() => executable(['echo', {} as never])).toThrow('a program and its arguments');
  });

  test('keep what programs write byte by byte', async () => {
    await using manager = await WorkflowManager.open();
    const bytes = manager.addItem(executable(['printf', String.raw`\377\0\r\n`]));
    {
      await using _ = await dispatch(manager);
    }

    expect([...readFileSync((await bytes.result()).stdout.path)]).toEqual([255, 0, 13, 10]);
  });

  test('have their result once, from one editor at a time', async () => {
    await using manager = await WorkflowManager.open();
    const { uid } = manager.addItem(executable(['true']));
    {
      using editor = manager.editItem(uid);
      expect(() => manager.editItem(uid)).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
      editor.setException(new Error('no'));
      expect(() => editor.setResult(1)).toThrow('has its exception already');
    }
    using editor = manager.editItem(uid);
    expect(() => editor.setException(new Error('again'))).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    expect(manager.item(uid).exception()?.message).toBe('no');
  });
});

describe('failures', () => {
  test('reach the caller: /bin/false is done, and the end of the block throws', async () => {
    await using manager = await WorkflowManager.open();
    const bad = manager.addItem(executable(['/bin/false']));
    const good = manager.addItem(executable(['true']));

    const block = async (): Promise<void> => {
      await using _ = await dispatch(manager);
    };

    await expect(block()).rejects.toMatchObject({ code: 'WORKFLOW_FAILED', cause: { code: 'TASK_FAILED' } });
    expect([bad.done, good.done]).toEqual([true, true]);
    await expect(bad.result()).rejects.toThrow("command '/bin/false' failed: exit code 1");
    expect((await good.result()).exitCode).toBe(0);
  });

  test('that were asked after are not told twice; what a function throws is what is thrown', async () => {
    await using manager = await WorkflowManager.open();
    const far = manager.addItem(functionCall(relax, [100, { maxSteps: 3 }]));
    {
      await using _ = await dispatch(manager);
      await expect(far.result()).rejects.toThrow('no convergence in 3 steps');
    }
    expect(far.exception()).toBeInstanceOf(RangeError);
    expect(far.exception()).toMatchObject({ code: 'E_DIVERGED' });
  });

  test('of an item reach those that need its result', async () => {
    await using manager = await WorkflowManager.open();
    const bad = manager.addItem(functionCall(relax, [100, { maxSteps: 3 }]));
    const after = manager.addItem(functionCall(relax, [bad, { maxSteps: 3 }]));
    {
      await using _ = await dispatch(manager);
      await expect(bad.result()).rejects.toThrow('no convergence');
      await expect(after.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED', cause: bad.exception() });
    }
  });

  test('that come at once hold up nobody', async () => {
    await using manager = await WorkflowManager.open();
    const outside = 3;
    const bound = manager.addItem(functionCall(() => outside, []));
    const good = manager.addItem(executable(['true']));
    {
      await using _ = await dispatch(manager, localExecutor({ backend: 'processes' }));
      await expect(bound.result()).rejects.toMatchObject({ code: 'FUNCTION_CANNOT_TRAVEL' });
    }
    expect(good.done).toBe(true);
  });
});

describe('a used directory', () => {
  test('has what is done there, and takes another command for another', async () => {
    const log = `${directory}/log`;
    const once = executable(['sh', '-c', 'echo once >>"$0"; echo made', log]);
    for (let i = 0; i < 2; i += 1) {
      await using manager = await WorkflowManager.open({ directory });
      const first = manager.addItem(once);
      const different = manager.addItem(executable(['echo', `different ${i}`]));
      expect([first.done, different.done]).toEqual([i === 1, false]);
      {
        await using _ = await dispatch(manager);
      }
      expect(await (await different.result()).stdout.text()).toBe(`different ${i}\n`);
      expect(await (await first.result()).stdout.text()).toBe('made\n');
    }
    expect(readFileSync(log, 'utf8')).toBe('once\n');
  });

  test('runs again what failed there', async () => {
    for (let i = 0; i < 2; i += 1) {
      await using manager = await WorkflowManager.open({ directory });
      const bad = manager.addItem(executable(['false']));
      expect(bad.done).toBe(false);
      {
        await using _ = await dispatch(manager);
        await expect(bad.result()).rejects.toThrow('exit code 1');
      }
    }
  });

  test('is one manager’s at a time', async () => {
    await using _ = await WorkflowManager.open({ directory });

    await expect(WorkflowManager.open({ directory })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });
});

describe('scopes', () => {
  test('nest for the same manager alone, and are restored', async () => {
    await using manager = await WorkflowManager.open();
    await using other = await WorkflowManager.open();

    await scope(manager, async () => {
      await Promise.resolve();
      expect(getScope()).toBe(manager);
      scope(manager, () => expect(getScope()).toBe(manager));
      expect(() => scope(other, () => undefined)).toThrow(expect.objectContaining({ code: 'SCOPE_INVALID' }));
      expect(getScope()).toBe(manager);
    });
    expect(() => getScope()).toThrow(expect.objectContaining({ code: 'SCOPE_INVALID' }));
    expect(() =>
      scope(manager, () => {
        throw new Error('out');
      }),
    ).toThrow('out');
    expect(() => getScope()).toThrow('no workflow manager is in scope');
  });

  test('of a closed manager are refused, and all else of it', async () => {
    const manager = await WorkflowManager.open();
    const left = manager.addItem(executable(['true']));
    await manager.close();

    const refused = expect.objectContaining({ code: 'SCOPE_INVALID' });
    expect(() => manager.addItem(executable(['echo']))).toThrow(refused);
    expect(() => manager.item(left.uid)).toThrow(refused);
    expect(() => manager.subscribe('addItem', () => undefined)).toThrow(refused);
    expect(() => scope(manager, () => undefined)).toThrow(refused);
    await expect(dispatch(manager)).rejects.toEqual(refused);
    await expect(left.result()).rejects.toEqual(refused);
  });

  test('items of another manager are refused', async () => {
    await using manager = await WorkflowManager.open();
    await using other = await WorkflowManager.open();
    const theirs = other.addItem(functionCall(relax, [3, { maxSteps: 9 }]));

    expect(() => manager.addItem(functionCall(relax, [theirs, { maxSteps: 9 }]))).toThrow(
      'belongs to another workflow manager',
    );
  });
});

describe('dispatching', () => {
  test('happens once at a time, and again behind', async () => {
    await using manager = await WorkflowManager.open();
    {
      await using _ = await dispatch(manager);
      await expect(dispatch(manager)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await expect(manager.close()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    }
    const late = manager.addItem(executable(['true']));
    {
      await using _ = await dispatch(manager);
    }
    expect(late.done).toBe(true);
  });

  test('is cancelled with all that is under way, waits, and is added behind', async () => {
    await using manager = await WorkflowManager.open();
    const long = manager.addItem(executable(['sleep', '300']));
    const after = manager.addItem(executable(['cat', long.part('stdout')]));
    {
      await using running = await dispatch(manager);
      await running.cancel();
      const late = manager.addItem(executable(['true']));
      for (const item of [long, after, late])
        await expect(item.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    }
  });

  test('that cannot begin leaves the manager free', async () => {
    await using manager = await WorkflowManager.open();
    const impossible = localExecutor({ engine: { slots: -1 } });

    await expect(dispatch(manager, impossible)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await using _ = await dispatch(manager);
  });

  test('tells subscribers of each item, each once', async () => {
    await using manager = await WorkflowManager.open();
    const heard: string[] = [];
    const listener = ({ addItem }: QueueItem): void => void heard.push(addItem as string);
    manager.subscribe('addItem', listener);

    expect(() => manager.subscribe('addItem', listener)).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    const first = manager.addItem(executable(['true']));
    manager.unsubscribe('addItem', listener);
    manager.addItem(executable(['true', '2']));

    expect(heard).toEqual([first.uid]);
  });

  test('goes from startup to shutdown once', async () => {
    await using manager = await WorkflowManager.open();
    const runtime = new RuntimeManager(manager);
    expect(() => runtime.updater()).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    const { done } = await runtime.runtimeStartup();

    await expect(runtime.runtimeStartup()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await runtime.runtimeShutdown();
    await runtime.runtimeShutdown();
    await done;

    expect([runtime.exception(), runtime.submittedTasks.size, runtime.runtime]).toEqual([undefined, 0, undefined]);
    await expect(runtime.commandQueue.put({ command: 'hello' })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });
});

/** Gives each item its own words back, or throws them. */
class Echo extends AbstractWorkflowUpdater {
  readonly order: string[] = [];

  protected async execute({ label }: ItemDescription): Promise<unknown> {
    this.order.push(label);
    await Promise.resolve();
    if (label.startsWith('bad')) throw new Error(label);
    return label;
  }
}

describe('messages', () => {
  test('are processed in order, the stop last; each item has its result or its exception', async () => {
    await using manager = await WorkflowManager.open();
    const updater = new Echo();
    const watchers: Promise<void>[] = [];
    const commandQueue = new CommandQueue();
    const items = ['one', 'bad two', 'three'].map((label) => manager.addItem(executable(['true', label], { label })));
    const running = manageExecution({
      commandQueue,
      updater: () => updater,
      editItem: (uid) => manager.editItem(uid),
      submitted: (watcher) => void watchers.push(watcher),
    });
    const unknown = commandQueue.put({ addItem: UID });
    const answers = [
      commandQueue.put({ command: 'hello' }),
      ...items.map(({ uid }) => commandQueue.put({ addItem: uid })),
      commandQueue.put({ command: 'version' }),
      commandQueue.put({ command: 'stop' }),
    ];

    await expect(commandQueue.put({ command: 'hello' })).rejects.toThrow('was told to stop');
    await expect(unknown).rejects.toMatchObject({ code: 'ITEM_NOT_FOUND' });
    expect(await Promise.all(answers)).toEqual([
      { hello: 'heddle' },
      ...items.map(({ uid }) => ({ addItem: uid })),
      { version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      { stopped: true },
    ]);
    await running;
    await Promise.all(watchers);
    expect(updater.order).toEqual(['one', 'bad two', 'three']);
    expect(items.map((item) => item.exception()?.message)).toEqual([undefined, 'bad two', undefined]);
    expect(await items[0]?.result()).toBe('one');
  });

  test('never hang: a reader that dies refuses what waits', async () => {
    const queue = new CommandQueue();
    const waiting = [queue.put({ command: 'hello' }), queue.put({ addItem: UID })];
    queue.close(new Error('the host is gone'));

    for (const message of [...waiting, queue.put({ command: 'stop' })])
      await expect(message).rejects.toMatchObject({ code: 'STATE_CONFLICT', cause: { message: 'the host is gone' } });
  });

  test('go round by text', () => {
    for (const message of [
      { command: 'hello' },
      { command: 'stop' },
      { command: 'version' },
      { addItem: UID },
    ] as const) {
      expect(decodeMessage(encodeMessage(message))).toEqual(new QueueItem(message));
      expect(JSON.parse(encodeMessage(new QueueItem(message)))).toEqual(message);
    }
  });

  test.each([
    [{}],
    [{ command: 'reboot' }],
    [{ command: 'stop', addItem: UID }],
    [{ command: ['stop'] }],
    [{ control: 'stop' }],
    [{ addItem: 'a1' }],
    [{ addItem: `${UID}\n` }],
    [[{ command: 'stop' }]],
    ['stop'],
    [null],
  ])('that are none are refused by all ways: %j', async (message) => {
    const refused = expect.objectContaining({ code: 'INPUT_INVALID' });
    expect(() => new QueueItem(message as never)).toThrow(refused);
    expect(() => encodeMessage(message as never)).toThrow(refused);
    expect(() => decodeMessage(JSON.stringify(message))).toThrow(refused);
    await expect(new CommandQueue().put(message as never)).rejects.toEqual(refused);
  });

  test('do not change behind the look at them', () => {
    const item = new QueueItem({ command: 'hello' });

    expect(() => Object.assign(item, { command: 'reboot' })).toThrow(TypeError);
    expect(() => decodeMessage('{"command": "stop"')).toThrow('no JSON');
  });
});
