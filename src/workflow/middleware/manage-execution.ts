import { asError } from '../../model/index.ts';
import type { CommandQueue } from './command-queue.ts';
import type { ItemEditor } from './item.ts';
import type { Answer, QueueItem } from './messages.ts';
import { packageVersion } from './package-version.ts';
import type { AbstractWorkflowUpdater } from './updater.ts';

/** What `manageExecution` needs of a runtime. */
export interface ManagedExecutor {
  readonly commandQueue: CommandQueue;
  updater(): AbstractWorkflowUpdater;
  editItem(uid: string): ItemEditor;
  /** Told of each watcher as it starts. */
  submitted(watcher: Promise<void>): void;
}

/**
 * Processes the messages of a runtime, one after the other in their order, until the stop, which is the last. A message that can't
 * be done is refused to whoever put it and holds up no other: an item that fails at once has its exception, and the next is taken.
 */
export async function manageExecution(executor: ManagedExecutor): Promise<void> {
  const { commandQueue } = executor;
  try {
    for (;;) {
      const message = await commandQueue.take();
      if (message === undefined) return;
      try {
        message.answer(processMessage(message.item, executor));
      } catch (error) {
        message.refuse(asError(error));
      }
      if (message.item.command === 'stop') return;
    }
  } finally {
    // Whoever still waits for an answer hears that there is none.
    commandQueue.close();
  }
}

function processMessage({ command, addItem }: QueueItem, executor: ManagedExecutor): Answer {
  switch (command) {
    case 'hello':
      return { hello: 'heddle' };
    case 'version':
      return { version: packageVersion() };
    case 'stop':
      return { stopped: true };
    case undefined:
      break;
  }
  return submit(addItem as string, executor);
}

function submit(uid: string, executor: ManagedExecutor): Answer {
  const editor = executor.editItem(uid);
  // What was done in this directory before needs nobody.
  if (editor.view.done) editor[Symbol.dispose]();
  else executor.submitted(executor.updater().submit(editor));
  return { addItem: uid };
}
