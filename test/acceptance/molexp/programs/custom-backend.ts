// A backend of one's own with nothing but executeTask.
import { BaseBackend, type BackendTask, Executor, LocalTask, TaskGraph } from 'heddle';

class CustomBackend extends BaseBackend {
  readonly config: object;

  constructor(config: object) {
    super();
    this.config = config;
  }

  async executeTask(task: BackendTask): Promise<unknown> {
    if (task.name === 'refused') throw new Error('Custom backend execution failed');
    return `${task.name} with ${JSON.stringify(task.inputs)}`;
  }
}

const executor = new Executor({ backend: new CustomBackend({}) });
const graph = new TaskGraph([
  new LocalTask('first', { func: () => 1, inputs: { x: 5 } }),
  new LocalTask('second', { commands: ['echo $y'], inputs: { y: 6 }, deps: ['first'] }),
]);
console.log(await executor.execute(graph));
try {
  await executor.executeTask(new LocalTask('refused', { func: () => 1 }));
} catch (error) {
  console.log((error as Error).name, ((error as Error).cause as Error).message);
}
