import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Sandbox } from './harness.ts';

const GREET = `
heddle: 1
name: greet
parameters: { names: [ada], greeting: hello }
tasks:
  greet:
    each: $names
    with: { mark: '!' }
    run: echo $greeting \${item}$mark "$(echo sub)" $$HEDDLE_MARK \\$x '*' > out.txt
    environment: { HEDDLE_MARK: marked }
    outputs: { said: { text: out.txt, publish: "greetings/\${item}.txt" } }
result: \${greet.said}
`;

/** Says on stderr when one of the libraries that read YAML is loaded. */
const WATCH = `
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const found = /node_modules\\/(zod|yaml)\\//.exec(url);
    if (found !== null) process.stderr.write('loaded ' + found[1] + '\\n');
    return next(url, context);
  },
});
`;

describe('heddle run workflow.yaml', () => {
  test('values reach the command as they are, whatever a shell would make of them', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('greet.yaml', GREET);
    const names = JSON.stringify(['$(touch hacked)', "it's; `id`"]);

    const ended = await sandbox.run([
      'run',
      'greet.yaml',
      '-p',
      `names=${names}`,
      '-p',
      'mark=?',
      '-p',
      'greeting=a  b',
    ]);

    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toEqual([
      'a  b $(touch hacked)? sub marked $x *\n',
      "a  b it's; `id`? sub marked $x *\n",
    ]);
    expect(existsSync(join(sandbox.folder, 'hacked'))).toBe(false);
  });

  test('inputs of tasks are overridden by parameters of their name', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('greet.yaml', GREET);

    const plain = await sandbox.run(['run', 'greet.yaml']);
    const given = await sandbox.run(['run', 'greet.yaml', '-p', 'mark=?', '-p', 'names=["a b","$HOME"]']);

    expect(plain).toMatchObject({ code: 0 });
    expect(JSON.parse(plain.stdout)).toEqual(['hello ada! sub marked $x *\n']);
    expect(JSON.parse(given.stdout)).toEqual(['hello a b? sub marked $x *\n', 'hello $HOME? sub marked $x *\n']);
  });

  test('a mistake ends with code 2 before there is a run', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('greet.yaml', GREET.replace('$greeting', '$greting'));

    const ended = await sandbox.run(['run', 'greet.yaml']);

    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toBe(
      "heddle: greet.yaml:9:15: tasks.greet.run: $greting is neither an input, nor a parameter, nor a task\n  did you mean 'greeting'? (the shell's own is written $$greting)\n",
    );
    expect(existsSync(join(sandbox.folder, '.heddle'))).toBe(false);
  });

  test('plan and graph say what would run', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('greet.yaml', GREET);

    const plan = await sandbox.json<{ jobs: readonly { job: string }[] }>([
      'plan',
      'greet.yaml',
      '-p',
      'names=["a","b"]',
    ]);
    const graph = await sandbox.json<{ name: string; tasks: readonly unknown[] }>(['graph', 'greet.yaml']);

    expect(plan.jobs.map(({ job }) => job)).toEqual(['greet-1', 'greet-2']);
    expect(graph).toMatchObject({ name: 'greet', tasks: [{ name: 'greet-1' }] });
  });

  test('what reads YAML is loaded for YAML only', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('greet.yaml', GREET);
    sandbox.write(
      'greet.ts',
      "import { sh, command, workflow } from 'heddle';\nconst greet = command('greet', { run: () => sh`true` });\nexport default workflow('greet', () => greet());\n",
    );
    const env = { NODE_OPTIONS: `--import=${sandbox.write('watch.mjs', WATCH)}` };

    const typescript = await sandbox.run(['run', 'greet.ts'], { env });
    const yaml = await sandbox.run(['run', 'greet.yaml'], { env });

    expect(typescript).toMatchObject({ code: 0 });
    expect(typescript.stderr).not.toContain('loaded');
    expect(yaml.stderr).toContain('loaded zod');
    expect(yaml.stderr).toContain('loaded yaml');
  });

  test('heddle schema writes what editors take', async () => {
    await using sandbox = new Sandbox();

    const schema = await sandbox.json<{ title: string; required: readonly string[] }>(['schema']);

    expect(schema).toMatchObject({ title: 'Heddle workflow', required: ['heddle', 'name', 'tasks'] });
  });
});
