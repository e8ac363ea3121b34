import { HeddleError, workflowFromYaml } from 'heddle';
import { expect, test } from 'vitest';

/** Reads a workflow, builds it, and gives what is told of its mistake. */
async function told(yaml: string, parameters: object = {}): Promise<string> {
  try {
    const { workflow } = await workflowFromYaml(yaml, { directory: import.meta.dirname, file: 'flow.yaml' });
    workflow.build(parameters as Readonly<Record<string, never>>);
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    return [`${error.code} ${error.message}`, ...(error.hint === undefined ? [] : [error.hint])].join('\n');
  }
  return 'nothing is wrong';
}

/** A document with these tasks, which begin in line 5. */
function flow(tasks: string, rest = ''): string {
  return `heddle: 1\nname: flow\nparameters: { temperature: 1, names: [a] }\ntasks:\n${tasks}\n${rest}`;
}

const CASES: readonly (readonly [what: string, yaml: string, told: string])[] = [
  [
    'a name in a command that nobody has',
    flow('  md:\n    run: |\n      cd run\n      ./md --temp ${temprature}'),
    "TEMPLATE_INVALID flow.yaml:8:19: tasks.md.run: ${temprature} is neither an input, nor a parameter, nor a task\ndid you mean 'temperature'? (the shell's own is written $${temprature})",
  ],
  [
    "the shell's own variable, not marked as such",
    flow('  md:\n    run: echo $HOME'),
    "TEMPLATE_INVALID flow.yaml:6:15: tasks.md.run: $HOME is neither an input, nor a parameter, nor a task\nthere is project, md, temperature, names; the shell's own is written $$HOME",
  ],
  [
    "the shell's own expansion",
    flow('  md: { run: "echo ${x:-1}" }'),
    "TEMPLATE_INVALID flow.yaml:5:20: tasks.md.run: ${x:-1} is no reference\nwrite ${name}, ${name.part} or ${name[0]}; what is the shell's own is written with two dollars: $${x:-1}",
  ],
  [
    'a value inside quotes',
    flow("  md:\n    run: echo 'at ${temperature}'"),
    "TEMPLATE_INVALID flow.yaml:6:19: tasks.md.run: ${temperature} stands inside single quotes: values are quoted already, drop the quotes around it\na value must stand where a word of the command can; the shell's own is written $${temperature}",
  ],
  [
    'raw text where no shell is',
    flow('  md: { run: [ echo, "${raw:temperature}" ] }'),
    'TEMPLATE_INVALID flow.yaml:5:23: tasks.md.run[1]: ${raw:temperature} stands where no shell reads\nwrite ${temperature}: raw is for the text of run',
  ],
  [
    'an output that a command has not',
    flow('  md: { run: x, outputs: { energy: { json: e.json } } }\n  fit:\n    run: fit ${md.enrgy}'),
    "TEMPLATE_INVALID flow.yaml:7:14: tasks.fit.run: 'md' has no output 'enrgy'\ndid you mean 'energy'?",
  ],
  [
    'a part of a file',
    flow('  md: { run: x, outputs: { energy: { file: e.json } } }\n  fit:\n    run: fit ${md.energy.mean}'),
    "TEMPLATE_INVALID flow.yaml:7:14: tasks.fit.run: 'energy' of 'md' is a file, and has no part 'mean'\ndeclare it with json: to take parts of it",
  ],
  [
    'a part of a value as an input file',
    flow(
      '  md: { run: x, outputs: { energy: { json: e.json } } }\n  fit: { run: fit, inputs: { e: "${md.energy.mean}" } }',
    ),
    "TEMPLATE_INVALID flow.yaml:6:34: tasks.fit.inputs.e: 'mean' is a part of 'energy' of 'md', which is no file\ntake all of it, ${md.energy}, or put the value into run",
  ],
  [
    'an element outside of each',
    flow('  md: { run: "x ${item}" }'),
    "TEMPLATE_INVALID flow.yaml:5:17: tasks.md.run: ${item} means something beside each only\nthere is project, md, temperature, names; the shell's own is written $${item}",
  ],
  [
    'an unknown key of a task',
    flow('  md:\n    run: x\n    resource: {}'),
    "INPUT_INVALID flow.yaml:7:5: tasks.md.resource: is not known here\ndid you mean 'resources'?",
  ],
  [
    'an unknown key further in',
    flow('  md:\n    run: x\n    resources: { cpu: 3 }'),
    "INPUT_INVALID flow.yaml:7:18: tasks.md.resources.cpu: is not known here\ndid you mean 'cpus'?",
  ],
  [
    'wrong units, all at once',
    flow('  md:\n    run: x\n    resources:\n      memory: 8GBB\n      time: 2 hours'),
    'INPUT_INVALID flow.yaml:8:15: tasks.md.resources.memory: is "8GBB": can\'t be read as a size: write 8GiB, 500MB, or bytes as a number\nflow.yaml:9:13: tasks.md.resources.time: is "2 hours": can\'t be read as a span of time: write 90s, 1h30m, 2d, or milliseconds as a number',
  ],
  [
    'a wrong type',
    flow('  md: { run: x, retry: { maxAttempts: 0 } }'),
    'INPUT_INVALID flow.yaml:5:39: tasks.md.retry.maxAttempts: is 0: must be a whole number, 1 or more',
  ],
  [
    'a task that does nothing, by a slip',
    flow('  md:\n    rum: x'),
    "INPUT_INVALID flow.yaml:6:5: tasks.md.rum: is not known here\ndid you mean 'run'?",
  ],
  [
    'a task that does two things',
    flow('  md: { run: x, call: ./functions.ts#fit }'),
    'INPUT_INVALID flow.yaml:5:7: tasks.md: has run and call: a task does one thing\nmake a task of each',
  ],
  [
    'no tasks',
    'heddle: 1\nname: flow\n',
    'INPUT_INVALID flow.yaml:1:1: tasks: is missing\nit must be a map of names to tasks',
  ],
  [
    'a version of the format that is to come',
    'heddle: 2\nname: flow\ntasks: {}\n',
    'INPUT_INVALID flow.yaml:1:9: heddle: is 2: must be 1, the version of this format',
  ],
  ['an empty file', '', 'INPUT_INVALID flow.yaml:1:1: a workflow is a map: heddle, name, tasks'],
  [
    'the same key twice',
    flow('  md: { run: x }\n  md: { run: y }'),
    'INPUT_INVALID flow.yaml:6:3: the same key stands twice\nsay it once',
  ],
  [
    'a tab',
    'heddle: 1\nname: flow\ntasks:\n\tmd: 1\n',
    'INPUT_INVALID flow.yaml:4:1: a tab indents the line\nindent by spaces',
  ],
  [
    'a second document',
    flow('  md: { run: x }', '---\nheddle: 1\n'),
    'INPUT_INVALID flow.yaml:6:1: a second document begins\none file is one workflow: drop the ---, or make it a file of its own',
  ],
  [
    'an alias to nothing',
    flow('  md: *base'),
    "INPUT_INVALID flow.yaml:5:7: there is no anchor '&base' before the alias '*base'\nan alias repeats what was marked before",
  ],
  [
    'a number that no number can hold',
    flow('  fit: { call: ./functions.ts#fit, args: [12345678901234567890] }'),
    'INPUT_INVALID flow.yaml:5:43: 12345678901234567890 is larger than a number can be exact\nput it in quotes',
  ],
  [
    'a key of no text',
    flow('  __proto__: { run: x }'),
    "INPUT_INVALID flow.yaml:5:3: '__proto__' is no key\nchoose another name",
  ],
  [
    'a module that is not there',
    flow('  fit: { call: ./function.ts#fit }'),
    "INPUT_INVALID flow.yaml:5:16: tasks.fit.call: there is no file './function.ts'\ndid you mean 'functions.ts'?",
  ],
  [
    'an export that is not there',
    flow('  fit: { call: ./functions.ts#analyse }'),
    "INPUT_INVALID flow.yaml:5:16: tasks.fit.call: functions.ts exports no 'analyse'\ndid you mean 'analyze'?",
  ],
  [
    'tasks that wait for each other',
    flow('  md: { run: x, after: fit }\n  fit: { run: x, after: md }'),
    "GRAPH_CYCLE flow.yaml:5:3: tasks.md: waits for itself: 'md' needs 'fit' needs 'md'",
  ],
  [
    'waiting for nobody',
    flow('  relax: { run: x }\n  fit: { run: x, after: [relx] }'),
    "INPUT_INVALID flow.yaml:6:26: tasks.fit.after[0]: 'relx' is no task here\ndid you mean 'relax'?",
  ],
  [
    'an output that is published twice',
    flow('  md: { each: [1, 2], run: x, outputs: { e: { json: e, publish: e.json } } }'),
    "GRAPH_INVALID flow.yaml:5:3: tasks: 'md-1' and 'md-2' both publish 'e.json'\npublish under a path with a parameter in it: .publish((p) => `.../${p.x}.json`), in YAML publish: .../${x}.json",
  ],
  [
    'an output outside of the work directory',
    flow('  md: { run: x, outputs: { e: { json: ../e.json } } }'),
    "INPUT_INVALID flow.yaml:5:7: tasks.md: output 'e' of 'md' has the path '../e.json'\ngive a path below the work directory, without ..",
  ],
  [
    'an input that takes a value and passes it to nobody',
    flow('  md: { run: x, outputs: { e: { json: e } } }\n  fit: { run: y, with: { e: "${md.e}" } }'),
    'INPUT_INVALID flow.yaml:6:26: tasks.fit.with.e: takes ${md.e} and is used nowhere\nuse ${e}, or write after: md to wait only',
  ],
  [
    'text around a value that is not known before the run',
    flow('  md: { run: x }\n  fit: { call: ./functions.ts#fit, args: ["at ${md}"] }'),
    'TEMPLATE_INVALID flow.yaml:6:47: tasks.fit.args[0]: ${md} is not known before the run, and stands inside of a text\nlet it stand alone; in run, publish and arguments of programs text may stand around it',
  ],
  [
    'each of what is no list',
    flow('  md: { each: $temperature, run: x }'),
    'INPUT_INVALID flow.yaml:5:15: tasks.md.each: is no list: 1\ngive [a, b, c], or a value that will be a list',
  ],
  [
    'a loop that asks nothing',
    flow(
      "  md:\n    loop: { from: 1, until: { left: 1, compare: '>', right: 2 }, maxIterations: 3 }\n    call: ./functions.ts#fit\n    args: [$state]",
    ),
    "INPUT_INVALID flow.yaml:6:29: tasks.md.loop.until: asks nothing of ${state}\nuntil: { left: ${state.error}, compare: '<', right: 0.1 }",
  ],
  [
    'a field beside nothing it belongs to',
    flow('  md: { run: x, maxConcurrency: 3 }'),
    'INPUT_INVALID flow.yaml:5:17: tasks.md.maxConcurrency: means nothing without each',
  ],
  [
    'a default of another type',
    'heddle: 1\nname: flow\nparameters:\n  t: { type: number, default: hot }\ntasks: { md: { run: x } }',
    'INPUT_INVALID flow.yaml:4:31: parameters.t.default: is "hot", and must be a number',
  ],
  [
    'a parameter that must be given',
    'heddle: 1\nname: flow\nparameters:\n  t: { type: number }\ntasks: { md: { run: x $t } }',
    "PARAMETER_INVALID flow.yaml:4:6: parameters.t: parameter 't' is missing\ngive it: -p t=..., or a default in the file",
  ],
  [
    'an empty parameter space',
    flow('  md: { run: x $temperature }', 'experiment: { grid: { temperature: [] } }'),
    "INPUT_INVALID flow.yaml:6:36: experiment.grid.temperature: grid: the parameter space is empty: 'temperature' has no values\ngive it at least one, or leave it out",
  ],
  [
    'a space that varies what is no parameter',
    flow('  md: { run: x $temperature }', 'experiment:\n  grid:\n    temprature: [1, 2]'),
    "PARAMETER_INVALID flow.yaml:8:17: experiment.grid.temprature: parameter 'temprature' is not one of the workflow\ndid you mean 'temperature'? it takes names, temperature",
  ],
  [
    'a value of a space that its parameter can not have',
    flow('  md: { run: x $temperature }', 'experiment:\n  grid:\n    temperature: [1, hot]'),
    'PARAMETER_INVALID flow.yaml:8:18: experiment.grid.temperature: parameter \'temperature\' is "hot", and must be a number\ngive another value',
  ],
  [
    'a condition about nothing',
    flow(
      '  md: { run: x $temperature }',
      "experiment:\n  grid: { temperature: [1, 2] }\n  where: { left: temperatur, compare: '<', right: 1 }",
    ),
    "PARAMETER_INVALID flow.yaml:8:10: experiment.where.temperatur: a condition names 'temperatur', which the space has not\ndid you mean 'temperature'? It has temperature",
  ],
  [
    'different parts of a list that is known only in the run',
    flow(
      '  all: { call: ./functions.ts#samples, args: [2] }\n  look: { each: $all, call: ./functions.ts#inspect, args: ["${item.id}"] }',
      'result: [ "${look.kind}", "${look.size}" ]',
    ),
    "TEMPLATE_INVALID flow.yaml:7:28: result[1]: ${look.size} and ${look.kind} ask for different parts of a map\nof a list that is known only in the run, 'look' gives one part: let a function take it apart, or take ${look} whole",
  ],
];

