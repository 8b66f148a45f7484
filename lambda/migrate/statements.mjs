/**
 * Returns a function that splits SQL into statements, at semicolons outside comments and quotes, and replaces each comment by a space.
 * `comments` and `tokens` (quoted text and identifiers) are the regular expressions of a SQL dialect.
 */
export function splitter({ comments, tokens }) {
  const any = (expressions) => expressions.map(({ source }) => source).join('|');
  // A comment, a token, or one character.
  const token = new RegExp(`(?<comment>${any(comments)})|${any(tokens)}|[\\s\\S]`, 'g');
  return (sql) => {
    const statements = [''];
    for (const { 0: text, groups } of sql.matchAll(token)) {
      if (text === ';') statements.push('');
      else statements[statements.length - 1] += groups.comment === undefined ? text : ' ';
    }
    return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
  };
}
