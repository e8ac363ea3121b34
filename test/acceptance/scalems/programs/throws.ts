import { type App, app } from 'heddle';

export const main: App = app(() => {
  throw new RangeError('the box is too small');
});
