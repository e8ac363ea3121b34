import { type App, app, executable, getScope } from 'heddle';

export const main: App = app(async () => {
  const broken = getScope().addItem(executable(['sh', '-c', 'echo no such force field >&2; exit 3']));
  await broken.result().catch((error: Error) => console.log(error.message));
});
