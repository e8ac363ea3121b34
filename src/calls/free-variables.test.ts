import { expect, test } from 'vitest';
import { surroundingsOf } from './free-variables.ts';
import { MODULE, parseScript } from './parse-script.ts';
import { findFunction } from './scopes.ts';

/** Of the function whose parameters begin at `@`. */
function surroundings(marked: string): ReturnType<typeof surroundingsOf> {
  const offset = marked.indexOf('@');
  const found = findFunction(parseScript(marked.replace('@', ''), MODULE), offset);
  if (found === undefined) throw new Error('no function there');
  return surroundingsOf(found);
}

test.each<[free: string, text: string]>([
  ['', 'const f = @(a, b) => a + b'],
  ['outer', 'const outer = 1; const f = @(a) => a + outer'],
  ['a', 'let a; const f = @() => { { let a; } return a }'],
  ['', 'let a; const f = @() => { if (true) { var a = 1 } return a }'],
  ['', 'const f = @() => { return g(); function g() { return 1 } }'],
  ['', 'const f = function @(n) { return n && f2(n - 1); function f2() {} }'],
  ['', 'const f = function inner@(n) { return n && inner(n - 1) }'],
  ['', 'function f@(n) { return n && f(n - 1) }'],
  ['f', 'const f = @(n) => n && f(n - 1)'],
  ['c,d', 'const c = 1, d = 2; const f = @({ a = c, [d]: b }, ...[e]) => a + b + e'],
  ['', 'const f = @() => { try { g() } catch ({ message: [m] }) { return m } function g() {} }'],
  ['e', 'const e = 1; const f = @() => { try { throw 1 } catch (e) {} return e }'],
  ['i', 'let i; const f = @() => { for (let i = 0; i < 1; i++); return i }'],
  ['', 'const f = @() => { for (var i of [1]); return i }'],
  ['x', 'const x = 1; const f = @(v) => { switch (v) { case 1: let x = 1; } return x }'],
  ['', 'const f = @(v) => { switch (v) { case 1: let x = 1; case 2: return x } }'],
  ['key', 'const key = 1, b = 2; const f = @(a) => ({ [key]: a.b, b: a?.key })'],
  ['b', 'const b = 2; const f = @() => ({ b })'],
  ['Base,k', 'class Base {} const k = 1; const f = @() => class A extends Base { #p = k; m() { return A } }'],
  ['', 'const f = @() => { label: for (;;) { continue label } }'],
  ['tag,part', 'const tag = 0, part = 0; const f = @() => tag`a${part}b`'],
  ['Math,y', 'const f = @() => Math.max(typeof z, y)'],
  ['z', 'const z = 1; const f = @() => typeof z'],
  ['imported', "import { imported } from 'x'; const f = @() => imported()"],
  ['n', 'function make(n) { return @() => n }'],
  ['n', 'const n = 0; function make() { return @() => n; { let n } }'],
  ['late', 'const f = @() => late; const late = 1'],
  ['a', 'const o = { m@() { return a } }; let a'],
  ['', 'let a; const o = { [a]: @(x) => x }'],
  ['x', 'let x; const f = @() => { x = 1; x++ }'],
  ['w', 'var w; { function g() {} } const f = @() => w'],
  ['shadow', 'const shadow = 1; const f = @() => { const g = (shadow) => shadow; return g(shadow) }'],
])('free: "%s" in %s', (free, text) => {
  expect(
    surroundings(text)
      .free.map(({ name }) => name)
      .join(),
  ).toBe(free);
});

test.each<[tie: string, text: string]>([
  ['', 'const f = function @() { return this }'],
  ["uses 'this' of what is around it", 'const f = @() => this'],
  ["uses 'this' of what is around it", 'const f = @() => [() => this]'],
  ['', 'const f = @() => function () { return () => this }'],
  ['', 'const f = @() => class { a = this; static { this.b = () => this } }'],
  ["uses 'this' of what is around it", 'const f = @() => class { [this.a]() {} }'],
  ["uses 'super'", 'const o = { m@() { return super.m() } }'],
  ['', 'const f = @() => ({ m() { return () => super.m() } })'],
  ["uses the private '#p'", 'class A { #p; m@() { return this.#p } }'],
  ["uses the private '#p'", 'class A { #p; static has = @(o) => #p in o }'],
  ['', 'const f = @() => class { #p = 1; m() { return this.#p } }'],
  ["uses 'arguments' of the function around it", 'function g() { return @() => arguments[0] }'],
  ['', 'const f = function @() { return () => arguments[0] }'],
  ["uses 'import.meta'", 'const f = @() => import.meta.dirname'],
  ["uses 'new.target' of what is around it", 'function g() { return @() => new.target }'],
  ['', 'const f = function @() { return new.target }'],
  ["imports './a.js', which is looked up from where it stands", "const f = @() => import('./a.js')"],
  ['', "const f = @() => import('node:fs')"],
  ['imports what it works out, which is looked up from where it stands', 'const f = @(x) => import(x)'],
  ["uses 'eval', which reaches all there is", "const f = @() => eval('1')"],
])('tie: "%s" in %s', (tie, text) => {
  expect(
    surroundings(text)
      .ties.map(({ what }) => what)
      .join(),
  ).toBe(tie);
});
