// Loads the handler of a function package: "path/file.export", as an ES module or as CommonJS.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

// Lambda splits at the first dot of the last path segment; what follows may be a path into the exports.
function split(handler) {
  const base = path.posix.basename(handler);
  const dot = base.indexOf('.');
  if (dot <= 0 || dot === base.length - 1) {
    throw named('Runtime.MalformedHandlerName', `Bad handler: ${handler}`);
  }
  return { module: path.posix.join(path.posix.dirname(handler), base.slice(0, dot)), exported: base.slice(dot + 1) };
}

async function importModule(root, module) {
  const candidates = ['', '.js', '.mjs', '.cjs'].map((extension) => path.resolve(root, module + extension));
  const file = candidates.slice(1).find(existsSync) ?? candidates.find(existsSync);
  if (!file) {
    throw named('Runtime.ImportModuleError', `Error: Cannot find module '${module}'`);
  }
  try {
    if (file.endsWith('.cjs')) return createRequire(file)(file);
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw named('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
}

const walk = (object, names) => names.reduce((value, name) => value?.[name], object);

export async function loadHandler(root, handler) {
  const { module, exported } = split(handler);
  const loaded = await importModule(root, module);
  const names = exported.split('.');
  const found = walk(loaded, names) ?? walk(loaded.default, names);
  if (found === undefined) {
    throw named('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw named('Runtime.HandlerNotFound', `${handler} is not a function`);
  }
  return found;
}
