/**
 * Makes the function that splits a file into its statements for one dialect of SQL: at the semicolons, those in comments and quotes
 * excepted, and with a space for each comment. `comments` are regular expressions, and so are `tokens`, for what stays in one piece.
 */
export function splitter({ comments, tokens }) {
  const any = (expressions) => expressions.map(({ source }) => source).join('|');
  // Whichever begins at a position, else one character.
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
