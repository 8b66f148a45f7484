/** Reads settings from environment variables. A missing or invalid one fails at the start, with its name. */
import { tryParseJson } from './json.mjs';

export class ConfigError extends Error {
  name = 'ConfigError';
}

export function requiredText(env, name) {
  const value = env[name];
  if (value === undefined || value.trim() === '') throw new ConfigError(`environment variable ${name} is not set`);
  return value;
}

export function optionalInteger(env, name, { fallback, min, max }) {
  if (env[name] === undefined || env[name] === '') return fallback;
  const value = Number(env[name]);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ConfigError(`environment variable ${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

export function requiredJson(env, name) {
  const value = tryParseJson(requiredText(env, name));
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError(`environment variable ${name} must be a JSON object`);
  }
  return value;
}

export function optionalChoice(env, name, { fallback, choices }) {
  const value = env[name] || fallback;
  if (!choices.includes(value)) throw new ConfigError(`environment variable ${name} must be ${choices.join(' or ')}`);
  return value;
}

/** The environment of this function: blue or green. */
export function environmentName(env) {
  const name = requiredText(env, 'ENVIRONMENT');
  if (name !== 'blue' && name !== 'green') throw new ConfigError('environment variable ENVIRONMENT must be blue or green');
  return name;
}

/** `prefix` selects the database (BLUE_DB_HOST); `port` is the engine's default. */
export function databaseSettings(env, { prefix = '', port = 3306 } = {}) {
  return {
    host: requiredText(env, `${prefix}DB_HOST`),
    port: optionalInteger(env, `${prefix}DB_PORT`, { fallback: port, min: 1, max: 65535 }),
    database: requiredText(env, `${prefix}DB_NAME`),
  };
}
