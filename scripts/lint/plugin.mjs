import { dirname, relative, resolve, sep } from 'node:path';
import { forbidden } from './rooms.mjs';

/** Reports an import that goes against the arrows of `rooms.mjs`, wherever it stands: import, export from, import(), import type. */
const arrows = {
  create(context) {
    const src = resolve(context.cwd, 'src');
    const from = relative(src, context.filename);
    const check = (source) => {
      const specifier = source?.value;
      if (from.startsWith('..') || typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const to = relative(src, resolve(dirname(context.filename), specifier));
      if (to.startsWith('..'))
        return context.report({ node: source, message: 'src/ may not import what is outside it' });
      const why = forbidden(from.split(sep).join('/'), to.split(sep).join('/'));
      if (why !== undefined) context.report({ node: source, message: why });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument),
    };
  },
};

/** Reports `new Date()`: a clock read where nobody looks for one. With an argument it only converts. */
const clock = {
  create(context) {
    return {
      NewExpression(node) {
        if (node.callee.type !== 'Identifier' || node.callee.name !== 'Date' || node.arguments.length > 0) return;
        context.report({
          node,
          message: 'Time comes in through Clock (src/model/clock.ts): convert clock.now().wall.',
        });
      },
    };
  },
};

export default { meta: { name: 'heddle' }, rules: { arrows, clock } };
