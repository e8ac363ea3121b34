import { type App, app, executable, getScope } from 'heddle';

export const main: App = app(async () => {
  const long = getScope().addItem(executable(['sh', '-c', 'touch "$0"; exec sleep 300', process.argv[2] as string]));
  await long.result();
});
