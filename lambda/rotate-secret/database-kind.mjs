import { connect } from '../lib/database.mjs';
import { isAccessDenied } from '../lib/mysql-errors.mjs';
import { databaseCredentials } from '../lib/secrets.mjs';
import { randomPassword } from './random-password.mjs';

/** What Aurora refuses in a master password (/ @ " and spaces), and what shells and connection strings trip over. */
const PASSWORD = { PasswordLength: 32, ExcludeCharacters: '/@"\'\\`$%&?#;:{}[]()<>|~^*!,+= ', RequireEachIncludedType: true };

/** A database user that changes its own password (single-user strategy). Old sessions go on; new ones need the new password. */
export function databaseKind(client, settings) {
  const logIn = (secret, name) => connect(settings, databaseCredentials(secret, name));

  return {
    renew: async () => ({ password: await randomPassword(client, PASSWORD) }),

    async put({ pending, current, previous }) {
      refuseOtherUser(pending, current);
      if (await succeeds(logIn(pending, 'AWSPENDING'))) return 'the database has the pending password already';

      // Previous is for a database that was restored to a time before the last rotation.
      for (const [name, secret] of [['AWSCURRENT', current], ['AWSPREVIOUS', previous]]) {
        if (secret === undefined) continue;
        refuseOtherUser(pending, secret);
        const connection = await unlessDenied(logIn(secret, name));
        if (connection === undefined) continue;
        await using(connection, () => changeOwnPassword(connection, pending.password));
        return `password changed, logged in with ${name}`;
      }
      throw new Error('the database refuses the pending, the current and the previous password');
    },

    async test(pending) {
      const connection = await logIn(pending, 'AWSPENDING');
      await using(connection, () => connection.query('SELECT 1'));
    },
  };
}

/** Otherwise a secret edited by hand would change somebody else's password. */
function refuseOtherUser(pending, other) {
  if (pending.username !== other.username) throw new Error('the pending version names another user than the versions before it');
}

/** Only a refused password means "try the next one": an unreachable database is an error. */
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
    // The driver's error carries the statement, and with it the password.
    throw new Error(`the database did not change the password: ${error.code}`);
  }
}
