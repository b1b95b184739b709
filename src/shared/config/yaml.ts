import { LineCounter, parseDocument, visit, type YAMLError } from 'yaml'

/**
 * The document's content, with mappings as maps and scalars as text; null if it is empty or has
 * faults. Faults are passed to `complain`: where (`, line 2, column 1`) and what, without quoting
 * the document.
 */
export function parseYaml(
  text: string,
  complain: (where: string, message: string) => void,
): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    // Scalars stay text, as in the environment: `prefix: 001` must not become the number 1.
    schema: 'failsafe',
    stringKeys: true,
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  })
  // Reports only the parser's first error, because the others usually follow from it.
  const faults = [...document.errors, ...document.warnings]
    .slice(0, 1)
    .map((error) => ({ offset: error.pos[0], message: syntaxMessage(error) }))
  visit(document, {
    Alias(_, alias) {
      if (faults.length > 0 || alias.resolve(document)) return
      const message = 'an alias without its anchor; text that begins with * needs quotes.'
      faults.push({ offset: alias.range?.[0] ?? 0, message })
    },
  })
  for (const { offset, message } of faults) {
    const { line, col } = lines.linePos(offset)
    complain(`, line ${line}, column ${col}`, message)
  }
  return faults.length > 0 ? null : document.toJS({ mapAsMap: true })
}

/** The parser's message, without the piece of the file that some end with. */
function syntaxMessage({ code, message }: YAMLError): string {
  switch (code) {
    case 'BAD_DQ_ESCAPE':
      return 'invalid escape sequence in a text in double quotes.'
    case 'TAG_RESOLVE_FAILED':
      return 'a tag; text that begins with ! needs quotes.'
    default:
      return `${message.replace(/:\s.*$/s, '')}.`
  }
}
