import { isBuiltin } from 'node:module';
import type { AnyNode, Identifier } from 'acorn';
import {
  type Binding,
  childrenOf,
  type FoundFunction,
  type FunctionNode,
  isFunction,
  type Scope,
  scopeOf,
} from './scopes.ts';

/** A name a function uses and does not declare. */
export interface FreeName {
  readonly name: string;
  /** What declares it in the text around; undefined when nothing does. */
  readonly binding: Binding | undefined;
  /** Declared at the top of its file, not inside of a function. */
  readonly top: boolean;
  /** Where it is used, in the text. */
  readonly at: number;
}

/** What a function takes from where it stands. */
export interface Surroundings {
  readonly free: readonly FreeName[];
  /** Other ties to its place: `this` of what is around, `super`, private names, `import.meta`, imports by path, `eval`. */
  readonly ties: readonly Tie[];
}

/** With the function as its subject: `uses 'this' of ...`. */
export interface Tie {
  readonly what: string;
  readonly hint: string;
}

/** How far inside the function the walk is: what binds `this`, `super` and private names there. */
interface Inside {
  readonly bindsThis: boolean;
  readonly bindsSuper: boolean;
  readonly privateNames: readonly string[];
}

/**
 * Finds by its text what a function uses of what is around it: names by the scoping rules of ECMAScript (chapter 9),
 * and what is bound to its place without a name.
 */
export function surroundingsOf({ node, ancestors }: FoundFunction): Surroundings {
  return new Walk(ancestors).function(node);
}

class Walk {
  readonly #outer: readonly Scope[];
  readonly #inner: Scope[] = [];
  readonly #free = new Map<string, FreeName>();
  readonly #ties = new Map<string, Tie>();

  constructor(ancestors: readonly AnyNode[]) {
    this.#outer = ancestors.flatMap((ancestor) => scopeOf(ancestor) ?? []);
  }

  function(node: FunctionNode): Surroundings {
    // Written out as an expression, a function with a name knows itself by it.
    if (node.id) this.#inner.push({ node, names: new Map([[node.id.name, 'function']]) });
    this.#scoped(node, { bindsThis: node.type !== 'ArrowFunctionExpression', bindsSuper: false, privateNames: [] });
    return { free: [...this.#free.values()], ties: [...this.#ties.values()] };
  }

  #scoped(node: AnyNode, inside: Inside): void {
    const scope = scopeOf(node);
    if (scope !== undefined) this.#inner.push(scope);
    for (const child of childrenOf(node)) this.#visit(child, node, inside);
    if (scope !== undefined) this.#inner.pop();
  }

  #visit(node: AnyNode, parent: AnyNode, around: Inside): void {
    const inside = within(node, parent, around);
    switch (node.type) {
      case 'Identifier':
        if (isReference(node, parent)) this.#refer(node, parent, inside);
        return;
      case 'ThisExpression':
        if (!inside.bindsThis) this.#tie("uses 'this' of what is around it");
        return;
      case 'Super':
        if (!inside.bindsSuper) this.#tie("uses 'super'");
        return;
      case 'PrivateIdentifier':
        if (!inside.privateNames.includes(node.name)) this.#tie(`uses the private '#${node.name}'`);
        return;
      case 'MetaProperty':
        if (node.meta.name === 'import') this.#tie("uses 'import.meta'", 'pass what it needs of it as an argument');
        else if (!inside.bindsThis) this.#tie("uses 'new.target' of what is around it");
        return;
      case 'ImportExpression':
        this.#import(node.source);
        break;
      case 'CallExpression':
        if (node.callee.type === 'Identifier' && node.callee.name === 'eval') {
          this.#tie("uses 'eval', which reaches all there is");
        }
        break;
      default:
        break;
    }
    this.#scoped(node, inside);
  }

  #refer({ name, start }: Identifier, parent: AnyNode, { bindsThis }: Inside): void {
    if (this.#inner.some(({ names }) => names.has(name))) return;
    if (name === 'arguments') {
      if (!bindsThis)
        this.#tie("uses 'arguments' of the function around it", 'take them as parameters: (...parameters) =>');
      return;
    }
    const scope = this.#outer.findLast(({ names }) => names.has(name));
    // `typeof name` is how code asks whether a global exists.
    if (scope === undefined && parent.type === 'UnaryExpression' && parent.operator === 'typeof') return;
    if (this.#free.has(name)) return;
    const top = scope?.node.type === 'Program';
    this.#free.set(name, { name: shownName(name, parent), binding: scope?.names.get(name), top, at: start });
  }

  #import(source: AnyNode): void {
    if (source.type === 'Literal' && typeof source.value === 'string' && isBuiltin(source.value)) return;
    const what = source.type === 'Literal' ? `'${String(source.value)}'` : 'what it works out';
    this.#tie(`imports ${what}, which is looked up from where it stands`, 'export it from its module');
  }

  #tie(what: string, hint = 'export a function that calls it, and is given what it needs'): void {
    this.#ties.set(what, { what, hint });
  }
}

/** What a node binds for itself and those below it. */
function within(node: AnyNode, parent: AnyNode, around: Inside): Inside {
  if (node.type === 'ClassBody') {
    const privateNames = node.body.flatMap((member) =>
      'key' in member && member.key.type === 'PrivateIdentifier' ? [member.key.name] : [],
    );
    return { ...around, privateNames: [...around.privateNames, ...privateNames] };
  }
  if (node.type === 'StaticBlock') return { ...around, bindsThis: true, bindsSuper: true };
  if (parent.type === 'PropertyDefinition' && node === parent.value) {
    return { ...around, bindsThis: true, bindsSuper: true };
  }
  if (isFunction(node) && node.type !== 'ArrowFunctionExpression') {
    const isMethod =
      parent.type === 'MethodDefinition' || (parent.type === 'Property' && (parent.method || parent.kind !== 'init'));
    return { ...around, bindsThis: true, bindsSuper: isMethod };
  }
  return around;
}

/** Test runners make `import { rate }` a member of an object of theirs: the user knows it as `rate`. */
function shownName(name: string, parent: AnyNode): string {
  const isTheirs = name.startsWith('__vite_ssr_import_') || name.startsWith('__vi_import_');
  return isTheirs && parent.type === 'MemberExpression' && parent.property.type === 'Identifier'
    ? parent.property.name
    : name;
}

/** Not the name of a member, a key or a label. What declares a name is taken for a use of it, and finds itself. */
function isReference(node: Identifier, parent: AnyNode): boolean {
  switch (parent.type) {
    case 'MemberExpression':
      return parent.computed || parent.object === node;
    case 'Property':
      return parent.computed || parent.shorthand || parent.value === node;
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.computed || parent.value === node;
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'MetaProperty':
      return false;
    default:
      return true;
  }
}
