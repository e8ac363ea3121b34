import { type App, app } from 'heddle';

export const prepare: App = app(() => undefined);
export const analyse: App = app(() => undefined);
