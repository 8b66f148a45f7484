import { connect } from '../lib/database.mjs';
import { isAccessDenied } from '../lib/mysql-errors.mjs';
import { databaseCredentials } from '../lib/secrets.mjs';
import { randomPassword } from './random-password.mjs';

/** Excludes what Aurora rejects in a master password (/ @ " and spaces), and what needs quoting in shells and connection strings. */
const PASSWORD = { PasswordLength: 32, ExcludeCharacters: '/@"\'\\`$%&?#;:{}[]()<>|~^*!,+= ', RequireEachIncludedType: true };

/** A database user that changes its own password (single-user strategy). Open sessions stay valid. */
export function databaseKind(client, settings) {
  const logIn = (secret, name) => connect(settings, databaseCredentials(secret, name));

  return {
    renew: async () => ({ password: await randomPassword(client, PASSWORD) }),

    async put({ pending, current, previous }) {
      requireSameUser(pending, current);
      if (await succeeds(logIn(pending, 'AWSPENDING'))) return 'the database already has the pending password';

      // AWSPREVIOUS is for a database that was restored to a time before the last rotation.
      for (const [name, secret] of [['AWSCURRENT', current], ['AWSPREVIOUS', previous]]) {
        if (secret === undefined) continue;
        requireSameUser(pending, secret);
        const connection = await unlessDenied(logIn(secret, name));
        if (connection === undefined) continue;
        await using(connection, () => changeOwnPassword(connection, pending.password));
        return `password changed, logged in with ${name}`;
      }
      throw new Error('the database rejects the pending, the current and the previous password');
    },

    async test(pending) {
      const connection = await logIn(pending, 'AWSPENDING');
      await using(connection, () => connection.query('SELECT 1'));
    },
  };
}

/** A manually edited secret must not change the password of another user. */
function requireSameUser(pending, other) {
  if (pending.username !== other.username) throw new Error('the pending version is for another user than the earlier versions');
}

/** Undefined if the database rejects the password. All other errors, such as an unreachable database, are thrown. */
async function unlessDenied(connecting) {
  try {
    return await connecting;
  } catch (error) {
    if (isAccessDenied(error)) return undefined;
    throw error;
  }
}

async function succeeds(connecting) {
  const connection = await unlessDenied(connecting);
  connection?.destroy();
  return connection !== undefined;
}

async function using(connection, work) {
  try {
    await work();
  } finally {
    connection.destroy();
  }
}

async function changeOwnPassword(connection, password) {
  const [[{ account }]] = await connection.query('SELECT CURRENT_USER() AS account');
  const at = account.lastIndexOf('@');
  try {
    await connection.query('ALTER USER ?@? IDENTIFIED BY ?', [account.slice(0, at), account.slice(at + 1), password]);
  } catch (error) {
    // The driver's error contains the statement, and so the password.
    throw new Error(`the database did not change the password: ${error.code}`);
  }
}