test.each(CASES)('%s is told with its place and the mend', async (_, yaml, expected) => {
  expect(await told(yaml)).toBe(expected);
});

test('aliases of aliases of aliases end before memory does', async () => {
  const levels = 'abcdefghij'.split('');
  const bomb = levels.map((name, i) => {
    const previous = levels[i - 1];
    return `  ${name}: &${name} [${Array.from({ length: 9 }, () => (previous === undefined ? 'x' : `*${previous}`)).join(', ')}]`;
  });

  const text = await told(`heddle: 1\nname: flow\nparameters:\n${bomb.join('\n')}\ntasks: { md: { run: x } }\n`);

  expect(text).toBe(
    'INPUT_INVALID flow.yaml:1:1: refers by aliases to more than is sensible\nat most 1000 aliases are followed, each with those inside of it',
  );
});

test('nesting without an end is refused, not followed', async () => {
  expect(await told(`heddle: 1\nname: flow\ntasks: ${'['.repeat(100_000)}`)).toMatch(
    /nested deeper than|nested deeper/,
  );
  expect(
    await told(`heddle: 1\nname: flow\nparameters: { x: ${'['.repeat(500)}${']'.repeat(500)} }\ntasks: {}\n`),
  ).toMatch(/^INPUT_INVALID flow.yaml:3:\d+: is nested deeper than 100/);
});

test('a parameter that is given must be known, of its type, and used', async () => {
  const yaml = flow('  md: { run: "x ${temperature}", with: { steps: 10 } }');

  expect(await told(yaml, { temprature: 2 })).toBe(
    "PARAMETER_INVALID parameter 'temprature' is not one of the workflow\ndid you mean 'temperature'? it takes names, steps, temperature",
  );
  expect(await told(yaml, { temperature: 'hot' })).toBe(
    'PARAMETER_INVALID flow.yaml:3:28: parameters.temperature: parameter \'temperature\' is "hot", and must be a number\ngive another value',
  );
  expect(await told(yaml, { names: ['b'] })).toBe(
    "PARAMETER_INVALID flow.yaml:3:38: parameters.names: parameter 'names' is not used by the workflow\nrefer to it in a task: ${names}",
  );
});

test('a parameter never takes the place of a value that a task gives', async () => {
  const yaml = flow('  md: { each: [1, 2], run: "x ${t}", with: { t: $item } }');

  expect(await told(yaml, { t: 3 })).toBe(
    "PARAMETER_INVALID flow.yaml:5:46: tasks.md.with.t: parameter 't' would take the place of $item in 'md'\ngive the input or the parameter another name",
  );
});
