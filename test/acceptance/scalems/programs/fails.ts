import { type App, app, executable, getScope } from 'heddle';

/** Adds one that fails, and asks nobody what became of it. */
export const main: App = app(() => {
  getScope().addItem(executable(['/bin/false']));
});
