import type { AnyNode, Identifier, Pattern, Program } from 'acorn';

/** A function as it is written, but for classes. */
export type FunctionNode = Extract<
  AnyNode,
  { readonly type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
>;

/** What a name is declared by. */
export type Binding = 'import' | 'variable' | 'parameter' | 'function' | 'class';

/** The names a piece of text declares for what is inside it. */
export interface Scope {
  readonly node: AnyNode;
  readonly names: ReadonlyMap<string, Binding>;
}

export function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression'
  );
}

/** The nodes right below a node, in the order of the text. */
export function childrenOf(node: AnyNode): readonly AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    if (Array.isArray(value)) for (const element of value) if (isNode(element)) children.push(element);
    if (isNode(value)) children.push(value);
  }
  return children;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as { readonly type?: unknown }).type === 'string';
}

/** What was found before: the text of a script is parsed once, and asked about for each of its functions. */
const known = new WeakMap<AnyNode, Scope>();

/** What a node declares for what is inside it; undefined when it declares nothing. */
export function scopeOf(node: AnyNode): Scope | undefined {
  const earlier = known.get(node);
  if (earlier !== undefined) return earlier;
  const names = namesOf(node);
  if (names.size === 0) return undefined;
  const scope = { node, names };
  known.set(node, scope);
  return scope;
}

function namesOf(node: AnyNode): ReadonlyMap<string, Binding> {
  const names = new Map<string, Binding>();
  if (node.type === 'Program') {
    declareBlock(node.body, names);
    hoistVariables(node, names);
  } else if (isFunction(node)) {
    if (node.type === 'FunctionExpression' && node.id) names.set(node.id.name, 'function');
    for (const parameter of node.params) declarePattern(parameter, 'parameter', names);
    if (node.body.type === 'BlockStatement') declareBlock(node.body.body, names);
    hoistVariables(node.body, names);
  } else if (node.type === 'BlockStatement') declareBlock(node.body, names);
  else if (node.type === 'StaticBlock') {
    declareBlock(node.body, names);
    hoistVariables(node, names);
  } else if (node.type === 'SwitchStatement') {
    for (const { consequent } of node.cases) declareBlock(consequent, names);
  } else if (node.type === 'ForStatement') declareBlock([node.init], names);
  else if (node.type === 'ForInStatement' || node.type === 'ForOfStatement') declareBlock([node.left], names);
  else if (node.type === 'CatchClause' && node.param) declarePattern(node.param, 'variable', names);
  else if ((node.type === 'ClassExpression' || node.type === 'ClassDeclaration') && node.id) {
    names.set(node.id.name, 'class');
  }
  return names;
}

function declareBlock(nodes: readonly (AnyNode | null | undefined)[], names: Map<string, Binding>): void {
  for (const node of nodes) {
    if (!node) continue;
    if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportDefaultDeclaration') {
      declareBlock([node.declaration as AnyNode | null], names);
    } else if (node.type === 'ImportDeclaration') {
      for (const { local } of node.specifiers) names.set(local.name, 'import');
    } else if (node.type === 'VariableDeclaration') {
      for (const { id } of node.declarations) declarePattern(id, 'variable', names);
    } else if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') {
      const { id } = node as { readonly id: Identifier | null };
      if (id) names.set(id.name, node.type === 'ClassDeclaration' ? 'class' : 'function');
    } else if (node.type === 'LabeledStatement') declareBlock([node.body], names);
  }
}

/** `var` belongs to the function around it, from however deep. */
function hoistVariables(node: AnyNode, names: Map<string, Binding>): void {
  for (const child of childrenOf(node)) {
    if (isFunction(child) || child.type === 'StaticBlock') continue;
    if (child.type === 'VariableDeclaration' && child.kind === 'var') {
      for (const { id } of child.declarations) declarePattern(id, 'variable', names);
    }
    hoistVariables(child, names);
  }
}

function declarePattern(pattern: Pattern, binding: Binding, names: Map<string, Binding>): void {
  switch (pattern.type) {
    case 'Identifier':
      if (!names.has(pattern.name)) names.set(pattern.name, binding);
      return;
    case 'ObjectPattern':
      for (const property of pattern.properties) {
        declarePattern(property.type === 'RestElement' ? property.argument : property.value, binding, names);
      }
      return;
    case 'ArrayPattern':
      for (const element of pattern.elements) if (element) declarePattern(element, binding, names);
      return;
    case 'RestElement':
      declarePattern(pattern.argument, binding, names);
      return;
    case 'AssignmentPattern':
      declarePattern(pattern.left, binding, names);
      return;
    case 'MemberExpression':
      return;
  }
}

/** A function in its text: what it is inside of, from the whole to its parent. */
export interface FoundFunction {
  readonly node: FunctionNode;
  readonly ancestors: readonly AnyNode[];
}

/** The function whose parameters begin at an offset: the innermost one around it. */
export function findFunction(program: Program, offset: number): FoundFunction | undefined {
  let found: FoundFunction | undefined;
  const path: AnyNode[] = [];
  const descend = (node: AnyNode): void => {
    if (isFunction(node)) found = { node, ancestors: [...path] };
    path.push(node);
    for (const child of childrenOf(node)) if (child.start <= offset && offset < child.end) descend(child);
    path.pop();
  };
  descend(program);
  return found;
}
