import type { AnyNode, Identifier, Literal, Pattern, Program } from 'acorn';

/** One thing a module exports, as its text says it. */
export interface StaticExport {
  readonly exported: string;
  /** The variable of the module that is exported; absent for what has no name of its own. */
  readonly local?: string;
  /** What stands behind `export default`, when that is no name. */
  readonly node?: AnyNode;
}

/** What a module exports of its own, by its text: it may still be running, and can't be asked then. */
export function staticExports(program: Program): readonly StaticExport[] {
  return program.body.flatMap((statement): readonly StaticExport[] => {
    if (statement.type === 'ExportDefaultDeclaration') return [defaultExport(statement.declaration as AnyNode)];
    if (statement.type !== 'ExportNamedDeclaration' || statement.source) return [];
    const listed = statement.specifiers.map(({ local, exported }) => ({
      exported: nameOf(exported),
      local: nameOf(local),
    }));
    return [
      ...listed,
      ...declaredNames(statement.declaration as AnyNode | null).map((name) => ({ exported: name, local: name })),
    ];
  });
}

function defaultExport(declaration: AnyNode): StaticExport {
  if (declaration.type === 'Identifier') return { exported: 'default', local: declaration.name };
  if (declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration') {
    const { id } = declaration as { readonly id: Identifier | null };
    if (id) return { exported: 'default', local: id.name };
  }
  return { exported: 'default', node: declaration };
}

function nameOf(node: Identifier | Literal): string {
  return node.type === 'Identifier' ? node.name : String(node.value);
}

function declaredNames(declaration: AnyNode | null): readonly string[] {
  if (declaration?.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => patternNames(id));
  if (declaration?.type === 'FunctionDeclaration' || declaration?.type === 'ClassDeclaration') {
    return [(declaration.id as Identifier).name];
  }
  return [];
}

function patternNames(pattern: Pattern): readonly string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element ? patternNames(element) : []));
    case 'RestElement':
      return patternNames(pattern.argument);
    case 'AssignmentPattern':
      return patternNames(pattern.left);
    case 'MemberExpression':
      return [];
  }
}
