/** Commands that do nothing, as many as `-p count=N` says. */
import { command, workflow, type Workflow } from 'heddle';

const nothing = command('true', { run: () => ['/bin/true'] });

const commands: Workflow<{ count: number }> = workflow('commands', (p: { count: number }) => {
  for (let i = 0; i < p.count; i += 1) nothing();
});

export default commands;
